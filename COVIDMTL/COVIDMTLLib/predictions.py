"""What a network predicts for labelled cases: computed, kept as CSV, read back."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ChestCTLib.errors import InputError
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.tasks import MISSING_LABEL, TASK_BY_NAME
from COVIDMTLLib.training.batches import CaseBatches, load, ordered_batches
from COVIDMTLLib.training.cases import PreparedCase
from COVIDMTLLib.training.engine import TrainedNetwork, predict_logits

CASES_A_STEP = 4
SUM_TOLERANCE = 1e-3  # probabilities of a row sum to 1 but for rounding in the file


@dataclass(frozen=True)
class Predictions:
    """Predictions of one model for labelled cases.

    Attributes:
        name: Of the model, as tables show it.
        ids: Of the cases.
        labels: Class numbers by task, int64; -1 where missing.
        probabilities: ``[cases, classes]`` by task.
    """

    name: str
    ids: tuple[str, ...]
    labels: dict[str, npt.NDArray[np.int64]]
    probabilities: dict[str, npt.NDArray[np.float64]]

    def known(self, task: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Labels and probabilities of the cases that have a label for the task."""
        rows = self.labels[task] != MISSING_LABEL
        return self.labels[task][rows], self.probabilities[task][rows]


@torch.no_grad()
def predict(
    name: str,
    trained: TrainedNetwork,
    cases: Sequence[PreparedCase],
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Predictions:
    """Predict all tasks of a network for prepared cases.

    Args:
        name: Of the model.
        trained: The network.
        cases: Prepared for its input settings.
        progress: Told the share of cases done.
        cancelled: Asked between cases.
    """
    tasks = trained.network_settings.tasks
    place = next(trained.network.parameters()).device
    batches = CaseBatches(cases, tasks, trained.input_settings, trained.scale, None, 0)
    batches.plan(0, ordered_batches(len(cases), CASES_A_STEP))
    labels: dict[str, list[npt.NDArray[np.int64]]] = {task: [] for task in tasks}
    chances: dict[str, list[npt.NDArray[np.float64]]] = {task: [] for task in tasks}
    for number, batch in enumerate(load(batches, 0)):
        raise_if_cancelled(cancelled)
        progress(number / len(batches), f"predicting with {name}")
        logits = predict_logits(trained.network, batch.to(place))
        for task in tasks:
            chances[task].append(logits[task].double().softmax(dim=1).cpu().numpy())
            labels[task].append(batch.labels[task].numpy())
    progress(1.0, f"predicted with {name}")
    return Predictions(
        name,
        tuple(case.id for case in cases),
        {task: np.concatenate(parts) for task, parts in labels.items()},
        {task: np.concatenate(parts) for task, parts in chances.items()},
    )


def join_single_tasks(name: str, parts: Sequence[Predictions]) -> Predictions:
    """Predictions of single-task models as if of one model.

    Raises:
        InputError: They are of other cases, or two are of one task.
    """
    first = parts[0]
    labels: dict[str, npt.NDArray[np.int64]] = {}
    chances: dict[str, npt.NDArray[np.float64]] = {}
    for part in parts:
        if part.ids != first.ids:
            raise InputError(f"{part.name} and {first.name} predicted other cases.", "Predict the same table.")
        if set(part.labels) & set(labels):
            raise InputError(f"Two models of '{name}' predict {sorted(set(part.labels) & set(labels))}.")
        labels |= part.labels
        chances |= part.probabilities
    return Predictions(name, first.ids, labels, chances)


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write one row a case: ``id``, then for each task its label and the probability of each class."""
    header = ["id"]
    for task, chances in predictions.probabilities.items():
        header += [task, *(f"{task}_p{k}" for k in range(chances.shape[1]))]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for number, case in enumerate(predictions.ids):
            row: list[str] = [case]
            for task, chances in predictions.probabilities.items():
                label = int(predictions.labels[task][number])
                row += ["" if label == MISSING_LABEL else str(label), *(f"{p:.8f}" for p in chances[number])]
            writer.writerow(row)


def read_predictions(path: Path, name: str) -> Predictions:
    """The inverse of :func:`write_predictions`.

    Raises:
        InputError: The file is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        ids = tuple(row["id"] for row in rows)
        labels, chances = {}, {}
        for task in TASK_BY_NAME.values():
            if rows and task.name in rows[0]:
                labels[task.name] = np.array([int(row[task.name] or MISSING_LABEL) for row in rows], dtype=np.int64)
                columns = [f"{task.name}_p{k}" for k in range(task.n_classes)]
                chances[task.name] = np.array([[float(row[c]) for c in columns] for row in rows])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"The predictions in {path.name} cannot be read: {error}.", "Predict again.") from error
    sums = [np.abs(values.sum(axis=1) - 1).max() for values in chances.values()]
    if not sums or max(sums) > SUM_TOLERANCE:
        raise InputError(f"{path.name} holds no probabilities that sum to 1.", "Predict again.")
    return Predictions(name, ids, labels, chances)
