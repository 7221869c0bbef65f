"""Labelled slices, prepared for the multi-decoder network: pictures, lungs, targets and neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from ChestCTLib.io.slices import read_slice_set
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from LesionSegLib.preprocessing import Frame, picture_to_hu, prepare_slices

LABELS = ("lesion", "consolidation")
NO_CASE = -1  # a slice that belongs to no volume
LEVELS = 255.0


@dataclass(frozen=True)
class LabelledSlices:
    """Prepared slices of one or several sets, one row a slice.

    Attributes:
        pictures: ``uint8 [n, *INPUT_SHAPE]``; the prepared picture times 255.
        lungs: Same; 255 everywhere where no lung mask is known.
        targets: ``uint8 [n, labels, *INPUT_SHAPE]``, 0 or 1, labels as :data:`LABELS`.
        known: ``bool [n, labels]``: whether the slice was annotated for the label.
        cases: ``int [n]``: case of the slice, :data:`NO_CASE` for single slices.
        before: ``int [n]``: row of the slice below in the same case, the row itself where there is none.
        after: Likewise above.
    """

    pictures: npt.NDArray[np.uint8]
    lungs: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.uint8]
    known: npt.NDArray[np.bool_]
    cases: npt.NDArray[np.int64]
    before: npt.NDArray[np.int64]
    after: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pictures)

    def choose(self, rows: npt.NDArray[np.integer]) -> LabelledSlices:
        """Some rows, neighbours kept where they are among them."""
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        before, after = place[self.before[rows]], place[self.after[rows]]
        own = np.arange(len(rows))
        return LabelledSlices(
            self.pictures[rows],
            self.lungs[rows],
            self.targets[rows],
            self.known[rows],
            self.cases[rows],
            np.where(before < 0, own, before),
            np.where(after < 0, own, after),
        )


@dataclass(frozen=True)
class SegmentedCase:
    """One volume of a slice set in its own grid, with the frame that leads to the network's input.

    Attributes:
        case: Number of the (inferred) case.
        hu: ``int16 [n, y, x]``, about HU.
        lungs: ``bool``, same shape.
        lesions: ``bool``, same shape.
        frame: Frame round the case's lungs.
        prepared: ``float32 [n, *INPUT_SHAPE]``.
        prepared_lungs: Same.
    """

    case: int
    hu: npt.NDArray[np.int16]
    lungs: npt.NDArray[np.bool_]
    lesions: npt.NDArray[np.bool_]
    frame: Frame
    prepared: npt.NDArray[np.float32]
    prepared_lungs: npt.NDArray[np.float32]


def read_segmented_cases(
    folder: Path, progress: Progress = no_progress, cancelled: CancelCheck = never_cancelled
) -> list[SegmentedCase]:
    """Read ``covid19_ct_seg`` by case: lung and infection masks, and its equalised pictures brought back to about HU.

    That takes half a second a slice.

    Args:
        folder: Holds ``cases.csv`` and the folders ``ct``, ``lungs`` and ``covid``.
        progress: Told the share done.
        cancelled: Asked before each case.

    Returns:
        The cases in the set's order.

    Raises:
        InputError: The set is incomplete, or has no masks.
    """
    listed = read_slice_set(folder)
    cases = []
    for done, case in enumerate(listed):
        raise_if_cancelled(cancelled)
        progress(done / len(listed), f"reading case {case.name}")
        hu = np.stack([image.hu() for image in case.slices])
        lungs = np.stack([_needed(image.lungs(), image.name, "lung") for image in case.slices]) > 0
        lesions = np.stack([_needed(image.lesions(), image.name, "lesion") for image in case.slices]) > 0
        prepared, prepared_lungs, frame = prepare_slices(hu, lungs)
        cases.append(SegmentedCase(int(case.name), hu, lungs, lesions, frame, prepared, prepared_lungs))
    return cases


def slices_of_cases(cases: list[SegmentedCase]) -> LabelledSlices:
    """Training rows of some cases: the label "lesion" is known, "consolidation" is not."""
    parts = []
    for case in cases:
        n = len(case.hu)
        lesion = case.frame.take(case.lesions.astype(np.float32)) >= 0.5
        targets = np.zeros((n, len(LABELS), *lesion.shape[1:]), np.uint8)
        targets[:, 0] = lesion
        known = np.tile(np.array([True, False]), (n, 1))
        index = np.arange(n)
        parts.append(
            LabelledSlices(
                _bytes(case.prepared),
                _bytes(case.prepared_lungs),
                targets,
                known,
                np.full(n, case.case),
                np.maximum(index - 1, 0),
                np.minimum(index + 1, n - 1),
            )
        )
    return join(parts)


@dataclass(frozen=True)
class SingleSlice:
    """One slice of ``medseg100``, upright, with its classes (0 none, 1 ground glass, 2 consolidation)."""

    name: str
    picture: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.uint8]
    frame: Frame
    prepared: npt.NDArray[np.float32]


def read_single_slices(folder: Path, split: str) -> list[SingleSlice]:
    """Read one part of ``medseg100``: windowed, lung-tight crops with ground glass and consolidation.

    Args:
        folder: Holds ``train`` and ``test``.
        split: "train" or "test", the published split.

    Raises:
        InputError: The part is not there, or a slice has no mask.
    """
    slices = []
    for case in read_slice_set(folder):
        if case.split == split:
            image = case.slices[0]
            picture, classes = image.grey(), _needed(image.lesions(), image.name, "lesion")
            prepared, _, frame = prepare_slices(picture_to_hu(picture[None]), None)
            slices.append(SingleSlice(image.name, picture, classes, frame, prepared[0]))
    if not slices:
        raise InputError(f"{folder.name} has no slices for '{split}'.", "Give the folder of the medseg100 set.")
    return slices


def rows_of_single_slices(slices: list[SingleSlice]) -> LabelledSlices:
    """Training rows of single slices: both labels are known, there are no neighbours and no lung masks."""
    n = len(slices)
    targets = np.stack(
        [
            np.concatenate([s.frame.take((s.classes[None] >= least).astype(np.float32)) for least in (1, 2)])
            for s in slices
        ]
    )
    return LabelledSlices(
        _bytes(np.stack([s.prepared for s in slices])),
        np.full((n, *targets.shape[2:]), 255, np.uint8),
        (targets >= 0.5).astype(np.uint8),
        np.ones((n, len(LABELS)), bool),
        np.full(n, NO_CASE),
        np.arange(n),
        np.arange(n),
    )


def join(parts: list[LabelledSlices]) -> LabelledSlices:
    """Several sets after each other."""
    starts = np.cumsum([0, *[len(part) for part in parts[:-1]]])
    return LabelledSlices(
        np.concatenate([p.pictures for p in parts]),
        np.concatenate([p.lungs for p in parts]),
        np.concatenate([p.targets for p in parts]),
        np.concatenate([p.known for p in parts]),
        np.concatenate([p.cases for p in parts]),
        np.concatenate([p.before + start for p, start in zip(parts, starts, strict=True)]),
        np.concatenate([p.after + start for p, start in zip(parts, starts, strict=True)]),
    )


def _needed(mask: npt.NDArray[Any] | None, name: str, what: str) -> npt.NDArray[Any]:
    if mask is None:
        raise InputError(f"Slice {name} has no {what} mask.", "Use a set with lung and lesion masks.")
    return mask


def _bytes(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.clip(np.rint(pictures * LEVELS), 0, 255).astype(np.uint8)
