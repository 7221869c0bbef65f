"""``covidmtl convert``: any scan as one file in HU, without what names the patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from COVIDMTLApp.options import Scan, Series


def convert(
    scan: Scan,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .nii.gz, .nrrd or .mha.")],
    series: Series = None,
) -> None:
    """Write a scan as one file in HU: voxels and geometry, nothing of the header that names the patient."""
    from COVIDMTLApp import console

    with console.running("Convert") as (progress, cancelled):
        from ChestCTLib.io import read_volume, write_image
        from ChestCTLib.progress import part

        volume = read_volume(scan, series, part(progress, 0.0, 0.8), cancelled)
        write_image(volume.hu, volume, output)
        console.emit({"result": {"file": output.name, "warnings": list(volume.warnings)}})
        for warning in volume.warnings:
            console.say(f"warning: {warning}")
        console.say(f"{output}: {' x '.join(str(size) for size in volume.shape)} voxels (z, y, x)")
