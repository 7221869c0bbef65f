"""The five states of a patient that the three tasks are sums of.

The cohort's patients are control, mild, suspected, regular or severe; each state fixes the answer to all three tasks.
A model of the states therefore gives tasks that never contradict each other (no severe disease without a positive
nucleic acid test, say).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError

STATES = ("control", "mild", "suspected", "regular", "severe/critically ill")
N_STATES = len(STATES)
STATE_CLASSES = {"ct": (0, 0, 1, 1, 1), "nat": (0, 1, 0, 1, 1), "severity": (0, 1, 0, 1, 2)}
"""Class of each state in each task."""
MILD_SHARE = 0.08  # 18 of the 229 training patients negative against radiology are mild: positive by nucleic acid test
SMALLEST_PROBABILITY = 1e-4  # keeps logarithms finite; one patient in ten thousand is below what 930 patients can show

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def states_of(labels: Mapping[str, Labels]) -> Labels:
    """State of each patient from the classes of the three tasks.

    Raises:
        InputError: A patient's classes contradict each other.
    """
    states = np.full(len(labels["ct"]), -1, dtype=np.int64)
    for state in range(N_STATES):
        fits = [labels[task] == classes[state] for task, classes in STATE_CLASSES.items()]
        states[np.logical_and.reduce(fits)] = state
    if (states < 0).any():
        raise InputError(
            f"The ct, nat and severity of {int((states < 0).sum())} patients contradict each other.",
            "Check the labels.",
        )
    return states


def task_probabilities(states: Probabilities) -> dict[str, Probabilities]:
    """Class probabilities of the three tasks from state probabilities ``[patients, 5]``."""
    return {task: states @ np.eye(max(classes) + 1)[list(classes)] for task, classes in STATE_CLASSES.items()}


def state_probabilities(tasks: Mapping[str, Probabilities]) -> Probabilities:
    """State probabilities of a model that only knows the tasks.

    Three tasks leave one number open: how many of those negative against radiology are mild. It is taken from the
    training patients (``MILD_SHARE``).
    """
    control = tasks["ct"][:, 0] * (1.0 - MILD_SHARE)
    mild = tasks["ct"][:, 0] * MILD_SHARE
    positive = np.clip(tasks["nat"][:, 1] - mild, SMALLEST_PROBABILITY, None)
    suspected = np.clip(tasks["ct"][:, 1] - positive, SMALLEST_PROBABILITY, None)
    graded = tasks["severity"][:, 1:] / tasks["severity"][:, 1:].sum(axis=1, keepdims=True)
    found = np.column_stack([control, mild, suspected, positive[:, None] * graded])
    return found / found.sum(axis=1, keepdims=True)
