"""Is a map like those a classifier learned from? A classifier is sure of itself on maps it knows nothing about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from COVIDMTLLib.intensity_map.map import Floats

PROFILE_BINS = 32  # places along the intensities at which maps are compared
MARGIN = 1.2  # how much stranger than the strangest training map a map may be
SMALLEST_SPREAD = 0.01  # of a profile bin, on the scale of brightness: bins that never vary must not decide alone


@dataclass(frozen=True)
class Familiarity:
    """Mean intensity profile of the training maps and how far they lie from it.

    Attributes:
        mean: Mean brightness in each profile bin over the training maps.
        spread: Standard deviation there.
        limit: Largest strangeness that still counts as familiar.
    """

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    limit: float

    @classmethod
    def fit(cls, images: Sequence[Floats]) -> Familiarity:
        """Learn from the training maps ``[size, size]`` alone."""
        profiles = np.array([_profile(image) for image in images])
        mean, spread = profiles.mean(axis=0), np.maximum(profiles.std(axis=0), SMALLEST_SPREAD)
        strangest = max(float(np.sqrt(np.mean(((one - mean) / spread) ** 2))) for one in profiles)
        return cls(tuple(np.round(mean, 5).tolist()), tuple(np.round(spread, 5).tolist()), round(MARGIN * strangest, 4))

    def ratio(self, image: Floats) -> float:
        """Strangeness of a map over the limit: above 1 the map is unlike all the classifier learned from."""
        deviation = (_profile(image) - np.array(self.mean)) / np.array(self.spread)
        return float(np.sqrt(np.mean(deviation**2))) / self.limit


def _profile(image: Floats) -> npt.NDArray[np.float64]:
    by_bin = image.mean(axis=0).astype(np.float64)
    return np.array([part.mean() for part in np.array_split(by_bin, PROFILE_BINS)])
