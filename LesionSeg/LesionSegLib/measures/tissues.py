"""How lung without lesion, ground glass and consolidation are distributed over attenuation."""

from __future__ import annotations

import numpy as np

from ChestCTLib.labels import CONSOLIDATION, GROUND_GLASS
from LesionSegLib.measures.frame import LesionVoxels, LungFrame

HISTOGRAM_EDGES_HU = np.arange(-1024, 201, 24, dtype=np.int32)  # air to contrast-filled vessel


def tissue_shares(frame: LungFrame, voxels: LesionVoxels) -> tuple[list[float], list[float], list[float]]:
    """Share of each tissue's voxels in each bin of :data:`HISTOGRAM_EDGES_HU`.

    Args:
        frame: The scan and its lungs.
        voxels: The lesions.

    Returns:
        Lung without lesion, ground glass, consolidation, %; empty for a tissue that is not there. What lies beyond the
        edges counts into the outer bins.
    """
    lesion = frame.hu_counts_at(voxels.at)
    glass, solid = (frame.hu_counts_at(voxels.of_class(label.value)) for label in (GROUND_GLASS, CONSOLIDATION))
    sound, ground_glass, consolidation = (
        counts.histogram(HISTOGRAM_EDGES_HU).tolist() for counts in (frame.hu_counts.without(lesion), glass, solid)
    )
    return sound, ground_glass, consolidation
