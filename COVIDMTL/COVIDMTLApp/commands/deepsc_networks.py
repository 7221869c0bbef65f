"""``covidmtl train lesions --method deepsc-covid``: joint training and each subnet alone, on phantoms."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ChestCTLib.device import DeviceChoice
    from ChestCTLib.progress import CancelCheck, Progress
    from LesionSegLib.networks.deepsc_covid import DeepSCCovid
    from LesionSegLib.training.scans import DeepSCScan
    from LesionSegLib.training.score_deepsc import DeepSCCase
    from LesionSegLib.training.train_deepsc import DeepSCTrainingSettings

READING = 0.1  # share of the progress
PHANTOM_SPACING_MM = (6.0, 4.0, 4.0)  # about the CPU recipe's grid; finer ones would be resampled away
TRAINING_SEED, VALIDATION_SEED, TEST_SEED = 1000, 2000, 5000  # first phantom of each part
LARGEST = VALIDATION_SEED - TRAINING_SEED
SMALLEST = 6  # two of each class
HELD_OUT = 0.5  # held-out phantoms for each one to train on
JOINT, SEGMENTATION, CLASSIFICATION = "joint", "segmentation alone", "classification alone"


@dataclass(frozen=True)
class DeepSCRequest:
    """What to train DeepSC-COVID on.

    Attributes:
        out: Existing folder.
        recipe: Name of a recipe.
        phantoms: How many to train on, a third of each class; :data:`HELD_OUT` times as many others are scored.
        stacks: Folder of ``covid19_ct_seg`` for the segmentation subnet, or None.
        width: Instead of the recipe's; None keeps it.
        epochs: Of each stage, likewise.
        seed: Of the training; the phantoms stay the same, so that trainings can be compared.
        device: What to compute on.
        test: Whether to score the test phantoms; else those for validation, while trying recipes.
    """

    out: Path
    recipe: str
    phantoms: int
    stacks: Path | None
    width: float | None
    epochs: int | None
    seed: int
    device: DeviceChoice
    test: bool = True


def train_deepsc_networks(request: DeepSCRequest, progress: Progress, cancelled: CancelCheck) -> None:
    """Train DeepSC-COVID jointly and each subnet alone on the same scans; score all three on held-out phantoms.

    The joint training's first stage teaches the segmentation subnet what it learns alone, so it is shared.
    """
    from ChestCTLib.device import choose_device
    from ChestCTLib.errors import InputError
    from ChestCTLib.progress import part
    from COVIDMTLApp import console
    from LesionSegLib.training.recipes import DEEPSC_GRIDS
    from LesionSegLib.training.score_deepsc import DeepSCScores, score_deepsc
    from LesionSegLib.training.train_deepsc import pretrain_deepsc, train_deepsc
    from LesionSegLib.weights_files import save_weights

    if not SMALLEST <= request.phantoms <= LARGEST:
        raise InputError(f"{request.phantoms} phantoms were asked for.", f"Use {SMALLEST} to {LARGEST}.")
    settings, grid, where = _settings(request), DEEPSC_GRIDS[request.recipe], choose_device(request.device)
    count = max(3, round(HELD_OUT * request.phantoms))
    first = TEST_SEED if request.test else VALIDATION_SEED
    seeds = [*range(TRAINING_SEED, TRAINING_SEED + request.phantoms), *range(first, first + count)]
    scans = _phantom_scans(seeds, grid, part(progress, 0.0, READING), cancelled)
    train, held_out = scans[: request.phantoms] + _stacks(request.stacks, grid), scans[request.phantoms :]

    def share(start: float, stop: float) -> Progress:
        return part(progress, READING + (1.0 - READING) * start, READING + (1.0 - READING) * stop)

    folders = {name: request.out / name.replace(" ", "-") for name in (JOINT, SEGMENTATION, CLASSIFICATION)}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    pretrained = pretrain_deepsc(train, folders[JOINT], settings, True, True, where, share(0.0, 0.4), cancelled)
    arms: tuple[tuple[str, bool, bool, DeepSCCovid | None, Progress], ...] = (
        (JOINT, True, True, pretrained, share(0.4, 0.65)),
        (SEGMENTATION, True, False, pretrained, share(0.65, 0.85)),
        (CLASSIFICATION, False, True, None, share(0.85, 1.0)),
    )
    cases: dict[str, list[DeepSCCase]] = {}
    table: dict[str, dict[str, object]] = {}
    for name, segment, classify, start, own in arms:
        network = train_deepsc(train, folders[name], settings, segment, classify, where, own, cancelled, start)
        save_weights(network.state_dict(), folders[name] / "deepsc-covid.safetensors")
        cases[name] = score_deepsc(network, held_out, settings, segment, classify, where)
        scores = DeepSCScores.of(cases[name])
        table[name] = {"dice": scores.dice, "accuracy": scores.accuracy, "evidence_ratio": scores.evidence_ratio}
        console.say(
            f"{name}: Dice {_text(scores.dice)}, accuracy {_text(scores.accuracy)}, evidence in lesions "
            f"{_text(scores.evidence_ratio)} times that in the lungs, on {count} phantoms"
        )
    labels = [scan.label for scan in held_out]
    _write(request.out / "cases.csv", seeds[request.phantoms :], labels, cases)
    gains = {
        "dice_gain": _gain([c.dice for c in cases[JOINT]], [c.dice for c in cases[SEGMENTATION]], labels),
        "accuracy_gain": _gain([c.right for c in cases[JOINT]], [c.right for c in cases[CLASSIFICATION]], labels),
    }
    table[JOINT].update(gains)
    for score, (mean, low, high) in gains.items():
        console.say(f"joint minus alone, {score.split('_')[0]}: {mean:+.3f} (95 % {low:+.3f} to {high:+.3f})")
    console.emit({"result": table})


def _settings(request: DeepSCRequest) -> DeepSCTrainingSettings:
    """The recipe with what was asked for instead."""
    from LesionSegLib.training.recipes import DEEPSC_RECIPES

    settings = DEEPSC_RECIPES[request.recipe]
    return replace(
        settings,
        network=replace(settings.network, width=request.width or settings.network.width),
        first_epochs=request.epochs or settings.first_epochs,
        second_epochs=request.epochs or settings.second_epochs,
        seed=request.seed,
    )


def _phantom_scans(
    seeds: Sequence[int], shape: tuple[int, int, int], progress: Progress, cancelled: CancelCheck
) -> list[DeepSCScan]:
    from ChestCTLib.phantom import PhantomSettings, make_phantom
    from ChestCTLib.progress import raise_if_cancelled
    from LesionSegLib.networks.deepsc_covid import CLASSES
    from LesionSegLib.training.scans import scan_of_phantom

    scans = []
    for number, seed in enumerate(seeds):
        raise_if_cancelled(cancelled)
        progress(number / len(seeds), f"phantom {number + 1} of {len(seeds)}")
        made = PhantomSettings(seed=seed, diagnosis=CLASSES[seed % len(CLASSES)], spacing_mm=PHANTOM_SPACING_MM)
        scans.append(scan_of_phantom(make_phantom(made), shape))
    return scans


def _stacks(folder: Path | None, shape: tuple[int, int, int]) -> list[DeepSCScan]:
    from ChestCTLib.io.slices import read_slice_set
    from LesionSegLib.training.scans import scan_of_slices

    return [] if folder is None else [scan_of_slices(case, shape) for case in read_slice_set(folder)]


def _gain(
    joint: Sequence[float | None], alone: Sequence[float | None], labels: Sequence[int | None]
) -> tuple[float, float, float]:
    """Mean of joint minus alone over the phantoms that have the score, and its 95 % bootstrap interval."""
    import numpy as np

    from COVIDMTLLib.statistics.bootstrap import bootstrap_interval

    rows = [(a - b, y) for a, b, y in zip(joint, alone, labels, strict=True) if a is not None and b is not None]
    gains, classes = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows], np.int64)
    low, high = bootstrap_interval(lambda chosen: float(gains[chosen].mean()), classes)
    return float(gains.mean()), low, high


def _write(path: Path, seeds: Sequence[int], labels: Sequence[int | None], cases: dict[str, list[DeepSCCase]]) -> None:
    """The scores of every phantom, one row for each training."""
    from ChestCTLib.io.atomic import atomic_path
    from LesionSegLib.networks.deepsc_covid import CLASSES

    with atomic_path(path) as target, target.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["training", "seed", "class", "dice", "right", "evidence_ratio"])
        for name, rows in cases.items():
            for seed, label, case in zip(seeds, labels, rows, strict=True):
                known = "n/a" if label is None else CLASSES[label]
                values = [case.dice, case.right, case.evidence_ratio]
                table.writerow([name, seed, known, *["n/a" if value is None else value for value in values]])


def _text(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
