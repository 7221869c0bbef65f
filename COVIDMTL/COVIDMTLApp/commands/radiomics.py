"""``covidmtl radiomics``: the cohort's 375 lung features of one scan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def radiomics(
    source: Annotated[Path, typer.Argument(help="DICOM folder or zip, NIfTI, NRRD or MetaImage.", metavar="INPUT")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV file to write: feature, value.")],
    lungs: Annotated[
        Path | None, typer.Option(help="Lung mask on the scan's grid; segmented if not given.", metavar="MASK")
    ] = None,
    series: Annotated[str | None, typer.Option(help="Series UID, where the folder holds several series.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; one a core if not given.", min=0)] = None,
) -> None:
    """Compute the 375 lung features, with the names, order and definitions of the COVID-MTL cohort."""
    from ChestCTLib.io import read_lungs, read_volume
    from ChestCTLib.io.atomic import atomic_path
    from ChestCTLib.progress import part
    from COVIDMTLApp import console
    from COVIDMTLLib.radiomics import ExtractionSettings, extract_features
    from COVIDMTLLib.radiomics.extract import require_pyradiomics
    from LungRefineLib.segmentation import segment_lungs

    with console.running("Lung features") as (progress, cancelled):
        require_pyradiomics()  # before minutes of reading and segmenting
        volume = read_volume(source, series, part(progress, 0.0, 0.05), cancelled)
        if lungs is not None:
            mask = read_lungs(lungs, volume)
        else:
            mask = segment_lungs(volume, progress=part(progress, 0.05, 0.3), cancelled=cancelled).lungs
        table = extract_features(volume, mask, ExtractionSettings(workers), part(progress, 0.3, 1.0), cancelled)
        with atomic_path(output) as path:
            path.write_text(table.to_csv(), encoding="utf-8")
        console.emit({"result": {"file": str(output), "features": len(table.values), "undefined": len(table.missing)}})
        undefined = f", {len(table.missing)} undefined (n/a)" if table.missing else ""
        console.say(f"{output}: {len(table.values)} features of {table.lung_ml:.0f} mL of lung{undefined}")
