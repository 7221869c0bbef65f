"""DeLong's test: do two classifiers have the same AUC on the same patients?

DeLong, DeLong and Clarke-Pearson 1988, with the midrank formulation of Sun and Xu 2014.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from ChestCTLib.errors import InputError

Z_95 = 1.959963984540054  # 97.5 % quantile of the normal distribution


@dataclass(frozen=True)
class DeLongResult:
    """Result of DeLong's test.

    Attributes:
        aucs: Areas of the first and the second classifier.
        difference: First minus second.
        interval: 95 % interval of the difference.
        p: Two-sided; 1 where the scores rank all patients alike.
    """

    aucs: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    p: float


def delong_test(
    positive: npt.NDArray[np.bool_], first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]
) -> DeLongResult:
    """Compare two classifiers on the same patients.

    Args:
        positive: Whether each patient has the condition.
        first: Score of each patient by the first classifier; higher means likelier.
        second: The same by the second.

    Raises:
        InputError: One of the two groups has fewer than two patients.
    """
    positive = np.asarray(positive, dtype=bool)
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:
        raise InputError(f"DeLong's test needs two patients of each class, there are {m} and {n}.")
    parts = [_placements(positive, np.asarray(values, dtype=np.float64)) for values in (first, second)]
    aucs = [float(cases.mean()) for cases, _ in parts]
    covariance = np.cov([cases for cases, _ in parts]) / m + np.cov([controls for _, controls in parts]) / n
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    difference = aucs[0] - aucs[1]
    error = float(np.sqrt(max(variance, 0.0)))
    p = float(2 * norm.sf(abs(difference) / error)) if error > 0 else 1.0
    return DeLongResult((aucs[0], aucs[1]), difference, (difference - Z_95 * error, difference + Z_95 * error), p)


def _placements(
    positive: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """For each case the share of controls below it, and for each control the share of cases above it (ties half)."""
    cases, controls = values[positive], values[~positive]
    together = rankdata(values)
    above = (together[positive] - rankdata(cases)) / len(controls)
    below = 1.0 - (together[~positive] - rankdata(controls)) / len(cases)
    return above, below
