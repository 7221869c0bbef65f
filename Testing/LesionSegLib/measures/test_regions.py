"""The severity score follows the published steps."""

from __future__ import annotations

import pytest

from LesionSegLib.measures.regions import zone_score


@pytest.mark.parametrize(
    ("percent", "score"),
    [
        (0, 0),
        (0.49, 0),
        (0.5, 1),
        (1, 1),
        (25, 1),
        (25.4, 1),
        (25.5, 2),
        (26, 2),
        (50, 2),
        (51, 3),
        (75, 3),
        (76, 4),
        (100, 4),
    ],
)
def test_a_zone_scores_by_whole_percents(percent: float, score: int) -> None:
    assert zone_score(percent) == score
