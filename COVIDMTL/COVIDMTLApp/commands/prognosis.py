"""``covidmtl evaluate prognosis`` and ``evaluate map-prognosis``: Table 7 of the intensity-map paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from COVIDMTLLib.prognosis.leave_one_out import PrognosisTable


def evaluate_prognosis(
    cohort: Annotated[Path, typer.Option(help="Folder with features.csv.gz and labels.csv.", metavar="DIR")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV file to write.")],
    extent: Annotated[
        Path | None,
        typer.Option(help="Lesion extents: a CSV file with pid and one column a lesion type, in %.", metavar="CSV"),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Sub-samples of the survivors.", min=2)] = 10,
) -> None:
    """Predict cured or deceased, leaving one patient out: demographics, lung features, lesion extent (Table 7)."""
    from COVIDMTLApp import console
    from COVIDMTLLib.cohort.table import read_cohort
    from COVIDMTLLib.prognosis.cohort_outcomes import cohort_patients, cohort_sets, read_extents
    from COVIDMTLLib.prognosis.leave_one_out import PrognosisSettings, leave_one_out

    with console.running("Prognosis") as (progress, cancelled):
        lesions = None if extent is None else read_extents(extent)
        patients = cohort_patients(read_cohort(cohort), extent=lesions)
        settings = PrognosisSettings(repeats=repeats)
        _write(leave_one_out(patients, cohort_sets(lesions is not None), settings, progress, cancelled), output)


def evaluate_map_prognosis(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="CASES.csv",
            help="Columns patient, deceased (0, 1), and any of age, sex, extent_..., map_... "
            "(the last two from features.csv of covidmtl intensity-map).",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the table.")],
    repeats: Annotated[int, typer.Option(help="Draws of survivors, each with its own leave-one-out run.")] = 5,
    survivors: Annotated[int, typer.Option(help="Survivors drawn for each deceased patient.")] = 10,
    trees: Annotated[int, typer.Option(help="Trees of each model.")] = 100,
    seed: Annotated[int, typer.Option(help="Of draws and trees.")] = 0,
) -> None:
    """Predict death from demographics, map features and lesion extent, leaving one patient out at a time."""
    from COVIDMTLApp import console
    from COVIDMTLLib.prognosis.case_table import CASE_SETS, read_case_table
    from COVIDMTLLib.prognosis.leave_one_out import PrognosisSettings, leave_one_out

    with console.running("Prognosis") as (progress, cancelled):
        settings = PrognosisSettings(trees, survivors, repeats, seed)
        _write(leave_one_out(read_case_table(table), CASE_SETS, settings, progress, cancelled), out / "prognosis.csv")


def _write(found: PrognosisTable, path: Path) -> None:
    """Write Table 7, and say it with what must be known of it."""
    from ChestCTLib.case_report import RESEARCH_NOTICE
    from ChestCTLib.io.atomic import atomic_path
    from ChestCTLib.reporting.csv_view import table_csv
    from COVIDMTLApp import console

    shown = found.table()
    with atomic_path(path) as temporary:
        temporary.write_text(table_csv(shown), encoding="utf-8")
    for warning in found.warnings:
        console.say(f"warning: {warning}")
    for name, _, auc, spread, _, _, recall, _, everyone, _ in shown.shown_rows():
        console.say(f"{name}: AUC {auc} (sd {spread}), recall {recall}; AUC among all patients {everyone}")
    console.say(RESEARCH_NOTICE)
    console.say(f"{shown.title}. Table: {path}")
    console.emit({"result": {"table": str(path), "patients": found.patients, "deceased": found.deaths}})
