"""How often every attenuation occurs: all density measures follow from these counts, for any limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LOWEST_HU = -32768  # an int16 value v is counted at v + 32768
N_VALUES = 1 << 16
VALUES_HU = np.arange(LOWEST_HU, LOWEST_HU + N_VALUES, dtype=np.float64)


@dataclass(frozen=True)
class HuCounts:
    """Voxels by attenuation.

    Attributes:
        counts: ``[65536]`` int64, from the lowest int16 value on.
    """

    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, hu: npt.NDArray[np.int16]) -> HuCounts:
        """Count voxels of any shape."""
        return cls(np.bincount(hu.ravel().view(np.uint16) ^ np.uint16(1 << 15), minlength=N_VALUES))

    def without(self, other: HuCounts) -> HuCounts:
        """The voxels that ``other``, a part of these, does not hold."""
        return HuCounts(self.counts - other.counts)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(self.counts.sum())

    @property
    def mean_hu(self) -> float | None:
        """Mean attenuation; None without voxels."""
        return float(self.counts @ VALUES_HU) / self.size if self.size else None

    @property
    def sd_hu(self) -> float | None:
        """Standard deviation of the attenuation; None without voxels."""
        mean = self.mean_hu
        return float(np.sqrt(self.counts @ (VALUES_HU - mean) ** 2 / self.size)) if mean is not None else None

    def below(self, limit_hu: float) -> int:
        """Voxels below a limit."""
        return int(self.counts[: max(0, int(np.ceil(limit_hu)) - LOWEST_HU)].sum())

    def histogram(self, edges_hu: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """Share of the voxels in each bin, %; what lies beyond the edges counts into the outer bins. Empty without any.

        Args:
            edges_hu: Whole HU, rising; a voxel on an edge belongs to the bin above it.
        """
        if not self.size:
            return np.empty(0)
        starts = [0, *(int(edge) - LOWEST_HU for edge in edges_hu[1:-1])]
        return 100.0 * np.add.reduceat(self.counts, starts) / self.size
