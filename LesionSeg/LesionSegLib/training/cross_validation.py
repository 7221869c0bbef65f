"""Cross-validation by patient: train on four folds, segment the fifth in its own grid, score every case."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part
from LesionSegLib.inference import SliceRunner
from LesionSegLib.metrics import Overlap, overlap_of
from LesionSegLib.networks.multi_decoder import MultiDecoderNet
from LesionSegLib.settings import LESION_THRESHOLD
from LesionSegLib.training.folds import deal_folds
from LesionSegLib.training.labelled_slices import (
    LabelledSlices,
    SegmentedCase,
    SingleSlice,
    join,
    rows_of_single_slices,
    slices_of_cases,
)
from LesionSegLib.training.train_slices import SliceRecipe, train_recipe
from LesionSegLib.weights_files import save_weights

log = logging.getLogger(__name__)

SCORES_NAME = "scores.csv"
COLUMNS = ("fold", "case", "slices", "dice", "sensitivity", "precision", "specificity", "volume_ratio")


@dataclass(frozen=True)
class CaseScore:
    """One held-out case.

    Attributes:
        fold: Fold it was held out in; None where a finished network was scored.
        case: Its number.
        slices: Its number of slices.
        overlap: Voxel counts over the whole case, inside the lungs.
    """

    fold: int | None
    case: int
    slices: int
    overlap: Overlap

    def row(self) -> dict[str, float | int | None]:
        """The score as a row with :data:`COLUMNS`; volume_ratio is found over true volume."""
        o = self.overlap
        true = o.true_positive + o.false_negative
        ratio = (o.true_positive + o.false_positive) / true if true else None
        values = (self.fold, self.case, self.slices, o.dice, o.sensitivity, o.precision, o.specificity, ratio)
        return dict(zip(COLUMNS, values, strict=True))


def cross_validate(
    cases: list[SegmentedCase],
    singles: list[SingleSlice],
    folder: Path,
    recipe: SliceRecipe,
    folds: int = 5,
    only: tuple[int, ...] | None = None,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[CaseScore]:
    """Train and score fold after fold.

    Args:
        cases: All cases of ``covid19_ct_seg``.
        singles: Slices of another set (other patients) that every fold also trains on; may be empty.
        folder: Existing folder; ``fold-N/`` with the log and weights and ``scores.csv`` are written into it.
        recipe: The same for every fold.
        folds: Number of folds, by patient (:func:`LesionSegLib.training.folds.deal_folds`).
        only: Folds to run; all when None.
        device: Where to compute; the CPU when None.
        progress: Told the share done.
        cancelled: Asked before each step.

    Returns:
        One score a held-out case.
    """
    dealt = deal_folds(np.concatenate([[case.case] * len(case.hu) for case in cases]), folds)
    wanted = range(folds) if only is None else only
    scores: list[CaseScore] = []
    for done, fold in enumerate(wanted):
        own = part(progress, done / len(wanted), (done + 1) / len(wanted))
        run = folder / f"fold-{fold}"
        run.mkdir(exist_ok=True)
        data = training_rows([case for case in cases if case.case not in dealt[fold]], singles)
        network = train_recipe(data, run, recipe, device, own, cancelled)
        save_weights(network.state_dict(), run / "network.safetensors")
        for case in cases:
            if case.case in dealt[fold]:
                scores.append(score_case(network, case, fold, device, cancelled))
        write_scores(folder / SCORES_NAME, scores)
    return scores


def score_case(
    network: MultiDecoderNet,
    case: SegmentedCase,
    fold: int | None = None,
    device: torch.device | None = None,
    cancelled: CancelCheck = never_cancelled,
) -> CaseScore:
    """Segment one case in its own grid and compare it with its reference inside the lungs."""
    mask = segment_case(network, case, device, cancelled) >= LESION_THRESHOLD
    found = overlap_of(mask & case.lungs, case.lesions & case.lungs, case.lungs)
    log.info("fold %s, case %d: Dice %s", fold, case.case, found.dice)
    return CaseScore(fold, case.case, len(case.hu), found)


def training_rows(cases: list[SegmentedCase], singles: list[SingleSlice]) -> LabelledSlices:
    """All training rows of some cases and single slices."""
    makers: list[tuple[Callable[..., LabelledSlices], list[SegmentedCase] | list[SingleSlice]]] = [
        (slices_of_cases, cases),
        (rows_of_single_slices, singles),
    ]
    return join([make(items) for make, items in makers if items])


def segment_case(
    network: MultiDecoderNet,
    case: SegmentedCase,
    device: torch.device | None = None,
    cancelled: CancelCheck = never_cancelled,
) -> npt.NDArray[np.float32]:
    """Lesion probability of one case in its own grid, with mirrored slices averaged in."""
    runner = SliceRunner(network, "lesion", True, device or torch.device("cpu"))
    index = np.arange(len(case.prepared))
    below, above = np.maximum(index - 1, 0), np.minimum(index + 1, len(index) - 1)
    stack = np.stack([case.prepared[below], case.prepared, case.prepared[above], case.prepared_lungs], axis=1)
    return case.frame.put_back(runner.run(stack, cancelled), case.lungs.shape[1:])


def write_scores(path: Path, scores: list[CaseScore]) -> None:
    """Write scores as CSV; a value that could not be computed is empty."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows([score.row() for score in scores])
