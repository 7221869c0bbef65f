"""Measure a feature model on patients it never saw: areas with intervals, calibration, and a test against RF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from COVIDMTLLib.statistics.bootstrap import bootstrap_difference, bootstrap_interval
from COVIDMTLLib.statistics.delong import delong_test
from COVIDMTLLib.statistics.scores import auc, brier, calibration_curve, calibration_error, scores
from COVIDMTLLib.tasks import TASKS, Task

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
CURVE_BINS = 10


@dataclass(frozen=True)
class TaskReport:
    """Figures of one task on one set of patients.

    Attributes:
        task: Its name.
        auc: Area (macro one-against-rest for severity).
        auc_interval: 95 % bootstrap interval.
        accuracy: Share of patients whose likeliest class is right.
        brier: Brier score.
        brier_interval: 95 % bootstrap interval.
        calibration_error: Expected calibration error.
        reference_auc: Area of the reference model on the same patients.
        difference_interval: 95 % interval of the difference of the areas.
        p: That the areas are equal: DeLong's test with two classes, paired bootstrap with three.
    """

    task: str
    auc: float
    auc_interval: tuple[float, float]
    accuracy: float
    brier: float
    brier_interval: tuple[float, float]
    calibration_error: float
    reference_auc: float
    difference_interval: tuple[float, float]
    p: float


def evaluate(
    labels: Mapping[str, Labels], found: Mapping[str, Features], reference: Mapping[str, Features], seed: int = 0
) -> tuple[TaskReport, ...]:
    """Measure all three tasks.

    Args:
        labels: True classes.
        found: Class probabilities of the model.
        reference: Class probabilities of the model it is compared with (the paper's random forest).
        seed: Of the bootstrap.
    """
    return tuple(_task(task, labels[task.name], found[task.name], reference[task.name], seed) for task in TASKS)


def _task(task: Task, labels: Labels, found: Features, reference: Features, seed: int) -> TaskReport:
    def area(values: Features):  # type: ignore[no-untyped-def]
        return lambda rows: auc(labels[rows], values[rows])

    if task.n_classes == 2:
        tested = delong_test(labels == 1, found[:, 1], reference[:, 1])
        difference, p = tested.interval, tested.p
    else:
        low, high, p = bootstrap_difference(area(found), area(reference), labels, seed=seed)
        difference = (low, high)
    return TaskReport(
        task.name,
        auc(labels, found),
        bootstrap_interval(area(found), labels, seed=seed),
        scores(labels, found).accuracy,
        brier(labels, found),
        bootstrap_interval(lambda rows: brier(labels[rows], found[rows]), labels, seed=seed),
        calibration_error(labels, found),
        auc(labels, reference),
        difference,
        p,
    )


def calibration_figure(labels: Mapping[str, Labels], found: Mapping[str, Features]) -> Figure:
    """Calibration curves of the three tasks: predicted against observed share, in equally filled bins."""
    figure = Figure(figsize=(12.0, 4.4), layout="constrained")
    for axes, task in zip(figure.subplots(1, len(TASKS)), TASKS, strict=True):
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle="--")
        classes = [1] if task.n_classes == 2 else range(task.n_classes)
        for k in classes:
            predicted, observed, _ = calibration_curve(labels[task.name] == k, found[task.name][:, k], CURVE_BINS)
            axes.plot(predicted, observed, marker="o", label=task.classes[k])
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_aspect("equal")
        axes.set_title(task.title, fontsize=10)
        axes.set_xlabel("Predicted probability")
        axes.set_ylabel("Observed share of patients")
        axes.legend(frameon=False, loc="upper left", fontsize=8)
    return figure
