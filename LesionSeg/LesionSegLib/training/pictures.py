"""Pictures with labels of any task, for the reconstruction multitask network (section 2.1 of its paper)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ChestCTLib.errors import InputError
from ChestCTLib.io.slices import SliceImage, read_slice_set
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled

SIDE = 256  # pixels; the paper's better resolution


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures of one split; a label that a picture does not have is marked, not made up.

    Attributes:
        pictures: ``float32 [n, 1, side, side]`` in [0, 1].
        masks: ``float32 [n, 1, side, side]``, 1 in lesions; 0 where unknown.
        has_mask: ``bool [n]``.
        classes: ``int64 [n]``, 1 COVID-19, 0 not; 0 where unknown.
        has_class: ``bool [n]``.
    """

    pictures: npt.NDArray[np.float32]
    masks: npt.NDArray[np.float32]
    has_mask: npt.NDArray[np.bool_]
    classes: npt.NDArray[np.int64]
    has_class: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pictures)

    def choose(self, rows: npt.NDArray[np.integer]) -> LabelledPictures:
        """Some of the pictures."""
        return LabelledPictures(
            self.pictures[rows], self.masks[rows], self.has_mask[rows], self.classes[rows], self.has_class[rows]
        )


def read_pictures(
    folders: tuple[Path, ...],
    split: str,
    side: int = SIDE,
    volume_step: int = 1,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> LabelledPictures:
    """Read one split of several slice sets.

    Whole pictures are resized to a square and scaled to [0, 1], as in the paper. ``medseg100`` has no validation part:
    every fifth of its training slices serves. ``covid19_ct_seg`` has no split and counts as training. A set of one
    class alone gives no classes: it would teach to tell the sets apart by their look, which is no diagnosis.

    Args:
        folders: ``covid_ct`` (class), ``medseg100`` and ``covid19_ct_seg`` (mask; all COVID-19).
        split: "train", "val" or "test".
        side: Side of the pictures, pixels.
        volume_step: Of sets without a split (whole volumes) take every so many slices; neighbours are alike.
        progress: Told the share done.
        cancelled: Asked before each picture.

    Raises:
        InputError: No set has such pictures.
    """
    chosen: list[tuple[SliceImage, bool | None]] = []
    for folder in folders:
        cases = read_slice_set(folder)
        both_classes = len({case.covid for case in cases if case.covid is not None}) == 2
        has_validation = any(case.split == "val" for case in cases)
        number = 0
        for case in cases:
            own = case.split or "train"
            if own == "train" and not has_validation and case.split is not None:
                own = "val" if number % 5 == 4 else "train"
                number += 1
            if own == split:
                taken = case.slices if case.split is not None else case.slices[::volume_step]
                chosen += [(image, case.covid if both_classes else None) for image in taken]
    if not chosen:
        raise InputError(f"No slice set has pictures for '{split}'.", "Give covid_ct, medseg100 or both.")
    pictures = np.zeros((len(chosen), 1, side, side), np.float32)
    masks = np.zeros_like(pictures)
    has_mask = np.zeros(len(chosen), bool)
    classes = np.zeros(len(chosen), np.int64)
    has_class = np.zeros(len(chosen), bool)
    for index, (image, covid) in enumerate(chosen):
        raise_if_cancelled(cancelled)
        progress(index / len(chosen), f"reading picture {index + 1} of {len(chosen)}")
        pictures[index, 0] = _square(image.grey().astype(np.float32) / 255.0, side)
        lesions = image.lesions()
        if lesions is not None:
            masks[index, 0] = _square((lesions > 0).astype(np.float32), side) >= 0.5
            has_mask[index] = True
        if covid is not None:
            classes[index], has_class[index] = int(covid), True
    return LabelledPictures(pictures, masks, has_mask, classes, has_class)


def _square(picture: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    resized = functional.interpolate(
        torch.from_numpy(picture)[None, None], (side, side), mode="bilinear", align_corners=False, antialias=True
    )
    return resized[0, 0].clamp(0, 1).numpy()
