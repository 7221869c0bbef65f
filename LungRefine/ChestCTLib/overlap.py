"""How well a mask agrees with a reference: overlap and surface measures.

Empty masks, stated once: when both masks are empty there is nothing to measure and every value is None, except
specificity. When exactly one is empty, Dice, Jaccard and NSD are 0, distances are None, and what would divide by zero
(precision without a mask, recall without a reference, MCC) is None. Averages leave None out.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError

NSD_TOLERANCE_MM = 2.0  # surfaces this close count as equal: about how far two readers' lung borders differ
HAUSDORFF_PERCENTILE = 95.0  # the maximum itself would report single stray voxels

OVERLAP_KEYS = ("dice", "jaccard", "mcc", "precision", "recall", "specificity")
SURFACE_KEYS = ("nsd", "rmsd_mm", "hd95_mm")

BoolArray = npt.NDArray[np.bool_]


def overlap_measures(
    mask: npt.NDArray[np.generic],
    reference: npt.NDArray[np.generic],
    spacing_mm: Sequence[float] | None,
) -> dict[str, float | None]:
    """Compare a mask with a reference.

    ``dice`` = 2TP / (2TP + FP + FN); ``jaccard`` = TP / (TP + FP + FN); ``precision`` = TP / (TP + FP); ``recall`` =
    TP / (TP + FN); ``specificity`` = TN / (TN + FP); ``mcc`` = Matthews correlation (COVID-MTL paper, section 4.1).
    ``nsd`` = share of both surfaces within ``NSD_TOLERANCE_MM`` of the other; ``rmsd_mm`` = root mean square,
    ``hd95_mm`` = larger 95th percentile of the distances between the two surfaces. TN counts the whole grid.

    Args:
        mask: Any dtype, ``[z, y, x]`` or ``[y, x]``; above 0 counts as inside.
        reference: Same shape.
        spacing_mm: One value per axis, mm; None leaves the surface measures out (slices of unknown size).

    Returns:
        The measures by name; None where one is not defined, see the module's rule.

    Raises:
        InputError: The shapes differ.
    """
    if mask.shape != reference.shape:
        raise InputError(
            f"The mask has shape {mask.shape}, the reference {reference.shape}.", "Bring both onto one grid."
        )
    found, truth = np.asarray(mask) > 0, np.asarray(reference) > 0
    measures = _overlap(found, truth)
    if spacing_mm is not None:
        measures.update(_surface(found, truth, [float(step) for step in spacing_mm]))
    return measures


def _overlap(found: BoolArray, truth: BoolArray) -> dict[str, float | None]:
    tp = int(np.count_nonzero(found & truth))
    fp = int(np.count_nonzero(found)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    tn = found.size - tp - fp - fn
    # Python integers: the product exceeds 64 bits on a full CT volume.
    root = math.sqrt((tp + fn) * (tp + fp) * (tn + fp) * (tn + fn))
    return {
        "dice": _ratio(2 * tp, 2 * tp + fp + fn),
        "jaccard": _ratio(tp, tp + fp + fn),
        "mcc": _ratio(tp * tn - fp * fn, root),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "specificity": _ratio(tn, tn + fp),
    }


def _surface(found: BoolArray, truth: BoolArray, spacing_mm: list[float]) -> dict[str, float | None]:
    if not found.any() or not truth.any():
        both_empty = not found.any() and not truth.any()
        return {"nsd": None if both_empty else 0.0, "rmsd_mm": None, "hd95_mm": None}
    import torch
    from monai.metrics.utils import get_edge_surface_distance

    box = tuple(slice(max(int(used[0]) - 1, 0), int(used[-1]) + 2) for used in _extent(found | truth))
    # A frame of background, so that a mask at the image's edge has a surface there too.
    pair = [torch.from_numpy(np.pad(part[box], 1)) for part in (found, truth)]
    with warnings.catch_warnings():  # MONAI 1.6 warns of an argument that it passes to itself
        warnings.filterwarnings("ignore", message=".*always_return_as_numpy", category=FutureWarning)
        _, distances, _ = get_edge_surface_distance(pair[0], pair[1], spacing=spacing_mm, symmetric=True)
    there, back = (np.asarray(side, dtype=np.float64) for side in distances)
    both = np.concatenate([there, back])
    return {
        "nsd": float(np.mean(both <= NSD_TOLERANCE_MM)),
        "rmsd_mm": float(np.sqrt(np.mean(both**2))),
        "hd95_mm": float(max(np.percentile(side, HAUSDORFF_PERCENTILE) for side in (there, back))),
    }


def _extent(mask: BoolArray) -> list[npt.NDArray[np.intp]]:
    axes = range(mask.ndim)
    return [np.flatnonzero(mask.any(axis=tuple(other for other in axes if other != axis))) for axis in axes]


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
