"""Fine-tuning on single slices with classes (medseg100): several runs averaged into one network, and its own folds."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ChestCTLib.learning.seeding import derived_seed
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part
from LesionSegLib.networks.multi_decoder import MultiDecoderNet
from LesionSegLib.training.labelled_slices import LabelledSlices, SingleSlice, rows_of_single_slices
from LesionSegLib.training.single_slice_scores import SliceScores, classify_slice, score_masks
from LesionSegLib.training.train_slices import SliceTrainingSettings, train_slices

log = logging.getLogger(__name__)


def fine_tune(
    rows: LabelledSlices,
    folder: Path,
    settings: SliceTrainingSettings,
    start: MultiDecoderNet,
    runs: int = 1,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> MultiDecoderNet:
    """Train from one start with several seeds and average the weights.

    Runs from the same start stay close enough for their mean to be a network, and a steadier one than each of them.

    Args:
        rows: Training rows.
        folder: Existing folder; gets ``run-N/`` each.
        settings: The recipe; its seed is the first run's.
        start: The network to go on from. Its decoder of lesions also starts the one of consolidation.
        runs: How many are averaged.
        device: Where to compute; the CPU when None.
        progress: Told the share done.
        cancelled: Asked before each step.

    Returns:
        The averaged network in evaluation mode.
    """
    begin = start_all_decoders(start)
    found = []
    for number in range(runs):
        run = folder / f"run-{number}"
        run.mkdir(exist_ok=True)
        own = part(progress, number / runs, (number + 1) / runs)
        found.append(
            train_slices(rows, run, replace(settings, seed=settings.seed + number), device, own, cancelled, begin)
        )
    return average_networks(found)


def start_all_decoders(network: MultiDecoderNet) -> MultiDecoderNet:
    """A copy whose decoders all start from the first one (lesions): other labels had no targets before."""
    begin = copy.deepcopy(network)
    for decoder in begin.decoders[1:]:
        decoder.load_state_dict(begin.decoders[0].state_dict())
    return begin


def average_networks(networks: list[MultiDecoderNet]) -> MultiDecoderNet:
    """The mean of weights and of normalisation statistics; whole numbers (counters) are the first network's."""
    result = copy.deepcopy(networks[0])
    states = [network.state_dict() for network in networks]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in states[0].items()
    }
    result.load_state_dict(mean)
    return result.eval()


def cross_validate_single_slices(
    slices: list[SingleSlice],
    folder: Path,
    settings: SliceTrainingSettings,
    start: MultiDecoderNet,
    folds: int = 4,
    runs: int = 1,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[SliceScores]:
    """Fine-tune on all folds but one and score that one, in turn; patients of the slices are not known.

    Args:
        slices: Of the training part only.
        folder: Existing folder; gets ``fold-N/`` each.
        settings: The recipe.
        start: A network that has seen none of the slices.
        folds: Number of folds, dealt at random by the recipe's seed.
        runs: See :func:`fine_tune`.
        device: Where to compute; the CPU when None.
        progress: Told the share done.
        cancelled: Asked before each step.

    Returns:
        Scores over all slices, each segmented by the network that had not seen it.
    """
    order = np.random.default_rng(derived_seed(settings.seed, 3)).permutation(len(slices))
    masks: dict[int, np.ndarray] = {}
    for fold in range(folds):
        held_out = order[fold::folds]
        rows = rows_of_single_slices([slices[i] for i in range(len(slices)) if i not in held_out])
        run = folder / f"fold-{fold}"
        run.mkdir(exist_ok=True)
        own = part(progress, fold / folds, (fold + 1) / folds)
        network = fine_tune(rows, run, settings, start, runs, device, own, cancelled)
        for index in held_out:
            masks[int(index)] = classify_slice(network, slices[index], device, cancelled)
    return score_masks(slices, [masks[index] for index in range(len(slices))])
