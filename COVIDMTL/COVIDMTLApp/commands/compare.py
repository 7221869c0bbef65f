"""``covidmtl compare``: two time points of one patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Case folder of the first scan, made by covidmtl run.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Case folder of the second scan.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the comparison's report.")],
    min_lesion_ml: Annotated[float, typer.Option(help="Lesions below are not followed one by one, mL.")] = 0.1,
    reach_mm: Annotated[float, typer.Option(help="How far apart the same lesion may lie once registered, mm.")] = 5.0,
) -> None:
    """Say what changed between two scans of one patient: volumes by zone, new, resolved and persisting lesions."""
    from COVIDMTLApp import console

    with console.running("Comparison") as (progress, cancelled):
        from ChestCTLib.progress import part
        from COVIDMTLLib.follow_up import FollowUpSettings, read_time_point
        from COVIDMTLLib.follow_up import compare as compare_time_points
        from COVIDMTLLib.follow_up.change_mask import write_change
        from COVIDMTLLib.follow_up.section import SUMMARY_KEYS, write_follow_up

        settings = FollowUpSettings(min_lesion_ml=min_lesion_ml, reach_mm=reach_mm)
        points = read_time_point(first), read_time_point(second)
        found = compare_time_points(*points, settings, part(progress, 0.1, 0.9), cancelled)
        report = write_follow_up(found, points, settings, out)
        write_change(found, points, out)
        console.emit({"result": {"folder": str(out), "case_id": report.case_id}})
        for warning in found.warnings:
            console.say(f"warning: {warning}")
        console.say_measures(report.measure(key) for key in SUMMARY_KEYS)
        console.say(f"Report: {out / 'report.html'}")
