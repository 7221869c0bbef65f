"""``covidmtl phantom``: a made-up chest CT with known truth, for trying things out and for tests."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class PhantomDiagnosis(str, Enum):
    """The classes of disease a phantom can show."""

    covid = "covid"
    cap = "cap"
    none = "none"


def phantom(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the phantom into.")],
    diagnosis: Annotated[
        PhantomDiagnosis, typer.Option(help="covid, cap (community-acquired pneumonia) or none.")
    ] = PhantomDiagnosis.covid,
    seed: Annotated[int, typer.Option(help="Decides anatomy, lesions and noise.", min=0)] = 0,
    spacing: Annotated[tuple[float, float, float], typer.Option(help="Voxel spacing z y x in mm.", metavar="Z Y X")] = (
        2.5,
        1.5,
        1.5,
    ),
    closed_airway: Annotated[bool, typer.Option("--closed-airway", help="Plug the left main bronchus.")] = False,
    noise: Annotated[float | None, typer.Option(help="Noise deviation in HU; by default drawn from the seed.")] = None,
) -> None:
    """Write a phantom: ct.nii.gz, lungs.nii.gz, lesions.nii.gz and truth.json."""
    from ChestCTLib.phantom import PhantomSettings, make_phantom, write_phantom
    from ChestCTLib.progress import part
    from COVIDMTLApp import console

    with console.running("Phantom") as (progress, cancelled):
        settings = PhantomSettings(
            seed=seed, diagnosis=diagnosis.value, spacing_mm=spacing, closed_airway=closed_airway, noise_hu=noise
        )
        made = make_phantom(settings, part(progress, 0.0, 0.8), cancelled)
        progress(0.8, "writing files")
        truth = write_phantom(made, output)
        console.say(
            f"{output}: {settings.diagnosis} phantom, lungs {truth['lung_ml']['total']:.0f} mL, "
            f"{truth['lesion_count']} lesions, {truth['lesion_ml']['total']:.0f} mL"
        )
        console.emit({"result": truth})
