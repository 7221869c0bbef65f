"""How well two readers agree: overlap and volumes of their lesion masks, for each class and for both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.case_report import Column, Table
from ChestCTLib.errors import InputError
from ChestCTLib.labels import LESION_LABELS
from ChestCTLib.overlap import overlap_measures

LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Agreement:
    """Agreement on one class.

    Attributes:
        name: The class, or "both".
        dice: Dice coefficient; None when neither reader marked anything.
        first_ml: Volume by the first reader, mL.
        second_ml: Volume by the second reader, mL.
        difference_ml: Second minus first, mL.
        difference_percent: The same, of the mean of both, %; None when neither marked anything.
    """

    name: str
    dice: float | None
    first_ml: float
    second_ml: float
    difference_ml: float
    difference_percent: float | None


def agreement(first: LabelArray, second: LabelArray, voxel_ml: float) -> list[Agreement]:
    """Compare two readers' masks.

    Args:
        first: uint8 ``[z, y, x]``, 1 ground glass, 2 consolidation.
        second: Same grid.
        voxel_ml: Volume of a voxel, mL.

    Returns:
        Ground glass, consolidation, both classes together.

    Raises:
        InputError: The grids differ.
    """
    return list(agreement_in_steps(first, second, voxel_ml))


def agreement_in_steps(first: LabelArray, second: LabelArray, voxel_ml: float) -> Iterator[Agreement]:
    """:func:`agreement` one class at a time, for a GUI that must stay alive."""
    if first.shape != second.shape:
        raise InputError(f"The masks have {first.shape} and {second.shape} voxels.", "Compare masks of one scan.")
    box = _box(first, second)
    first, second = first[box], second[box]
    for label in LESION_LABELS:
        yield _agreement(label.name, first == label.value, second == label.value, voxel_ml)
    yield _agreement("both", first > 0, second > 0, voxel_ml)


def agreement_table(rows: list[Agreement], first: str, second: str) -> Table:
    """The agreement as a table of the report.

    Args:
        rows: As :func:`agreement` gives them.
        first: Name of the first reader's mask; the difference is the second's volume minus the first's.
        second: Name of the second reader's mask.
    """
    columns = (
        Column("class", "Class"),
        Column("dice", "Dice", decimals=3),
        Column("first", "First", "mL"),
        Column("second", "Second", "mL"),
        Column("difference_ml", "Difference", "mL"),
        Column("difference_percent", "Of their mean", "%"),
    )
    values = tuple(
        (row.name, row.dice, row.first_ml, row.second_ml, row.difference_ml, row.difference_percent) for row in rows
    )
    return Table("readers", f"Agreement of “{first}” and “{second}”", columns, values)


def _agreement(name: str, one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], voxel_ml: float) -> Agreement:
    first_ml, second_ml = (float(np.count_nonzero(mask) * voxel_ml) for mask in (one, other))
    mean = (first_ml + second_ml) / 2
    return Agreement(
        name=name,
        dice=overlap_measures(other, one, None)["dice"],
        first_ml=first_ml,
        second_ml=second_ml,
        difference_ml=second_ml - first_ml,
        difference_percent=100.0 * (second_ml - first_ml) / mean if mean else None,
    )


def _box(first: LabelArray, second: LabelArray) -> tuple[slice, ...]:
    """Where either mask holds anything."""
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(first.any(axis=others) | second.any(axis=others))
        box.append(slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 0))
    return tuple(box)
