"""The ablation of Section 7 on phantoms: Shift3D on and off, three multitask losses, several seeds (Figs 4 and 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from ChestCTLib.learning.log import LOG_NAME, read_log
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part
from COVIDMTLLib.cohort.reproduction import Cell, Reproduction
from COVIDMTLLib.evaluation import NOT_COMPUTED
from COVIDMTLLib.losses import LossName
from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.networks.build import NetworkSettings
from COVIDMTLLib.predictions import predict
from COVIDMTLLib.statistics.scores import auc
from COVIDMTLLib.tasks import TASKS
from COVIDMTLLib.training.cases import PreparedCase
from COVIDMTLLib.training.engine import train
from COVIDMTLLib.training.phantom_cases import make_phantom_cases
from COVIDMTLLib.training.recipes import Recipe, without_shift
from COVIDMTLLib.training.settings import TrainSettings

# Small enough for 18 runs on a laptop: a quarter of the width on a grid of 7 mm
ABLATION = Recipe(
    "ablation",
    NetworkSettings(width=0.25, pools=(True, False, False)),
    InputSettings((7.0, 7.0, 7.0), (48, 32, 44)),
    TrainSettings(epochs=20, batch=8, learning_rate=0.02, final_learning_rate=2e-4, clip_gradient=5.0, loss="random"),
    phantoms=(160, 60, 100),
)
SEEDS = 3
LOSSES: tuple[LossName, ...] = get_args(LossName)


@dataclass(frozen=True)
class AblationRun:
    """One training of the ablation.

    Attributes:
        shift: Whether Shift3D was on.
        loss: The multitask loss.
        seed: Of the training.
        curve: Validation loss of each epoch (mean of the tasks, whatever loss trained).
        areas: AUC on the test phantoms by task, after the last epoch; nan where they lack a class.
    """

    shift: bool
    loss: LossName
    seed: int
    curve: npt.NDArray[np.float64]
    areas: dict[str, float]


def run_ablation(
    folder: Path,
    recipe: Recipe = ABLATION,
    seeds: int = SEEDS,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[AblationRun]:
    """Train every combination on the same phantoms; finished runs in the folder are not repeated.

    Args:
        folder: Gets ``phantoms/`` and one folder a run.
        recipe: Network, grid, training and number of phantoms.
        seeds: Runs of each combination.
        progress: Told the share done.
        cancelled: Asked between steps.
    """
    sets: list[list[PreparedCase]] = []
    for number, (split, count) in enumerate(zip(("train", "validation", "test"), recipe.phantoms, strict=True)):
        step = part(progress, 0.05 * number, 0.05 * (number + 1))
        made = make_phantom_cases(split, count, recipe.input, folder / "phantoms", step, cancelled)
        sets.append([phantom.case for phantom in made])
    learn, watch, held_out = sets
    plan = [(shift, loss, seed) for seed in range(seeds) for loss in LOSSES for shift in (True, False)]
    runs = []
    for number, (shift, loss, seed) in enumerate(plan):
        step = part(progress, 0.15 + 0.85 * number / len(plan), 0.15 + 0.85 * (number + 1) / len(plan))
        place = folder / f"{'shift' if shift else 'plain'}-{loss}-{seed}"
        network = recipe.network if shift else without_shift(recipe.network)
        settings = replace(recipe.training, loss=loss, seed=seed)
        trained = train(network, recipe.input, settings, learn, watch, place, progress=step, cancelled=cancelled)
        found = predict(place.name, trained, held_out, cancelled=cancelled)
        areas = {name: _area(*found.known(name)) for name in found.labels}
        curve = np.array([row["validation_loss"] for row in read_log(place / LOG_NAME)], dtype=np.float64)
        runs.append(AblationRun(shift, loss, seed, curve, areas))
    return runs


def ablation_table(runs: Sequence[AblationRun], recipe: Recipe = ABLATION) -> Reproduction:
    """Mean and spread over the seeds, and the validation losses as in Fig 9."""
    rows: list[tuple[Cell, ...]] = []
    for loss in LOSSES:
        for shift in (True, False):
            same = [run for run in runs if run.loss == loss and run.shift == shift]
            if not same:
                continue
            last = np.array([run.curve[-1] for run in same])
            cells: list[Cell] = ["on" if shift else "off", loss, len(same), *_mean_and_spread(last)]
            for task in TASKS:
                cells += _mean_and_spread(np.array([run.areas[task.name] for run in same]))
            rows.append(tuple(cells))
    tasks = [f"auc_{task.name}{suffix}" for task in TASKS for suffix in ("", "_sd")]
    columns = ("shift3d", "loss", "seeds", "validation_loss", "validation_loss_sd", *tasks)
    train_count, _, test_count = recipe.phantoms
    notes = (
        f"{train_count} training and {test_count} test phantoms, {recipe.training.epochs} epochs; "
        "mean and standard deviation over the seeds, after the last epoch.",
        "validation_loss is the plain mean of the tasks' cross-entropies, whatever loss trained.",
    )
    title = "Ablation on phantoms: Shift3D and the multitask losses (as Figs 4 and 9)"
    return Reproduction("ablation", title, columns, tuple(rows), notes, {"ablation_loss": ablation_figure(runs)})


def ablation_figure(runs: Sequence[AblationRun]) -> Figure:
    """Validation loss over the epochs: mean of the seeds with their range, solid with Shift3D, dashed without."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, loss in enumerate(LOSSES):
        for shift in (True, False):
            curves = [run.curve for run in runs if run.loss == loss and run.shift == shift]
            if not curves:
                continue
            together = np.stack(curves)
            epochs = np.arange(1, together.shape[1] + 1)
            label = f"{loss}, Shift3D {'on' if shift else 'off'}"
            axes.plot(epochs, together.mean(axis=0), "-" if shift else "--", color=f"C{number}", label=label)
            axes.fill_between(epochs, together.min(axis=0), together.max(axis=0), color=f"C{number}", alpha=0.08)
    axes.set_yscale("log")  # early epochs jump; what counts is apart by hundredths at the end
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter())
    axes.set_xlabel("Epoch")
    axes.set_ylabel("Validation loss (mean of the tasks)")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _area(labels: npt.NDArray[np.int64], chances: npt.NDArray[np.float64]) -> float:
    return auc(labels, chances) if len(np.unique(labels)) == chances.shape[1] else float("nan")


def _mean_and_spread(values: npt.NDArray[np.float64]) -> list[Cell]:
    if not np.isfinite(values).all():
        return [NOT_COMPUTED, NOT_COMPUTED]
    return [float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else NOT_COMPUTED]
