"""Two readers' masks are compared class by class, with volumes in mL."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.errors import InputError
from LesionSegLib.readers import agreement, agreement_table

VOXEL_ML = 0.5


@pytest.fixture
def masks() -> tuple[np.ndarray, np.ndarray]:
    first, second = np.zeros((4, 10, 10), np.uint8), np.zeros((4, 10, 10), np.uint8)
    first[1, 2:6, 2:6] = 1  # 16 voxels
    second[1, 2:6, 4:8] = 1  # 16 voxels, 8 of them shared
    second[2, 0, :4] = 2
    return first, second


def test_each_class_has_its_dice_and_volumes(masks: tuple[np.ndarray, np.ndarray]) -> None:
    glass, solid, both = agreement(*masks, VOXEL_ML)
    assert (glass.name, glass.dice, glass.difference_ml) == ("ground glass", 0.5, 0.0)
    assert (solid.dice, solid.first_ml, solid.second_ml, solid.difference_percent) == (0.0, 0.0, 2.0, 200.0)
    assert both.dice == pytest.approx(2 * 8 / (16 + 20)) and both.difference_ml == 2.0
    assert both.difference_percent == pytest.approx(100 * 2 / 9)


def test_what_neither_reader_marked_has_no_dice() -> None:
    empty = np.zeros((2, 3, 3), np.uint8)
    for row in agreement(empty, empty, VOXEL_ML):
        assert row.dice is None and row.difference_percent is None and row.first_ml == 0


def test_the_table_names_both_readers_and_shows_na(masks: tuple[np.ndarray, np.ndarray]) -> None:
    empty = np.zeros_like(masks[0])
    table = agreement_table(agreement(empty, empty, VOXEL_ML), "AB", "CD")
    assert "AB" in table.title and "n/a" in table.shown_rows()[0]
    assert [column.unit for column in table.columns] == ["", "", "mL", "mL", "mL", "%"]


def test_masks_of_two_grids_are_refused(masks: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(InputError, match="voxels"):
        agreement(masks[0], masks[1][1:], VOXEL_ML)
