"""One reproduced table or figure: rows beside the paper's, notes and pictures."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from ChestCTLib.io.atomic import atomic_folder

Cell = str | int | float
FIGURE_DPI = 150


@dataclass(frozen=True)
class Reproduction:
    """A reproduced table or figure.

    Attributes:
        name: Stem of the files, such as "table3".
        title: Heading.
        columns: Column names.
        rows: One cell a column.
        notes: What the reader must know.
        figures: Figures by file stem.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    figures: dict[str, Figure] = field(default_factory=dict)

    def write(self, folder: Path) -> list[Path]:
        """Write ``<name>.csv`` and the figures as PNG, whole or not at all.

        Returns:
            The files written.

        Raises:
            OutputError: The folder cannot be written.
        """
        with atomic_folder(folder) as temporary:
            with (temporary / f"{self.name}.csv").open("w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow(self.columns)
                writer.writerows(self.rows)
            for stem, figure in self.figures.items():
                figure.savefig(temporary / f"{stem}.png", dpi=FIGURE_DPI)
            names = sorted(path.name for path in temporary.iterdir())
        return [folder / name for name in names]

    def column(self, name: str) -> list[Cell]:
        """All cells of one column."""
        return [row[self.columns.index(name)] for row in self.rows]
