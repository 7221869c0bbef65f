"""Fine-tuning of a shipped lesion network on readers' corrections, with cases held out to see whether it helped."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ChestCTLib.errors import InputError
from ChestCTLib.grid import canonical
from ChestCTLib.learning.seeding import derived_seed
from ChestCTLib.overlap import overlap_measures
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from LesionSegLib.corrections import CorrectedCase, Correction, read_correction
from LesionSegLib.inference import NEIGHBOUR_MM, consistent_mask, lesion_probability
from LesionSegLib.networks.multi_decoder import MultiDecoderNet
from LesionSegLib.preprocessing import Frame, prepare_slices
from LesionSegLib.settings import InferenceSettings
from LesionSegLib.training.labelled_slices import LABELS, LEVELS, LabelledSlices, join
from LesionSegLib.training.recipes import CPU_RECIPE
from LesionSegLib.training.train_slices import SliceTrainingSettings, train_slices

# A tenth of the usual learning rate: few corrections must not make the network forget what many cases taught it.
CORRECTION_RECIPE = replace(CPU_RECIPE, epochs=8, slices_per_epoch=160, learning_rate=3e-4, average_decay=0.95)
SCORES = "held-out.csv"


@dataclass(frozen=True)
class FineTuningSettings:
    """One fine-tuning.

    Attributes:
        training: The recipe.
        held_out: Share of the cases kept apart, at least one; all corrections of a case are on the same side.
        inference: How the network is applied to the held-out cases, before and after.
        seed: Of the split and of every random choice.
    """

    training: SliceTrainingSettings = CORRECTION_RECIPE
    held_out: float = 0.25
    inference: InferenceSettings = field(default_factory=InferenceSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise InputError(f"The held-out share is {self.held_out}.", "Give a share between 0 and 1.")


@dataclass(frozen=True)
class HeldOutScore:
    """A held-out correction: how near the network comes to it.

    Attributes:
        case: Its case.
        before: Dice of the network before fine-tuning with the corrected mask; None when both are empty.
        after: The same after fine-tuning.
        before_ml: Lesion volume by the network before, mL.
        after_ml: After, mL.
        corrected_ml: By the reader, mL.
    """

    case: str
    before: float | None
    after: float | None
    before_ml: float
    after_ml: float
    corrected_ml: float


@dataclass(frozen=True)
class FineTuned:
    """What a fine-tuning gave.

    Attributes:
        network: On the CPU, in evaluation mode.
        trained: Cases it learned from.
        scores: One row a held-out correction; empty with a single case, which leaves nothing to hold out.
    """

    network: MultiDecoderNet
    trained: tuple[str, ...]
    scores: tuple[HeldOutScore, ...]

    def mean(self, when: str) -> float | None:
        """Mean Dice of the held-out corrections, "before" or "after"; None without any."""
        values = [value for score in self.scores if (value := getattr(score, when)) is not None]
        return sum(values) / len(values) if values else None


def split_by_case(
    corrections: Sequence[Correction], share: float, seed: int
) -> tuple[list[Correction], list[Correction]]:
    """Part corrections into those to learn from and those held out, whole cases at a time.

    Args:
        corrections: All of them.
        share: Of the cases to hold out; at least one, unless there is only one.
        seed: Of the draw.
    """
    cases = sorted({correction.case for correction in corrections})
    count = min(max(1, round(share * len(cases))), len(cases) - 1)
    drawn = np.random.default_rng(derived_seed(seed, 3)).permutation(len(cases))[:count]
    apart = {cases[index] for index in drawn}
    return (
        [correction for correction in corrections if correction.case not in apart],
        [correction for correction in corrections if correction.case in apart],
    )


def rows_of_correction(case: CorrectedCase, number: int) -> LabelledSlices:
    """Training rows of one corrected scan, prepared as for inference: slices at the distance of the neighbours.

    Args:
        case: The training pair.
        number: Tells the rows of one case from those of others.

    Raises:
        InputError: The lungs are empty.
    """
    view = canonical(case.volume)
    lungs, lesions = view.apply(case.lungs), view.apply(case.lesions)
    inside = np.flatnonzero((lungs > 0).any(axis=(1, 2)))
    if not inside.size:
        raise InputError(f"The lungs of “{case.correction.case}” are empty.", "Remove this correction.")
    step = max(1, round(NEIGHBOUR_MM / view.volume.spacing_mm[0]))
    chosen = np.arange(inside[0], inside[-1] + 1, step)
    hu, lungs, lesions = view.volume.hu[chosen], lungs[chosen], lesions[chosen]
    extent = np.asarray((lungs > 0).any(axis=0))
    pictures, masks, frame = prepare_slices(hu, lungs, extent, view.volume.spacing_mm[1:])
    n = len(chosen)
    targets = np.stack([_framed(lesions >= least, frame) for least in range(1, len(LABELS) + 1)], axis=1)
    index = np.arange(n)
    return LabelledSlices(
        _bytes(pictures),
        _bytes(masks),
        targets,
        np.ones((n, len(LABELS)), bool),
        np.full(n, number),
        np.maximum(index - 1, 0),
        np.minimum(index + 1, n - 1),
    )


def fine_tune(
    start: MultiDecoderNet,
    corrections: Sequence[Correction],
    folder: Path,
    settings: FineTuningSettings | None = None,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> FineTuned:
    """Go on training a network on corrections.

    Args:
        start: The shipped network.
        corrections: From :func:`LesionSegLib.corrections.list_corrections`.
        folder: Existing folder for the log and the table of held-out scores.
        settings: Recipe and split; the defaults when None.
        device: Where to compute; the CPU when None.
        progress: Told the share done.
        cancelled: Asked between steps.

    Raises:
        InputError: A correction cannot be used.
        CancelledError: The user cancelled.
    """
    settings = settings or FineTuningSettings()
    device = device or torch.device("cpu")
    learned, apart = split_by_case(corrections, settings.held_out, settings.seed)
    rows = []
    for number, correction in enumerate(learned):
        raise_if_cancelled(cancelled)
        progress(0.15 * number / len(learned), f"preparing {correction.case}")
        rows.append(rows_of_correction(read_correction(correction), number))
    held_out = [read_correction(correction) for correction in apart]
    before = [_predict(start, case, settings, device, cancelled) for case in held_out]
    training = replace(settings.training, network=start.settings, seed=settings.seed)
    network = train_slices(join(rows), folder, training, device, part(progress, 0.25, 0.9), cancelled, start)
    scores = []
    for case, old in zip(held_out, before, strict=True):
        progress(0.95, f"scoring {case.correction.case}")
        scores.append(_score(case, old, _predict(network, case, settings, device, cancelled)))
    if scores:
        _write_scores(folder / SCORES, scores)
    progress(1.0, "done")
    return FineTuned(network, tuple(sorted({correction.case for correction in learned})), tuple(scores))


def _predict(
    network: MultiDecoderNet,
    case: CorrectedCase,
    settings: FineTuningSettings,
    device: torch.device,
    cancelled: CancelCheck,
) -> npt.NDArray[np.bool_]:
    view = canonical(case.volume)
    hu, lungs, spacing = view.volume.hu, view.apply(case.lungs), view.volume.spacing_mm
    probability = lesion_probability(
        network, LABELS[0], hu, lungs, spacing, settings.inference, device, cancelled=cancelled
    )
    return view.restore(consistent_mask(probability, hu, lungs, spacing, settings.inference))


def _score(case: CorrectedCase, before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_]) -> HeldOutScore:
    truth, voxel_ml = case.lesions > 0, case.volume.voxel_ml
    dices = [overlap_measures(mask, truth, None)["dice"] for mask in (before, after)]
    volumes = [float(np.count_nonzero(mask) * voxel_ml) for mask in (before, after, truth)]
    return HeldOutScore(case.correction.case, dices[0], dices[1], *volumes)


def _write_scores(path: Path, scores: Sequence[HeldOutScore]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ("case", "dice before", "dice after", "before [mL]", "after [mL]", "corrected by the reader [mL]")
        )
        for score in scores:
            dices = ["n/a" if value is None else f"{value:.4f}" for value in (score.before, score.after)]
            volumes = [f"{value:.1f}" for value in (score.before_ml, score.after_ml, score.corrected_ml)]
            writer.writerow((score.case, *dices, *volumes))


def _framed(mask: npt.NDArray[np.bool_], frame: Frame) -> npt.NDArray[np.uint8]:
    return (frame.take(mask.astype(np.float32)) >= 0.5).astype(np.uint8)


def _bytes(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.clip(np.rint(pictures * LEVELS), 0, 255).astype(np.uint8)
