"""Bring each feature to normal scores: its rank among the training patients, on the scale of a normal distribution.

Radiomics features are skewed over many decades; ranks are not. A value beyond all training patients gets the score of
the outermost one, so a scan from another scanner cannot push a model further than the cohort itself reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

LEVELS = np.linspace(0.0, 1.0, 101)
LIMIT = 2.5  # largest score; 1 % of the patients lie beyond, where ranks say little

Features = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NormalScores:
    """Quantiles of the training patients.

    Attributes:
        quantiles: ``[101, features]`` at ``LEVELS``; no patient's row can be read from them.
    """

    quantiles: Features

    @classmethod
    def fit(cls, features: Features) -> NormalScores:
        """Learn the quantiles of training rows ``[patients, features]``."""
        return cls(np.quantile(features, LEVELS, axis=0))

    def percentiles(self, features: Features) -> Features:
        """Share of the training patients below each value, in [0, 1]; of tied values the middle rank."""
        shares = np.empty(features.shape)
        for column in range(features.shape[1]):
            grid = self.quantiles[:, column]
            rising = np.interp(features[:, column], grid, LEVELS)
            falling = 1.0 - np.interp(-features[:, column], -grid[::-1], LEVELS)
            shares[:, column] = (rising + falling) / 2.0
        return shares

    def transform(self, features: Features) -> Features:
        """Normal scores ``[patients, features]`` in [-LIMIT, LIMIT]."""
        return np.clip(norm.ppf(self.percentiles(features)), -LIMIT, LIMIT)
