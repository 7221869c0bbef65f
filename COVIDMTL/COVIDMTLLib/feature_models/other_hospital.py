"""How far do the features carry? A random forest that learned at one of the cohort's two hospitals, asked at the other.

Features hold the scanner, too. Where both hospitals are in training and test, a model may use that; on patients of a
hospital that it never saw, it cannot. Only training rows are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold

from ChestCTLib.errors import InputError
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.feature_models.forests import ForestSettings, forest_probabilities
from COVIDMTLLib.feature_models.split_difficulty import SPREAD_TREES
from COVIDMTLLib.statistics.scores import auc
from COVIDMTLLib.tasks import TASKS

HOSPITAL = "hospital"
FOLDS = 5


@dataclass(frozen=True)
class HospitalTransfer:
    """Areas of a random forest at a hospital, by task.

    Attributes:
        hospital: Where it was asked.
        patients: Training patients there.
        mixed: Area among them, out of fold, when it learned from both hospitals.
        other: Area when it learned from the other hospital alone.
    """

    hospital: str
    patients: int
    mixed: dict[str, float]
    other: dict[str, float]


def hospital_transfer(
    cohort: Cohort,
    trees: int = SPREAD_TREES,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> tuple[HospitalTransfer, ...]:
    """Train at one hospital and test at the other, beside the same patients with both hospitals in training.

    Args:
        cohort: The cohort; its labels name the hospitals.
        trees: Of each forest.
        progress: Told after each task.
        cancelled: Asked before each task.

    Raises:
        InputError: The cohort names no hospitals, or one only.
        CancelledError: The user cancelled.
    """
    if HOSPITAL not in cohort.labels:
        raise InputError(f"The cohort's labels lack the column '{HOSPITAL}'.", "Use the released labels.")
    places = cohort.labels[HOSPITAL].to_numpy()[cohort.train]
    names = sorted(set(places.tolist()))
    if len(names) < 2:
        raise InputError(f"All patients are of {names}.", "Give a cohort of two hospitals or more.")
    values, settings = cohort.values(cohort.train), ForestSettings(trees=trees)
    mixed: dict[str, dict[str, float]] = {name: {} for name in names}
    other: dict[str, dict[str, float]] = {name: {} for name in names}
    for number, task in enumerate(TASKS):
        raise_if_cancelled(cancelled)
        labels = cohort.task(task.name, cohort.train)
        out_of_fold = np.zeros((len(labels), task.n_classes))
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(values, labels)
        for learn, held in folds:
            out_of_fold[held] = forest_probabilities(values[learn], labels[learn], values[held], settings)
        for name in names:
            here = places == name
            found = forest_probabilities(values[~here], labels[~here], values[here], settings)
            mixed[name][task.name] = auc(labels[here], out_of_fold[here])
            other[name][task.name] = auc(labels[here], found)
        progress((number + 1) / len(TASKS), f"Other hospital, {task.title}")
    return tuple(HospitalTransfer(name, int((places == name).sum()), mixed[name], other[name]) for name in names)
