"""The reconstruction multitask network beside its baselines: same pictures, recipe and run (section 3 of its paper)."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import torch

from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part
from LesionSegLib.networks.reconstruction_mtl import TASKS, Task
from LesionSegLib.training.pictures import LabelledPictures
from LesionSegLib.training.train_pictures import (
    PictureScores,
    PictureTrainingSettings,
    score_pictures,
    train_pictures,
)
from LesionSegLib.weights_files import save_weights

THREE_TASKS, UNET, CNN = "reconstruction-mtl", "unet", "cnn"
PAIRS: dict[str, tuple[Task, ...]] = {"+".join(pair): pair for pair in combinations(TASKS, 2)}
VARIANTS: dict[str, tuple[Task, ...]] = {
    THREE_TASKS: TASKS,
    UNET: ("segmentation",),
    CNN: ("classification",),
    "classification": ("classification",),
    **PAIRS,
}
COMPARISON_NAME = "comparison.csv"


@dataclass(frozen=True)
class VariantScores:
    """One network of the comparison.

    Attributes:
        name: One of :data:`VARIANTS`.
        parameters: Number of weights.
        validation: Scores on the pictures that chose the epoch.
        test: Scores on the test pictures; None when they were left alone.
    """

    name: str
    parameters: int
    validation: PictureScores
    test: PictureScores | None


def variant_settings(name: str, settings: PictureTrainingSettings) -> PictureTrainingSettings:
    """The recipe of a variant: same numbers, other network.

    The 8-layer CNN gets three times the epochs and patience, as in the paper (1500 against 500).
    """
    if name == CNN:
        return replace(settings, kind="cnn", epochs=3 * settings.epochs, patience=3 * settings.patience)
    return replace(settings, kind="reconstruction-mtl", network=replace(settings.network, tasks=VARIANTS[name]))


def compare_variants(
    train: LabelledPictures,
    validation: LabelledPictures,
    test: LabelledPictures | None,
    folder: Path,
    names: tuple[str, ...],
    settings: PictureTrainingSettings,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[VariantScores]:
    """Train variants after each other and score each; what is finished in the folder is not trained again.

    Args:
        train: Training pictures; a variant leaves out those without a label for its tasks.
        validation: Chooses each variant's epoch.
        test: Scored once each; None leaves them alone, for trying a recipe.
        folder: Existing folder; gets one folder a variant, with log and weights, and ``comparison.csv``.
        names: Of :data:`VARIANTS`.
        settings: The recipe.
        device: Where to compute; the CPU when None.
        progress: Told the share done.
        cancelled: Asked before each step.
    """
    table: list[VariantScores] = []
    for number, name in enumerate(names):
        own = part(progress, number / len(names), (number + 1) / len(names))
        run = folder / name.replace("+", "-")
        run.mkdir(exist_ok=True)
        recipe = variant_settings(name, settings)
        tasks = VARIANTS[name]
        used, chosen = with_labels(train, tasks), with_labels(validation, tasks)
        network = train_pictures(used, chosen, run, recipe, device, own, cancelled)
        save_weights(network.state_dict(), run / "network.safetensors")
        parameters = sum(weights.numel() for weights in network.parameters())
        scores = [
            None if data is None else score_pictures(network, data, recipe.batch, device) for data in (validation, test)
        ]
        assert scores[0] is not None  # the validation pictures are always given
        table.append(VariantScores(name, parameters, scores[0], scores[1]))
        write_comparison(folder / COMPARISON_NAME, table)
    return table


def with_labels(data: LabelledPictures, tasks: tuple[Task, ...]) -> LabelledPictures:
    """The pictures that teach at least one of the tasks."""
    useful = data.has_mask * ("segmentation" in tasks) + data.has_class * ("classification" in tasks)
    return data if "reconstruction" in tasks else data.choose(useful.nonzero()[0])


def write_comparison(path: Path, table: list[VariantScores]) -> None:
    """Write the scores as CSV; a task that a network lacks, or a split that was left alone, is empty."""
    measures = ("auc", "accuracy", "dice")
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["network", "parameters", *(f"{split} {name}" for split in ("validation", "test") for name in measures)]
        )
        for row in table:
            values = [getattr(scores, name, None) for scores in (row.validation, row.test) for name in measures]
            writer.writerow([row.name, row.parameters, *["" if value is None else value for value in values]])
