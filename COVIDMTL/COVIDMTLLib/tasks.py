"""The three tasks of COVID-MTL, stated once: names, classes and what they were labelled against (Section 3)."""

from __future__ import annotations

from dataclasses import dataclass

MISSING_LABEL = -1  # a case without a label for this task: it teaches the other tasks only


@dataclass(frozen=True)
class Task:
    """One classification task.

    Attributes:
        name: Key in tables, logs and weights.
        title: Name for people.
        classes: Names of the classes, in the order of their numbers.
    """

    name: str
    title: str
    classes: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)


CT = Task("ct", "COVID-19 against radiology", ("negative", "positive"))
NAT = Task("nat", "COVID-19 against nucleic acid test", ("negative", "positive"))
SEVERITY = Task("severity", "Severity", ("control/suspected", "mild/regular", "severe/critically ill"))
TASKS = (CT, NAT, SEVERITY)
TASK_BY_NAME = {task.name: task for task in TASKS}
