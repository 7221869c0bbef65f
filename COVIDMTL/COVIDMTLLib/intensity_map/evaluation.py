"""Tables 2 and 3 of the paper: scores of a map classifier per scan and per patient, each with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from statsmodels.stats.proportion import proportion_confint

from ChestCTLib.case_report import Column, Table
from ChestCTLib.errors import InputError
from COVIDMTLLib.intensity_map.cases import MapCase
from COVIDMTLLib.intensity_map.classes import CLASS_KEYS, CLASSES
from COVIDMTLLib.statistics.bootstrap import bootstrap_interval

RESAMPLES = 400  # of the intervals of AUC and F1
MIN_FOR_AUC = 2  # scans of the class and of the others

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval; None where it is not defined, such as the sensitivity to an absent class."""

    value: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class against the other two.

    Attributes:
        key: "covid", "cap" or "none".
        name: For people.
        count: Scans (or patients) of the class.
        accuracy: Share of all rightly called this class or not.
        auc: Area under the ROC curve of the class's probability.
        specificity: Share of the others not called this class.
        sensitivity: Share of the class called so.
        f1: Harmonic mean of precision and sensitivity.
    """

    key: str
    name: str
    count: int
    accuracy: Estimate
    auc: Estimate
    specificity: Estimate
    sensitivity: Estimate
    f1: Estimate


@dataclass(frozen=True)
class MapEvaluation:
    """Scores of a classifier on one set of cases.

    Attributes:
        level: "scan" or "patient".
        count: Number of scans or patients.
        accuracy: Share whose likeliest class is the true one.
        classes: One a class.
        confusion: ``[true, predicted]`` counts.
    """

    level: str
    count: int
    accuracy: Estimate
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]

    def table(self) -> Table:
        """The paper's layout: scores as rows, classes as columns, each with its interval in the next two columns."""
        columns = [Column("score", "Score")]
        for found in self.classes:
            columns += [
                Column(found.key, f"{found.name} (n = {found.count})", "%", 1),
                Column(f"{found.key}_low", "95 % from", "%", 1),
                Column(f"{found.key}_high", "to", "%", 1),
            ]
        names = ("accuracy", "auc", "specificity", "sensitivity", "f1")
        titles = ("Accuracy", "Area under ROC", "Specificity", "Sensitivity", "F1 score")
        rows = []
        for name, title in zip(names, titles, strict=True):
            cells = [cell for found in self.classes for cell in _percent(getattr(found, name))]
            rows.append((title, *cells))
        key, number = f"per_{self.level}", "3" if self.level == "scan" else "2"
        return Table(key, f"Per {self.level} (layout of the paper's table {number})", tuple(columns), tuple(rows))


def comparison_table(found: Sequence[tuple[str, MapEvaluation]]) -> Table:
    """Several classifiers on the same cases, one a line: accuracy and area under ROC of each class, with intervals.

    Args:
        found: Name of a classifier and its scores, in the order wanted.
    """
    scores = [("accuracy", "Accuracy, three classes")]
    scores += [(key, f"Area under ROC, {name}") for key, name in zip(CLASS_KEYS, CLASSES, strict=True)]
    columns = [Column("model", "Model"), Column("level", "Per"), Column("count", "n", decimals=0)]
    for key, title in scores:
        columns += [Column(key, title, "%"), Column(f"{key}_low", "95 % from", "%"), Column(f"{key}_high", "to", "%")]
    rows = tuple(
        (name, one.level, one.count, *(cell for score in (one.accuracy, *_areas(one)) for cell in _percent(score)))
        for name, one in found
    )
    return Table("comparison", "Classifiers on the same cases", tuple(columns), rows)


def _areas(found: MapEvaluation) -> tuple[Estimate, ...]:
    return tuple(one.auc for one in found.classes)


def evaluate_scans(cases: Sequence[MapCase], probabilities: Probabilities, seed: int = 0) -> MapEvaluation:
    """Score each scan on its own.

    Args:
        cases: The scans.
        probabilities: ``[scans, classes]``.
        seed: Of the bootstrap.
    """
    return _evaluate("scan", np.array([case.label for case in cases]), probabilities, seed)


def evaluate_patients(cases: Sequence[MapCase], probabilities: Probabilities, seed: int = 0) -> MapEvaluation:
    """Score each patient by the mean probabilities of the patient's scans.

    Raises:
        InputError: Scans of one patient have different labels.
    """
    patients: dict[str, list[int]] = {}
    for number, case in enumerate(cases):
        patients.setdefault(case.patient, []).append(number)
    labels = []
    for name, rows in patients.items():
        found = {cases[row].label for row in rows}
        if len(found) != 1:
            raise InputError(f"The scans of patient '{name}' have {len(found)} labels.", "Give a patient one label.")
        labels.append(found.pop())
    means = np.array([probabilities[rows].mean(axis=0) for rows in patients.values()])
    return _evaluate("patient", np.array(labels), means, seed)


def _evaluate(level: str, labels: Labels, probabilities: Probabilities, seed: int) -> MapEvaluation:
    if not len(labels):
        raise InputError("There is no case to evaluate.", "Name the split test for some cases.")
    predicted = probabilities.argmax(axis=1)
    numbers = range(len(CLASSES))
    classes = tuple(_class_scores(k, labels, predicted, probabilities[:, k], seed) for k in numbers)
    confusion = tuple(tuple(int(((labels == i) & (predicted == j)).sum()) for j in numbers) for i in numbers)
    return MapEvaluation(level, len(labels), _share(predicted == labels), classes, confusion)


def _class_scores(number: int, labels: Labels, predicted: Labels, probability: Probabilities, seed: int) -> ClassScores:
    truth, called = labels == number, predicted == number
    positives = int(truth.sum())
    auc, f1 = Estimate(None), Estimate(None)
    if MIN_FOR_AUC <= positives <= len(truth) - MIN_FOR_AUC:

        def area(rows: Labels) -> float:
            ranks = rankdata(probability[rows])  # the area is the share of pairs ranked right; ties count half
            lowest = positives * (positives + 1) / 2
            return float((ranks[truth[rows]].sum() - lowest) / (positives * (len(rows) - positives)))

        def balance(rows: Labels) -> float:
            both = int((truth[rows] & called[rows]).sum())
            return 2.0 * both / (int(truth[rows].sum()) + int(called[rows].sum()))

        everyone = np.arange(len(truth))
        groups = truth.astype(np.int64)
        auc = Estimate(area(everyone), bootstrap_interval(area, groups, RESAMPLES, seed))
        f1 = Estimate(balance(everyone), bootstrap_interval(balance, groups, RESAMPLES, seed))
    return ClassScores(
        CLASS_KEYS[number],
        CLASSES[number],
        positives,
        accuracy=_share(truth == called),
        auc=auc,
        specificity=_share(~called[~truth]),
        sensitivity=_share(called[truth]),
        f1=f1,
    )


def _share(right: npt.NDArray[np.bool_]) -> Estimate:
    """A share with Wilson's interval, which stays sensible near 100 % and for few cases."""
    if not right.size:
        return Estimate(None)
    low, high = proportion_confint(int(right.sum()), right.size, method="wilson")
    return Estimate(float(right.mean()), (float(low), float(high)))


def _percent(found: Estimate) -> tuple[float | None, float | None, float | None]:
    if found.value is None or found.interval is None:
        return None, None, None
    return 100 * found.value, 100 * found.interval[0], 100 * found.interval[1]
