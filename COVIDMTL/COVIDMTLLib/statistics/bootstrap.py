"""Bootstrap intervals: resample the patients, score again, take the percentiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

RESAMPLES = 1000  # the ends of a 95 % interval are then stable to about 0.002 of an AUC on 399 patients
LEVEL = 0.95


def bootstrap_interval(
    score: Callable[[npt.NDArray[np.int64]], float],
    labels: npt.NDArray[np.int64],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of a score over patients.

    Args:
        score: Called with the row numbers of a resample; returns the score of those rows.
        labels: Class of each patient; the resampling keeps the number of patients of each class, so that no resample
            lacks one.
        resamples: How many resamples.
        seed: Of the resampling.

    Returns:
        Lower and upper end.
    """
    values = bootstrap_values(score, labels, resamples, seed)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def bootstrap_values(
    score: Callable[[npt.NDArray[np.int64]], float],
    labels: npt.NDArray[np.int64],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> npt.NDArray[np.float64]:
    """The score of each resample; arguments as for :func:`bootstrap_interval`."""
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    return np.array(
        [score(np.concatenate([generator.choice(rows, len(rows)) for rows in members])) for _ in range(resamples)]
    )


def bootstrap_difference(
    first: Callable[[npt.NDArray[np.int64]], float],
    second: Callable[[npt.NDArray[np.int64]], float],
    labels: npt.NDArray[np.int64],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Paired bootstrap of ``first - second`` on the same resamples.

    Returns:
        Lower and upper end of the 95 % interval, and the two-sided p that the difference is 0 (never below
        ``1 / resamples``, which is as far as so many resamples can see).
    """
    values = bootstrap_values(lambda rows: first(rows) - second(rows), labels, resamples, seed)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    tail = min(float(np.mean(values <= 0)), float(np.mean(values >= 0)))
    return float(low), float(high), min(1.0, max(2 * tail, 1.0 / resamples))
