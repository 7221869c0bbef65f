"""What refinement recovers: lung that thresholding leaves out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.volume import CTVolume

HU_EDGES = (
    -1024,
    -850,
    -700,
    -500,
    -300,
    -150,
    -50,
    50,
    150,
    3072,
)  # HU; ground glass about -700..-150, consolidation above
PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class Recovered:
    """Lung in the result that the classical mask lacks.

    Attributes:
        mask: bool ``[z, y, x]``, on the input's grid.
        volume_ml: Its volume, mL.
        hu_edges: Edges of the histogram's bins, HU.
        hu_counts: Voxels per bin.
        hu_percentiles: Percentile -> HU; empty where nothing was recovered.
    """

    mask: npt.NDArray[np.bool_]
    volume_ml: float
    hu_edges: tuple[int, ...]
    hu_counts: tuple[int, ...]
    hu_percentiles: dict[int, float]

    def as_dict(self) -> dict[str, object]:
        """The numbers, for a report; percentiles are None where nothing was recovered."""
        return {
            "volume_ml": self.volume_ml,
            "hu_edges": list(self.hu_edges),
            "hu_counts": list(self.hu_counts),
            "hu_percentiles": {str(p): self.hu_percentiles.get(p) for p in PERCENTILES},
        }


def find_recovered(volume: CTVolume, lungs: npt.NDArray[np.uint8], classical: npt.NDArray[np.uint8]) -> Recovered:
    """Compare a lung mask with the classical one.

    Args:
        volume: The scan.
        lungs: uint8 ``[z, y, x]``, the refined lungs.
        classical: uint8, same shape, the classical lungs.
    """
    mask = (lungs > 0) & (classical == 0)
    values = volume.hu[mask]
    counts, _ = np.histogram(values, bins=HU_EDGES)
    points = dict(zip(PERCENTILES, np.percentile(values, PERCENTILES).tolist(), strict=True)) if values.size else {}
    volume_ml = float(values.size * volume.voxel_ml)
    return Recovered(mask, volume_ml, HU_EDGES, tuple(int(count) for count in counts), points)
