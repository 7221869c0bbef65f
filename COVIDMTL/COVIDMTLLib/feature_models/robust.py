"""Features that hold when the scan, not the patient, changes; the robust model is built on them alone.

Real scans are changed as another kernel, dose, position, slice thickness or outline would change them (see
:mod:`perturbations`); a feature's movement is measured in the cohort's own spread. Candidates are the features of the
unfiltered image and of the low-pass sub-band: the other sub-bands measure the kernel and the noise themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.feature_models.perturbations import PERTURBATIONS
from COVIDMTLLib.feature_models.stack import StackedModel, StackSettings
from COVIDMTLLib.radiomics import FEATURE_NAMES, ExtractionSettings, FeatureTable, extract_features
from COVIDMTLLib.radiomics.definition import CLASSES
from COVIDMTLLib.radiomics.parts import Part

STABILITY_FILE = "stability.json"
# A perturbation may move a stable feature by 1.5 standard deviations of the cohort. Chosen among 1, 1.25 and 1.5 (52,
# 66 and 80 features) by cross-validated AUC, best at 1.5 in all three tasks; the answers held equally well with each.
STABLE_WITHIN = 1.5
SPREAD_LEVELS = (0.16, 0.84)  # two standard deviations apart in a normal distribution; outliers do not widen it
LOW_PASS = "LLL"
# Only what a candidate needs: the seven other sub-bands take more than half of the time
CANDIDATE_PARTS = (*(Part(feature_class) for feature_class in CLASSES), Part(band=LOW_PASS))
ROBUST_STACK = StackSettings(members=("linear", "trees"))  # the two members that the pool trusts most

Features = npt.NDArray[np.float64]
Measured = tuple[FeatureTable, Mapping[str, FeatureTable]]
"""Features of a scan as it is, and by perturbation."""


@dataclass(frozen=True)
class Stability:
    """How far each feature moves.

    Attributes:
        movement: Largest movement of each feature over scans and perturbations, in standard deviations of the cohort,
            ``[375]``; NaN where it could not be measured.
        measured: Which perturbations were measured on how many scans.
        changes: For each scan how far the ``ct`` probability of the robust model moved, by perturbation, when its
            features were chosen on the other scans alone; see :mod:`left_out`. Empty if that was not measured.
    """

    movement: Features
    measured: dict[str, int]
    changes: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def measure(cls, cohort: Features, scans: Mapping[str, Measured]) -> Stability:
        """Measure from features of scans as they are and as perturbed.

        Args:
            cohort: Features ``[patients, 375]`` of the training rows, which give the unit.
            scans: By scan.
        """
        low, high = np.quantile(cohort, SPREAD_LEVELS, axis=0)
        unit = np.where(high > low, (high - low) / 2.0, np.nan)
        movement = np.zeros(len(FEATURE_NAMES))
        measured: dict[str, int] = {}
        for original, changed in scans.values():
            for name, table in changed.items():
                movement = np.maximum(movement, np.abs(table.as_array() - original.as_array()) / unit)
                measured[name] = measured.get(name, 0) + 1
        return cls(movement, measured)

    def columns(self, within: float = STABLE_WITHIN) -> npt.NDArray[np.int64]:
        """Columns of the candidates that move by no more than ``within``; what was not measured is not stable."""
        held = np.nan_to_num(self.movement, nan=np.inf) <= within
        return np.flatnonzero(held & candidates())

    def to_json(self) -> str:
        """As JSON text; holds no value of any scan, only how far features moved."""
        rounded = [None if np.isnan(value) else round(float(value), 3) for value in self.movement]
        values = {
            "measured": self.measured,
            "changes_left_out": {
                scan: {name: round(value, 3) for name, value in changes.items()}
                for scan, changes in self.changes.items()
            },
            "movement": dict(zip(FEATURE_NAMES, rounded, strict=True)),
        }
        return json.dumps(values, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Stability:
        """Inverse of :meth:`to_json`."""
        values = json.loads(text)
        movement = [values["movement"][name] for name in FEATURE_NAMES]
        moved = np.array([np.nan if value is None else value for value in movement])
        return cls(moved, values["measured"], values.get("changes_left_out", {}))


def candidates() -> npt.NDArray[np.bool_]:
    """Which features may be in the robust model: those of the unfiltered image and of the low-pass sub-band."""
    return np.array(["_" not in name or name.startswith(LOW_PASS) for name in FEATURE_NAMES])


def shipped_stability() -> Stability:
    """Stability measured on three public scans, as shipped."""
    return Stability.from_json((resources.files(__package__) / STABILITY_FILE).read_text("utf-8"))


def probability_changes(model: StackedModel, scan: Measured, task: str = "ct") -> dict[str, float]:
    """By how much a task's positive probability changes under each perturbation of a scan.

    Args:
        model: A model that uses measured features only.
        scan: Its features as it is and as perturbed.
        task: A task with two classes.
    """

    def probability(table: FeatureTable) -> float:
        return float(model.tasks(np.nan_to_num(table.as_array())[None, :])[task][0, 1])

    original, changed = scan
    before = probability(original)
    return {name: probability(table) - before for name, table in changed.items()}


def perturbed_features(
    volume: CTVolume,
    lungs: npt.NDArray[Any],
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Measured:
    """Candidate features of a scan as it is and under every perturbation that is possible on it; the rest is undefined.

    Args:
        volume: The scan.
        lungs: Mask on its grid; everything above 0 is lung.
        progress: Told as it goes.
        cancelled: Asked as it goes.

    Raises:
        CancelledError: The user cancelled.
    """
    inside = np.asarray(lungs) > 0
    steps = len(PERTURBATIONS) + 1
    settings = ExtractionSettings(parts=CANDIDATE_PARTS)
    original = extract_features(volume, inside, settings, part(progress, 0.0, 1 / steps), cancelled)
    changed = {}
    for number, perturbation in enumerate(PERTURBATIONS, start=1):
        raise_if_cancelled(cancelled)
        made = perturbation.apply(volume, inside)
        if made is not None:
            report = part(progress, number / steps, (number + 1) / steps)
            changed[perturbation.name] = extract_features(*made, settings, report, cancelled)
    return original, changed
