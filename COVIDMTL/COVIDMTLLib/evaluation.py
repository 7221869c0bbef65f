"""Evaluation of networks in the layout of Tables 3, 4, 6, 7 and 10, with ROC curves, confusion matrices and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from ChestCTLib.errors import InputError
from COVIDMTLLib.cohort.reproduction import Cell, Reproduction
from COVIDMTLLib.cohort.roc_figure import Curve, roc_figure
from COVIDMTLLib.predictions import Predictions
from COVIDMTLLib.statistics.bootstrap import RESAMPLES, bootstrap_interval
from COVIDMTLLib.statistics.delong import delong_test
from COVIDMTLLib.statistics.scores import Scores, auc, scores
from COVIDMTLLib.tasks import TASK_BY_NAME, Task

SCORE_NAMES = tuple(field.name for field in fields(Scores))
NOT_COMPUTED = "n/a"
SCORE_NOTE = (
    "Precision, recall and F1 are weighted by class size, so recall equals accuracy. AUC: one class against the rest, "
    "macro average. Interval: 95 % bootstrap over cases. n/a: a class has no case."
)
RESEARCH_NOTE = "Research software: these are figures of a network on the given cases, not of a diagnosis."


def evaluate(models: Sequence[Predictions], resamples: int = RESAMPLES, seed: int = 0) -> list[Reproduction]:
    """All tables and figures for one or more models on the same cases.

    Args:
        models: Predictions; the first is the one the others are compared with.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        ``diagnosis`` (Tables 3, 6 and 7), ``severity`` (Tables 4, 6 and 7), ``aggregation`` (Table 10) and
        ``comparison`` (DeLong), each only where there is something to show.

    Raises:
        InputError: No model, or models of other cases.
    """
    if not models:
        raise InputError("There is no model to evaluate.", "Give a run or a model.")
    if any(model.ids != models[0].ids for model in models):
        raise InputError("The models predicted other cases.", "Predict the same table with each.")
    tables = []
    for name, title, tasks in (
        ("diagnosis", "Diagnosis (layout of Tables 3, 6 and 7)", ("ct", "nat")),
        ("severity", "Severity (layout of Tables 4, 6 and 7)", ("severity",)),
    ):
        found = _score_table(name, title, tasks, models, resamples, seed)
        if found.rows:
            tables.append(found)
    both = [model for model in models if {"ct", "nat"} <= set(model.labels)]
    if both:
        tables.append(aggregation_table(both, resamples, seed))
    comparison = comparison_table(models)
    return [*tables, comparison] if comparison.rows else tables


def _score_table(
    name: str, title: str, tasks: Sequence[str], models: Sequence[Predictions], resamples: int, seed: int
) -> Reproduction:
    rows: list[tuple[Cell, ...]] = []
    figures: dict[str, Figure] = {}
    for task in tasks:
        curves = []
        for number, model in enumerate(model for model in models if task in model.labels):
            labels, chances = model.known(task)
            rows.append((model.name, task, len(labels), *_score_cells(labels, chances, resamples, seed)))
            if len(labels):
                stem = f"{name}_confusion_{task}_{number + 1}"
                figures[stem] = confusion_figure(TASK_BY_NAME[task], model)
            if len(np.unique(labels)) == chances.shape[1]:
                curves.append(Curve(model.name, labels, chances))
        if curves:
            figures[f"{name}_roc_{task}"] = roc_figure(TASK_BY_NAME[task], curves)
    columns = ("model", "task", "cases", *SCORE_NAMES, "auc_low", "auc_high")
    return Reproduction(name, title, columns, tuple(rows), (SCORE_NOTE, RESEARCH_NOTE), figures)


def _score_cells(labels: np.ndarray, chances: np.ndarray, resamples: int, seed: int) -> tuple[Cell, ...]:
    if len(np.unique(labels)) < chances.shape[1]:
        return (NOT_COMPUTED,) * (len(SCORE_NAMES) + 2)
    low, high = bootstrap_interval(lambda rows: auc(labels[rows], chances[rows]), labels, resamples, seed)
    return (*astuple(scores(labels, chances)), low, high)


def aggregated(predictions: Predictions) -> np.ndarray:
    """The outputs of ``ct`` and ``nat`` as one: the mean of their probabilities, ``[cases, 2]`` (Table 10)."""
    return (predictions.probabilities["ct"] + predictions.probabilities["nat"]) / 2


def aggregation_table(models: Sequence[Predictions], resamples: int = RESAMPLES, seed: int = 0) -> Reproduction:
    """Table 10: each output and their mean against one truth.

    The truth is positive where radiology or the nucleic acid test is: the paper's second cohort has one label a case.
    """
    rows: list[tuple[Cell, ...]] = []
    for model in models:
        known = (model.labels["ct"] >= 0) & (model.labels["nat"] >= 0)
        truth = np.maximum(model.labels["ct"], model.labels["nat"])[known]
        outputs = (
            ("against radiology (output 1)", model.probabilities["ct"]),
            ("against NAT (output 2)", model.probabilities["nat"]),
            ("output aggregated", aggregated(model)),
        )
        for title, chances in outputs:
            rows.append((model.name, title, len(truth), *_score_cells(truth, chances[known], resamples, seed)))
    columns = ("model", "output", "cases", *SCORE_NAMES, "auc_low", "auc_high")
    notes = ("Truth: positive by radiology or by nucleic acid test.", SCORE_NOTE, RESEARCH_NOTE)
    return Reproduction("aggregation", "Aggregated outputs (layout of Table 10)", columns, tuple(rows), notes)


def comparison_table(models: Sequence[Predictions]) -> Reproduction:
    """DeLong's test of every model against the first, and of the aggregated output against each single one.

    Severity is compared class by class, one against the rest.
    """
    rows: list[tuple[Cell, ...]] = []
    first = models[0]
    for other in models[1:]:
        for task in [name for name in first.labels if name in other.labels]:
            labels, ours = first.known(task)
            _, theirs = other.known(task)
            classes = range(1, 2) if ours.shape[1] == 2 else range(ours.shape[1])
            for k in classes:
                what = f"{task}: {TASK_BY_NAME[task].classes[k]}"
                rows += _compared(what, first.name, other.name, labels == k, ours[:, k], theirs[:, k])
    for model in models:
        if {"ct", "nat"} <= set(model.labels):
            known = (model.labels["ct"] >= 0) & (model.labels["nat"] >= 0)
            truth = np.maximum(model.labels["ct"], model.labels["nat"])[known] == 1
            joint = aggregated(model)[known, 1]
            for task in ("ct", "nat"):
                single = model.probabilities[task][known, 1]
                rows += _compared("radiology or NAT", f"{model.name}, aggregated", f"its {task}", truth, joint, single)
    columns = ("question", "first", "second", "auc_first", "auc_second", "difference", "low", "high", "p")
    title = "DeLong's test on the same cases"
    return Reproduction("comparison", title, columns, tuple(rows), ("Not corrected for the number of tests.",))


def _compared(
    what: str, first: str, second: str, truth: np.ndarray, ours: np.ndarray, theirs: np.ndarray
) -> list[tuple[Cell, ...]]:
    if min(int(truth.sum()), int((~truth).sum())) < 2:
        return []
    found = delong_test(truth, ours, theirs)
    return [(what, first, second, *found.aucs, found.difference, *found.interval, found.p)]


def confusion_figure(task: Task, model: Predictions) -> Figure:
    """Confusion matrix of one task: numbers of cases, shaded by their share of the true class."""
    labels, chances = model.known(task.name)
    matrix = confusion_matrix(labels, chances.argmax(axis=1), labels=range(task.n_classes))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.6 + 1.2 * task.n_classes, 1.3 + 1.1 * task.n_classes), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(task.n_classes):
        for column in range(task.n_classes):
            shade = "white" if shares[row, column] > 0.6 else "black"
            text = f"{matrix[row, column]}\n{shares[row, column]:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=shade)
    names = [name.replace("/", "/\n") for name in task.classes]
    axes.set_xticks(range(task.n_classes), names)
    axes.set_yticks(range(task.n_classes), names)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    axes.set_title(f"{task.title}\n{model.name}", fontsize=10)
    return figure
