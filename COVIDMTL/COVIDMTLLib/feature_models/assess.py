"""What the shipped feature models say about one scan, with where it lies in the cohort."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from ChestCTLib.errors import InputError, ModelError
from ChestCTLib.models import find_model, list_models
from COVIDMTLLib.cohort.context import OutsideMeasure, Placed, shipped_context
from COVIDMTLLib.feature_models.stack import StackedModel
from COVIDMTLLib.feature_models.store import load_stack
from COVIDMTLLib.prognosis.model import load_prognosis
from COVIDMTLLib.radiomics.table import FeatureTable
from COVIDMTLLib.tasks import TASKS

Sex = Literal["male", "female"]
MAIN_MODEL = "features-stack"
DEMOGRAPHIC_MODEL = "features-demographics"
ROBUST_MODEL = "features-robust"
PROGNOSIS_MODEL = "features-prognosis"
MAX_AGE = 120.0  # years
RESEARCH_TEXT = (
    "Research only: probabilities of statistical models learned from one cohort of 2020, not a diagnosis or a risk."
)


@dataclass(frozen=True)
class TaskAnswer:
    """One model's answer to one task.

    Attributes:
        task: "ct", "nat" or "severity".
        classes: Names of the classes.
        probabilities: Calibrated probability of each class, sum 1.
    """

    task: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class ModelAnswer:
    """One model's answers to the three tasks.

    Attributes:
        model: Id of the model's card; the card says what it learned from and how it measured.
        tasks: Empty where the model could not answer.
        why: Why it could not; empty otherwise.
    """

    model: str
    tasks: tuple[TaskAnswer, ...]
    why: str = ""

    def probability(self, task: str, k: int = 1) -> float | None:
        """Probability of class ``k`` of a task; ``None`` where the model could not answer."""
        found = [answer for answer in self.tasks if answer.task == task]
        return found[0].probabilities[k] if found else None


@dataclass(frozen=True)
class PrognosisAnswer:
    """The prognosis model's answer.

    Attributes:
        model: Id of the model's card.
        score: Score of having died, in [0, 1]; not a risk: the training weighs deaths up to half. ``None`` if unknown.
        percentile: Share of the known survivors of the cohort with a lower score, %.
        why: Why there is no score; empty otherwise.
    """

    model: str
    score: float | None
    percentile: float | None
    why: str = ""


@dataclass(frozen=True)
class FeatureAssessment:
    """Everything the features of one scan tell.

    Attributes:
        main: The stacked model on all features.
        robust: The model on features that hold under another kernel, dose, slice or outline. Steady is not
            right: on scans from elsewhere it was as wrong as the main model.
        demographic: The model with age and sex; ``None`` where they were not given.
        context: Where each feature lies among the cohort's patients.
        outside: How far outside the cohort the scan lies.
        prognosis: Outcome score, or why there is none.
        text: That all this is for research only.
    """

    main: ModelAnswer
    robust: ModelAnswer
    demographic: ModelAnswer | None
    context: tuple[Placed, ...]
    outside: OutsideMeasure
    prognosis: PrognosisAnswer
    text: str = RESEARCH_TEXT


def assess_features(features: FeatureTable, age: float | None = None, sex: Sex | None = None) -> FeatureAssessment:
    """Ask the shipped models about one scan.

    Args:
        features: The 375 features of the scan.
        age: Years; only the model with demographics and the prognosis use it.
        sex: Likewise.

    Returns:
        The answers; what could not be computed is ``None`` or empty, with the reason.

    Raises:
        InputError: The age or sex is impossible.
    """
    if age is not None and not 0 <= age <= MAX_AGE:
        raise InputError(f"The age is {age} years.", f"Give years between 0 and {MAX_AGE:.0f}.")
    if sex not in (None, "male", "female"):
        raise InputError(f"The sex is '{sex}'.", "Give male or female.")
    extra = None if age is None or sex is None else (float(age), 1.0 if sex == "male" else 0.0)
    context = shipped_context()
    return FeatureAssessment(
        _ask(MAIN_MODEL, features),
        _ask(ROBUST_MODEL, features),
        None if extra is None else _ask(DEMOGRAPHIC_MODEL, features, extra),
        context.place(features),
        context.outside(features),
        _prognosis(features, extra),
    )


def _ask(model_id: str, features: FeatureTable, extra: tuple[float, ...] = ()) -> ModelAnswer:
    try:
        model = _shipped(model_id)
    except ModelError as error:
        return ModelAnswer(model_id, (), str(error))
    row = np.concatenate([features.as_array(), extra])
    needed = np.unique(np.concatenate([model.columns[name] for name in model.members]))
    undefined = int(np.isnan(row[needed]).sum())
    if undefined:
        return ModelAnswer(model_id, (), f"{undefined} of the {len(needed)} features it needs are undefined.")
    found = model.tasks(np.nan_to_num(row)[None, :])
    return ModelAnswer(
        model_id, tuple(TaskAnswer(task.name, task.classes, tuple(found[task.name][0].tolist())) for task in TASKS)
    )


def _prognosis(features: FeatureTable, extra: tuple[float, ...] | None) -> PrognosisAnswer:
    if extra is None:
        return PrognosisAnswer(PROGNOSIS_MODEL, None, None, "Age and sex were not given.")
    if features.missing:
        return PrognosisAnswer(PROGNOSIS_MODEL, None, None, f"{len(features.missing)} features are undefined.")
    try:
        model = load_prognosis(find_model(PROGNOSIS_MODEL))
    except ModelError as error:
        return PrognosisAnswer(PROGNOSIS_MODEL, None, None, str(error))
    score = model.score(features.as_array(), extra)
    return PrognosisAnswer(PROGNOSIS_MODEL, score, model.percentile(score))


@lru_cache(maxsize=4)
def _shipped(model_id: str) -> StackedModel:
    return load_stack(find_model(model_id))


def shipped_feature_models() -> tuple[str, ...]:
    """Ids of the feature models that are there."""
    return tuple(card.id for card in list_models("features"))
