"""Segmentation metrics over slices and volumes, with the empty-mask rule of each stated.

Surface distances and the usual overlap measures of a volume come from :mod:`ChestCTLib.overlap`; here is what the
lesion papers add: Dice over a whole case, and the intersection over union over slices (mIoU and GIoU).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.metrics import compute_iou

Mask = npt.NDArray[Any]


@dataclass(frozen=True)
class Overlap:
    """Voxel counts of a mask against a reference, and what follows from them.

    Attributes:
        true_positive: Voxels in both.
        false_positive: Voxels in the mask alone.
        false_negative: Voxels in the reference alone.
        true_negative: Voxels in neither, inside the region looked at.
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def dice(self) -> float | None:
        """2 TP / (2 TP + FP + FN); None where both are empty."""
        return _ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)

    @property
    def sensitivity(self) -> float | None:
        """TP / (TP + FN); None where the reference is empty."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float | None:
        """TN / (TN + FP); None where the reference fills the region."""
        return _ratio(self.true_negative, self.true_negative + self.false_positive)

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP); None where the mask is empty."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)


def overlap_of(mask: Mask, reference: Mask, region: Mask | None = None) -> Overlap:
    """Compare two masks of one shape.

    Args:
        mask: What was found; anything but 0 counts.
        reference: What is true.
        region: Where to look, such as the lungs; everywhere when None.
    """
    found, true = np.asarray(mask) != 0, np.asarray(reference) != 0
    inside = np.ones(found.shape, bool) if region is None else np.asarray(region) != 0
    return Overlap(
        int((found & true & inside).sum()),
        int((found & ~true & inside).sum()),
        int((~found & true & inside).sum()),
        int((~found & ~true & inside).sum()),
    )


def mean_iou(masks: Mask, references: Mask) -> float:
    """mIoU of one label over slices: mean of foreground and background IoU of each slice (intensity-map paper, eq. 3).

    Args:
        masks: ``[n, y, x]``.
        references: Same shape.

    Returns:
        Mean over the slices. Where neither shows the label the slice counts 1, as in the paper, so that rare labels
        look better than they are; see :func:`global_iou`.
    """
    return float(np.mean([_two_class_iou(m, r) for m, r in zip(masks, references, strict=True)]))


def global_iou(masks: Mask, references: Mask) -> float | None:
    """GIoU of one label: :func:`mean_iou` over the slices whose reference shows it; None where no slice does."""
    shown = np.flatnonzero(np.asarray(references).any(axis=(1, 2)))
    return mean_iou(np.asarray(masks)[shown], np.asarray(references)[shown]) if len(shown) else None


def _two_class_iou(mask: Mask, reference: Mask) -> float:
    found, true = (torch.from_numpy(np.asarray(a) != 0)[None] for a in (mask, reference))
    stacked = [torch.stack([~a, a], dim=1).float() for a in (found, true)]
    values = compute_iou(stacked[0], stacked[1], include_background=True, ignore_empty=False)[0]
    if not bool(true.any()) and not bool(found.any()):
        return 1.0
    return float(torch.nan_to_num(values, nan=0.0).mean())


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
