"""``covidmtl evaluate map-prognosis``: Table 7 of the intensity-map paper on a table of your own cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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

    with console.running("Prognosis") as (progress, cancelled):
        from ChestCTLib.case_report import RESEARCH_NOTICE
        from ChestCTLib.io.atomic import atomic_path
        from ChestCTLib.reporting.csv_view import table_csv
        from COVIDMTLLib.map_prognosis import PrognosisSettings, evaluate_prognosis, read_prognosis_table

        settings = PrognosisSettings(trees, survivors, repeats, seed)
        found = evaluate_prognosis(read_prognosis_table(table), settings, progress=progress, cancelled=cancelled)
        shown = found.table()
        path = out / "prognosis.csv"
        with atomic_path(path) as temporary:
            temporary.write_text(table_csv(shown), encoding="utf-8")
        console.emit({"result": {"table": str(path), "patients": found.patients, "deceased": found.deceased}})
        for warning in found.warnings:
            console.say(f"warning: {warning}")
        for row in shown.shown_rows():
            console.say(f"{row[0]}: AUC {row[2]} (sd {row[3]})")
        console.say(RESEARCH_NOTICE)
        console.say(f"{shown.title}. Table: {path}")
