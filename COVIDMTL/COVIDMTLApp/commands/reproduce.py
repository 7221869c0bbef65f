"""``covidmtl reproduce``: tables and figures of the COVID-MTL paper from its released cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from COVIDMTLLib.cohort.reproduction import Reproduction

CohortOption = Annotated[Path, typer.Option(help="Folder with features.csv.gz and labels.csv.", metavar="DIR")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder for the CSV file and the figures.", metavar="OUT")
]
SMALL = 5e-5  # below, four digits would show 0.0000
ROWS_SHOWN = 80  # the longest table has 72 rows; figures' rows go to the CSV file


def reproduce_table3(cohort: CohortOption, output: OutputOption = None) -> None:
    """Table 3: RF and LGBM against radiology and nucleic acid test (about two minutes on one core)."""
    _forests("table3", cohort, output)


def reproduce_table4(cohort: CohortOption, output: OutputOption = None) -> None:
    """Table 4: RF and LGBM, severity (about two minutes on one core)."""
    _forests("table4", cohort, output)


def reproduce_table5(cohort: CohortOption, output: OutputOption = None) -> None:
    """Table 5: Welch's ANOVA of 24 features."""
    from COVIDMTLApp import console
    from COVIDMTLLib.cohort.table import read_cohort
    from COVIDMTLLib.cohort.tables import table5

    with console.running("Table 5"):
        _show(table5(read_cohort(cohort), cohort), output)


def reproduce_table8(
    cohort: CohortOption,
    output: OutputOption = None,
    seeds: Annotated[int, typer.Option(help="Runs of each loss.", min=1)] = 5,
) -> None:
    """Table 8: the multitask network on features alone, three losses, five seeds each (about a minute)."""
    from COVIDMTLApp import console
    from COVIDMTLLib.cohort.table import read_cohort
    from COVIDMTLLib.cohort.tables import table8

    with console.running("Table 8") as (progress, cancelled):
        _show(table8(read_cohort(cohort), seeds, progress=progress, cancelled=cancelled), output)


def reproduce_fig5(cohort: CohortOption, output: OutputOption = None) -> None:
    """Fig. 5: box plots of ten features by group."""
    from COVIDMTLApp import console
    from COVIDMTLLib.cohort.figures import fig5
    from COVIDMTLLib.cohort.table import read_cohort

    with console.running("Fig. 5"):
        _show(fig5(read_cohort(cohort)), output)


def reproduce_fig6(cohort: CohortOption, output: OutputOption = None) -> None:
    """Fig. 6: clustered heat map of the 24 features with bars for the patients."""
    from COVIDMTLApp import console
    from COVIDMTLLib.cohort.figures import fig6
    from COVIDMTLLib.cohort.table import read_cohort

    with console.running("Fig. 6"):
        _show(fig6(read_cohort(cohort), cohort), output)


def reproduce_fig8(
    cohort: CohortOption,
    output: OutputOption = None,
    patients: Annotated[tuple[int, int], typer.Option(help="An infected and a normal patient's number.")] = (17, 567),
) -> None:
    """Fig. 8: two patients' features side by side."""
    from COVIDMTLApp import console
    from COVIDMTLLib.cohort.figures import fig8
    from COVIDMTLLib.cohort.table import read_cohort

    with console.running("Fig. 8"):
        _show(fig8(read_cohort(cohort), patients), output)


def _forests(name: str, cohort: Path, output: Path | None) -> None:
    from COVIDMTLApp import console
    from COVIDMTLLib.cohort.table import read_cohort
    from COVIDMTLLib.cohort.tables import forest_table

    with console.running(name.replace("table", "Table ")) as (progress, cancelled):
        _show(forest_table(name, read_cohort(cohort), progress=progress, cancelled=cancelled), output)


def _show(result: Reproduction, output: Path | None) -> None:
    """Print what was found beside the paper's, and write the files."""
    from COVIDMTLApp import console

    console.say(result.title)
    if len(result.rows) <= ROWS_SHOWN:
        cells = [result.columns, *([_text(cell) for cell in row] for row in result.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(result.columns))]
        for row in cells:
            console.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for note in result.notes:
        console.say(note)
    files = [] if output is None else result.write(output)
    for path in files:
        console.say(f"Wrote {path}")
    console.emit({"result": {"name": result.name, "files": [str(path) for path in files]}})


def _text(cell: str | int | float) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.4f}" if cell == 0 or abs(cell) >= SMALL else f"{cell:.1e}"
