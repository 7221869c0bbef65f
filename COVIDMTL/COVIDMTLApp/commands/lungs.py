"""``covidmtl lungs`` and ``covidmtl evaluate lungs``: lungs out of a CT, and how good they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from COVIDMTLApp.options import LungMethod, Scan, Series


def lungs(
    scan: Scan,
    output: Annotated[Path, typer.Option("--output", "-o", help="Mask to write: .nii.gz, .nrrd or .seg.nrrd.")],
    method: Annotated[LungMethod, typer.Option(help="Segmentation method.")] = LungMethod.refined,
    reference: Annotated[Path | None, typer.Option(help="Lung mask to compare with, on the scan's grid.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this JSON file.")] = None,
    airway: Annotated[Path | None, typer.Option(help="Write trachea and main bronchi (label 3) here.")] = None,
    recovered: Annotated[Path | None, typer.Option(help="Write what refinement added (label 1) here.")] = None,
    classical: Annotated[Path | None, typer.Option(help="Write the classical method's lungs here.")] = None,
    working_spacing: Annotated[float, typer.Option(help="refined: grid it works on, mm.")] = 2.0,
    costal_reach: Annotated[float, typer.Option(help="refined: largest opacity bridged at the chest wall, mm.")] = 30.0,
    inner_reach: Annotated[float, typer.Option(help="refined: the same at heart and diaphragm, mm.")] = 4.0,
    series: Series = None,
) -> None:
    """Segment right (1) and left (2) lung on the scan's own grid."""
    from COVIDMTLApp import console

    with console.running("Lungs") as (progress, cancelled):
        import time

        from ChestCTLib.io import read_labels, read_volume, write_labels
        from ChestCTLib.labels import AIRWAY, LUNG_LABELS, RECOVERED
        from ChestCTLib.progress import part
        from LungRefineLib import LungSettings, segment_lungs

        volume = read_volume(scan, series, part(progress, 0.0, 0.3), cancelled)
        truth = None if reference is None else read_labels(reference, volume)
        started = time.perf_counter()
        settings = LungSettings(
            method=method.value,
            working_spacing_mm=working_spacing,
            costal_reach_mm=costal_reach,
            inner_reach_mm=inner_reach,
        )
        result = segment_lungs(volume, settings, part(progress, 0.3, 0.9), cancelled)
        figures = _figures(result, time.perf_counter() - started)
        figures["warnings"] = [*volume.warnings, *result.warnings]
        if truth is not None:
            from ChestCTLib.overlap import overlap_measures

            figures.update(overlap_measures(result.lungs, truth, volume.spacing_mm))
        progress(0.9, "writing files")
        write_labels(result.lungs, volume, output, LUNG_LABELS)
        if airway is not None:
            write_labels(result.airway.astype("uint8") * AIRWAY.value, volume, airway, (AIRWAY,))
        if classical is not None:
            write_labels(result.classical, volume, classical, LUNG_LABELS)
        if recovered is not None:
            write_labels(result.recovered.astype("uint8"), volume, recovered, (RECOVERED,))
        if json_file is not None:
            _write_json(figures, json_file)
        for warning in figures["warnings"]:
            console.say(f"warning: {warning}")
        volumes = figures["volume_ml"]
        console.say(f"{output}: right {volumes['right']:.0f} mL, left {volumes['left']:.0f} mL")
        if figures.get("dice") is not None:
            console.say(f"Dice with the reference: {figures['dice']:.4f}")
        console.emit({"result": figures})


def evaluate_lungs(
    folder: Annotated[Path, typer.Argument(metavar="SLICES_DIR", help="Slice set with ct/, lungs/ and cases.csv.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this JSON file.")] = None,
    method: Annotated[
        list[LungMethod] | None, typer.Option(help="Only this method; may be given several times.")
    ] = None,
    case: Annotated[list[str] | None, typer.Option(help="Only this case; may be given several times.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Folder of finished cases: a run that was stopped goes on from there.")
    ] = None,
) -> None:
    """Measure the lung methods side by side on a labelled slice set."""
    from COVIDMTLApp import console

    with console.running("Evaluate lungs") as (progress, cancelled):
        from ChestCTLib.errors import InputError
        from ChestCTLib.io.slices import read_slice_set
        from ChestCTLib.progress import part
        from LungRefineLib.settings import METHODS
        from LungRefineLib.slice_sets import SliceScore, keep_scores, kept_scores, measure_case, summary

        known = read_slice_set(folder)
        cases = [one for one in known if not case or one.name in case]
        missing = sorted(set(case or ()) - {one.name for one in known})
        if missing or not cases:
            raise InputError(f"The set has no case {', '.join(missing)}.", "See its cases.csv.")
        methods = tuple(one for one in METHODS if not method or one in {chosen.value for chosen in method})
        scores: dict[str, list[SliceScore]] = {one: [] for one in methods}
        for n, one in enumerate(cases):
            share = part(progress, n / len(cases), (n + 1) / len(cases))
            done = {name: kept_scores(keep, one, name) if keep else None for name in methods}
            missing_methods = [name for name in methods if done[name] is None]
            measured = measure_case(one, missing_methods, share, cancelled) if missing_methods else {}
            if keep and measured:
                keep_scores(keep, measured)
            for name in methods:
                scores[name] += done[name] or measured[name]
        figures: dict[str, Any] = {name: summary(found) for name, found in scores.items()}
        figures["set"] = {"name": folder.name, "cases": len(cases), "slices": sum(len(one.slices) for one in cases)}
        if json_file is not None:
            _write_json(figures, json_file)
        for line in _table(figures, methods, [one.name for one in cases]):
            console.say(line)
        console.emit({"result": figures})


def _figures(result: Any, seconds: float) -> dict[str, Any]:
    return {
        "method": result.method,
        "volume_ml": {"right": result.volume_ml[1], "left": result.volume_ml[2]},
        "seconds": seconds,
        "recovered_ml": result.recovered_ml,
        "recovered_hu": result.recovered_hu,
    }


def _table(figures: dict[str, Any], methods: tuple[str, ...], cases: list[str]) -> list[str]:
    """Dice of every case and method, with the mean over all slices below."""
    lines = ["case      slices  " + "  ".join(f"{name:>15}" for name in methods)]
    for case in [*cases, "all slices"]:
        rows = [figures[name] if case == "all slices" else figures[name]["cases"][case] for name in methods]
        cells = "  ".join(f"{_number(row['dice_mean'])} ± {_number(row['dice_std'])}" for row in rows)
        lines.append(f"{case:10}{rows[0]['slices']:6}  {cells}")
    return lines


def _number(value: float | None) -> str:
    return "   n/a" if value is None else f"{value:6.3f}"


def _write_json(figures: dict[str, Any], path: Path) -> None:
    import json

    from ChestCTLib.io.atomic import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
