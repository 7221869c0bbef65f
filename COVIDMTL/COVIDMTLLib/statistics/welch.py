"""Welch's ANOVA: do group means differ, where variances and sizes are unequal (COVID-MTL paper, section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.stats.oneway import anova_oneway

from ChestCTLib.errors import InputError


@dataclass(frozen=True)
class WelchResult:
    """Result of Welch's ANOVA.

    Attributes:
        statistic: Asymptotically F distributed.
        df1: Numerator degrees of freedom: groups - 1.
        df2: Denominator degrees of freedom, not a whole number in general.
        p: Probability of such a statistic if the means were equal.
    """

    statistic: float
    df1: float
    df2: float
    p: float


def welch_anova(values: npt.NDArray[np.float64], groups: npt.NDArray[np.int64]) -> WelchResult:
    """Welch's ANOVA of one feature.

    Args:
        values: One number a patient.
        groups: Group of each patient.

    Returns:
        Statistic, degrees of freedom and p.

    Raises:
        InputError: There are fewer than two groups, or a group cannot have a variance.
    """
    names, counts = np.unique(groups, return_counts=True)
    if len(names) < 2 or counts.min() < 2:
        raise InputError(f"The groups {dict(zip(names.tolist(), counts.tolist(), strict=True))} cannot be compared.")
    found = anova_oneway(values, groups, use_var="unequal", welch_correction=True)
    df1, df2 = found.df
    return WelchResult(float(found.statistic), float(df1), float(df2), float(found.pvalue))
