"""Lung methods measured on a labelled slice set, case by case, every case's slices used as one stack.

The pictures are 8 bit and equalised; ``ChestCTLib.io.slices`` undoes that and brings them to an approximate HU scale.
Their pixel size and slice distance are not published, so they are taken from what a chest CT usually has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.errors import InputError
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.io.slices import SliceCase
from ChestCTLib.overlap import OVERLAP_KEYS, overlap_measures
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from LungRefineLib.morphology import Mask
from LungRefineLib.refined import refine
from LungRefineLib.segmentation import published_masks
from LungRefineLib.settings import METHODS, LungSettings, Method

FIELD_OF_VIEW_MM = 350.0  # of a chest CT picture, its longer side
LUNG_HEIGHT_MM = 250.0  # scans of these sets run from base to apex; their slices share it
SLICE_RANGE_MM = (1.0, 8.0)  # clinical slice distances
DENOISE_MM = 0.6  # undoing the equalisation amplifies noise: a Gaussian of half a pixel takes the worst away
MASK_SHARE = 0.25  # of a pixel that is lung: the exporter of ``covid19_ct_seg`` shrank its masks with this threshold


@dataclass(frozen=True)
class SliceScore:
    """One slice under one method.

    Attributes:
        case: The case's name.
        name: The slice's name.
        measures: As :func:`ChestCTLib.overlap.overlap_measures` gives them, without surface measures.
        lesion_recall: Share of the infection mask inside the lungs; None where there is none.
    """

    case: str
    name: str
    measures: dict[str, float | None]
    lesion_recall: float | None


def measure_case(
    case: SliceCase,
    methods: Sequence[Method] = METHODS,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> dict[Method, list[SliceScore]]:
    """Segment one case by each method and compare every slice with its lung mask.

    Args:
        case: Slices of equal size, each with a lung mask.
        methods: Which methods.
        progress: Called with share and step.
        cancelled: Asked between steps.

    Returns:
        Scores of every slice, by method.

    Raises:
        InputError: A slice has no lung mask, or sizes differ.
    """
    references = [slice_.lungs() for slice_ in case.slices]
    if any(reference is None for reference in references):
        raise InputError(f"Case {case.name} has slices without a lung mask.", "Leave them out of cases.csv.")
    truth = np.stack([reference for reference in references if reference is not None])
    stack = calibrated_stack(case)
    spacing = assumed_spacing(stack.shape)
    scores: dict[Method, list[SliceScore]] = {}
    for n, method in enumerate(methods):
        raise_if_cancelled(cancelled)
        mask = _segment(stack, spacing, method, part(progress, n / len(methods), (n + 1) / len(methods)), cancelled)
        scores[method] = [
            SliceScore(case.name, slice_.name, _overlap(found, reference), _lesion_recall(slice_.lesions(), found))
            for slice_, found, reference in zip(case.slices, mask, truth, strict=True)
        ]
    return scores


def keep_scores(folder: Path, scores: Mapping[Method, Sequence[SliceScore]]) -> None:
    """Write one case's scores, a file for each method, so that a run that was stopped need not measure it again.

    Args:
        folder: Where finished cases lie; made when missing. Several runs may share it.
        scores: Of one case, by method.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for method, rows in scores.items():
        with atomic_path(_kept_file(folder, rows[0].case, method)) as temporary:
            temporary.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")


def kept_scores(folder: Path, case: SliceCase, method: Method) -> list[SliceScore] | None:
    """The scores of a case that an earlier run has kept; None where there are none for just these slices."""
    file = _kept_file(folder, case.name, method)
    if not file.is_file():
        return None
    scores = [SliceScore(**row) for row in json.loads(file.read_text(encoding="utf-8"))]
    return scores if [score.name for score in scores] == [slice_.name for slice_ in case.slices] else None


def _kept_file(folder: Path, case: str, method: Method) -> Path:
    return folder / f"{case}-{method}.json"


def calibrated_stack(case: SliceCase) -> npt.NDArray[np.int16]:
    """The case's slices on the approximate HU scale, ``int16 [z, y, x]``, lightly denoised."""
    pictures = [slice_.hu() for slice_ in case.slices]
    if len({picture.shape for picture in pictures}) > 1:
        raise InputError(f"The slices of case {case.name} differ in size.", "Give slices of one scan per case.")
    stack = np.stack(pictures).astype(np.float32)
    sigma = DENOISE_MM / assumed_spacing(stack.shape)[1]
    return np.rint(ndimage.gaussian_filter(stack, (0, sigma, sigma), mode="nearest")).astype(np.int16)


def assumed_spacing(shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Spacing (z, y, x) in mm that a stack of this shape most likely has."""
    pixel = FIELD_OF_VIEW_MM / max(shape[1:])
    return float(np.clip(LUNG_HEIGHT_MM / shape[0], *SLICE_RANGE_MM)), pixel, pixel


def summary(scores: Sequence[SliceScore]) -> dict[str, object]:
    """Mean and standard deviation over slices, and the same for each case.

    Slices on which neither mask nor reference shows lung have no Dice and do not count.
    """
    cases = list(dict.fromkeys(score.case for score in scores))
    return {
        **_averages(scores),
        "cases": {case: _averages([score for score in scores if score.case == case]) for case in cases},
    }


def _averages(scores: Sequence[SliceScore]) -> dict[str, float | int | None]:
    out: dict[str, float | int | None] = {"slices": len(scores)}
    for key in OVERLAP_KEYS:
        values = [value for score in scores if (value := score.measures[key]) is not None]
        out[f"{key}_mean"] = float(np.mean(values)) if values else None
        out[f"{key}_std"] = float(np.std(values)) if values else None
    recalls = [score.lesion_recall for score in scores if score.lesion_recall is not None]
    out["lesion_recall_mean"] = float(np.mean(recalls)) if recalls else None
    return out


def _segment(
    stack: npt.NDArray[np.int16],
    spacing_mm: tuple[float, float, float],
    method: Method,
    progress: Progress,
    cancelled: CancelCheck,
) -> Mask:
    if method == "refined":
        settings = LungSettings(exact_hu=False, border_share=MASK_SHARE)
        return refine(stack, spacing_mm, settings, progress, cancelled).lungs > 0
    # The published methods work slice by slice on 1 mm pixels; slices are not made up in between.
    flat = (1.0, spacing_mm[1], spacing_mm[2])
    return published_masks(stack, flat, method, progress, cancelled)[0] > 0


def _overlap(found: Mask, reference: Mask) -> dict[str, float | None]:
    return overlap_measures(found, reference, None)


def _lesion_recall(lesions: npt.NDArray[np.uint8] | None, found: Mask) -> float | None:
    if lesions is None or not lesions.any():
        return None
    return float(np.count_nonzero(found & (lesions > 0)) / np.count_nonzero(lesions))
