"""The log of a training: one CSV row an epoch, on disk at once, and the same numbers for TensorBoard."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Any

from ChestCTLib.errors import InputError
from ChestCTLib.io.atomic import atomic_path

LOG_NAME = "log.csv"


class TrainingLog:
    """Append rows of numbers that can be read while the training runs.

    Args:
        folder: Folder of the run; ``log.csv`` and, if wanted and installed, ``tensorboard/`` lie in it.
        columns: Names of the columns; the first counts the epochs (or steps) and grows from row to row.
        first: The first epoch that will be logged. Rows of a previous run from there on are removed, earlier ones kept.
        tensorboard: Also write TensorBoard events; silently only CSV where TensorBoard is not installed.

    Raises:
        InputError: The folder's log has other columns: it belongs to another kind of run.
    """

    def __init__(self, folder: Path, columns: tuple[str, ...], first: int = 0, tensorboard: bool = True) -> None:
        self.path = folder / LOG_NAME
        self.columns = columns
        earlier = read_log(self.path) if self.path.is_file() else []
        kept = [row for row in earlier if (row.get(columns[0]) or 0) < first]
        if kept and tuple(kept[0]) != columns:
            raise InputError(f"{LOG_NAME} has the columns {', '.join(kept[0])}.", "Choose another folder for this run.")
        with atomic_path(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            writer.writerows([["" if value is None else value for value in row.values()] for row in kept])
        self._events = _events(folder, first) if tensorboard else None

    def write(self, row: dict[str, float | int | None]) -> None:
        """Append one row; a value that could not be computed is None and becomes an empty cell.

        Raises:
            InputError: The row's names are not the log's columns.
        """
        if set(row) != set(self.columns):
            raise InputError(f"A log row has the columns {sorted(row)}, the log has {sorted(self.columns)}.")
        with self.path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(["" if row[name] is None else row[name] for name in self.columns])
        if self._events is not None:
            step = int(row[self.columns[0]] or 0)
            for name in self.columns[1:]:
                if row[name] is not None:
                    self._events.add_scalar(name, row[name], step)
            self._events.flush()

    def close(self) -> None:
        """Finish the TensorBoard file; the CSV is complete at any time."""
        if self._events is not None:
            self._events.close()

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read_log(path: Path) -> list[dict[str, float | None]]:
    """Read a log, also while it grows; empty cells are None, a half-written last row is left out."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    if not rows:
        return []
    return [
        {name: float(cell) if cell else None for name, cell in zip(rows[0], row, strict=True)}
        for row in rows[1:]
        if len(row) == len(rows[0])
    ]


def _events(folder: Path, first: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=first)
