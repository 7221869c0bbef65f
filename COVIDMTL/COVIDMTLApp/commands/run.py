"""``covidmtl run``: a CT in, a reviewed case out."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from COVIDMTLApp.options import Device, LungMethod, Scan, Series


class Sex(str, Enum):
    """The patient's sex."""

    female = "female"
    male = "male"


class Part(str, Enum):
    """Parts of a case that may be left out."""

    features = "features"
    network = "network"
    intensity_map = "intensity-map"


def run(
    scan: Scan,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the case; an earlier case there is replaced.")],
    device: Annotated[Device, typer.Option(help="What networks run on.")] = Device.auto,
    lungs: Annotated[LungMethod, typer.Option(help="Lung method.")] = LungMethod.refined,
    lesions: Annotated[
        str | None, typer.Option(help="Lesion method: hu-bands, or the id of a network (see `covidmtl models`).")
    ] = None,
    lung_mask: Annotated[
        Path | None, typer.Option(help="Lungs to take (1 right, 2 left), such as a mask corrected by hand.")
    ] = None,
    lesion_mask: Annotated[
        Path | None, typer.Option(help="Lesions to take (1 ground glass, 2 consolidation), such as a corrected mask.")
    ] = None,
    lesion_source: Annotated[
        str | None, typer.Option(help="What made the given lesions, for the report; the mask's name without it.")
    ] = None,
    corrected: Annotated[
        bool, typer.Option(help="The given lesions were corrected by hand; the report says so.")
    ] = False,
    series: Series = None,
    age: Annotated[float | None, typer.Option(help="Age in years, for the models that use age and sex.")] = None,
    sex: Annotated[Sex | None, typer.Option(help="Sex, for the same models.")] = None,
    without: Annotated[list[Part] | None, typer.Option(help="Leave this part out; may be given several times.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    case_id: Annotated[
        str | None, typer.Option(help="Name of the case in the report; without it a neutral one that names no patient.")
    ] = None,
    scene: Annotated[bool, typer.Option(help="Write a Slicer scene, where its libraries are installed.")] = True,
) -> None:
    """Run the whole case: lungs, lesions, measures, models, report and scene."""
    from COVIDMTLApp import console

    with console.running("Case") as (progress, cancelled):
        from ChestCTLib.io.labels import read_labels, read_lungs
        from ChestCTLib.io.reader import read_volume
        from ChestCTLib.labels import LESION_LABELS
        from ChestCTLib.progress import part
        from COVIDMTLApp.scene_file import scene_writer
        from COVIDMTLLib.case_files import SUMMARY_KEYS, check_case_folder, write_case
        from COVIDMTLLib.case_settings import CaseSettings
        from COVIDMTLLib.pipeline import GivenMasks, run_case

        settings = CaseSettings(
            lungs=lungs.value,
            lesions=lesions,
            device=device.value,
            seed=seed,
            age=age,
            sex=sex.value if sex else None,
            without=frozenset(p.value for p in without or ()),
            case_id=case_id,
        )
        check_case_folder(out)
        volume = read_volume(scan, series, part(progress, 0.0, 0.1), cancelled)
        given = GivenMasks(
            read_lungs(lung_mask, volume) if lung_mask else None,
            read_labels(lesion_mask, volume, LESION_LABELS) if lesion_mask else None,
            lesion_source or f"the mask {lesion_mask.name if lesion_mask else ''}".strip(),
            corrected,
        )
        case = run_case(volume, settings, part(progress, 0.1, 0.9), cancelled, given)
        progress(0.9, "Report and scene")
        write_case(case, out, scene_writer(case) if scene else None)
        progress(1.0, "Done")
        measures = {m.key: m for s in case.report.sections for m in s.measures}
        console.emit({"result": {"case": str(out), "case_id": case.report.case_id}})
        for warning in case.report.warnings:
            console.say(f"warning: {warning}")
        console.say_measures(measures[key] for key in SUMMARY_KEYS if key in measures)
        console.say(f"Report: {out / 'report.html'}")
