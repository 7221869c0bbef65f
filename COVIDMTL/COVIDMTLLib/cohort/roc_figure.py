"""ROC curves of several models on one task (Fig. 3 of the COVID-MTL paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from COVIDMTLLib.statistics.scores import auc
from COVIDMTLLib.tasks import Task

FIGURE_SIZE = (5.5, 5.0)
FALSE_POSITIVE_GRID = np.linspace(0.0, 1.0, 201)  # where the curves of the classes are averaged


@dataclass(frozen=True)
class Curve:
    """One model's predictions.

    Attributes:
        name: In the legend.
        labels: True classes.
        probabilities: ``[patients, classes]``.
    """

    name: str
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]


def roc_figure(task: Task, curves: Sequence[Curve]) -> Figure:
    """ROC curves; with three classes the average of the one-against-rest curves, each class dotted."""
    figure = Figure(figsize=FIGURE_SIZE, layout="constrained")
    axes = figure.subplots()
    for number, curve in enumerate(curves):
        color = f"C{number}"
        classes = range(1, 2) if task.n_classes == 2 else range(task.n_classes)
        singles = [_single(curve, k) for k in classes]
        if len(singles) > 1:
            for single in singles:
                axes.plot(FALSE_POSITIVE_GRID, single, color=color, linewidth=0.7, linestyle=":")
        area = auc(curve.labels, curve.probabilities)
        axes.plot(FALSE_POSITIVE_GRID, np.mean(singles, axis=0), color=color, label=f"{curve.name}, AUC {area:.3f}")
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle="--")
    axes.set_xlabel("False positive rate")
    axes.set_ylabel("True positive rate")
    axes.set_title(task.title if task.n_classes == 2 else f"{task.title} (mean of classes; dotted: each class)")
    axes.set_aspect("equal")
    axes.legend(loc="lower right", frameon=False)
    return figure


def _single(curve: Curve, k: int) -> npt.NDArray[np.float64]:
    false_positive, true_positive, _ = roc_curve(curve.labels == k, curve.probabilities[:, k])
    return np.interp(FALSE_POSITIVE_GRID, false_positive, true_positive)
