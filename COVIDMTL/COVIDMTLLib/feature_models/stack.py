"""The stacked feature model: four members on the features, pooled and calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.feature_selection import f_classif
from sklearn.model_selection import StratifiedKFold

from ChestCTLib.errors import ModelError
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from COVIDMTLLib.feature_models.members import BoostedMember, LinearMember, TreesMember
from COVIDMTLLib.feature_models.network_member import NetworkMember
from COVIDMTLLib.feature_models.normal_scores import NormalScores
from COVIDMTLLib.feature_models.pool import Pool
from COVIDMTLLib.feature_models.states import N_STATES, SMALLEST_PROBABILITY, states_of, task_probabilities

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
AnyMember = LinearMember | TreesMember | BoostedMember | NetworkMember

MEMBER_NAMES = ("linear", "trees", "boosted", "network")
SELECTING_MEMBERS = ("linear", "trees")
SELECTED_FEATURES = 120  # the alternative to all features: those that differ most between the states
FOLDS = 5


@dataclass(frozen=True)
class StackSettings:
    """What a stacked model is made of.

    Attributes:
        members: Names out of ``MEMBER_NAMES``.
        folds: Of the cross-validation that chooses and pools.
        seed: Of folds and members.
    """

    members: tuple[str, ...] = MEMBER_NAMES
    folds: int = FOLDS
    seed: int = 0


@dataclass(frozen=True)
class StackedModel:
    """A trained stacked model.

    Attributes:
        scores: Normal scores of the training rows.
        columns: For each member the columns it sees.
        members: By name.
        pool: Weights and calibration.
    """

    scores: NormalScores
    columns: dict[str, npt.NDArray[np.int64]]
    members: dict[str, AnyMember]
    pool: Pool

    def states(self, features: Features) -> Features:
        """State probabilities ``[patients, 5]`` from raw features ``[patients, n]``."""
        scores = self.scores.transform(features)
        found = {name: member.probabilities(scores[:, self.columns[name]]) for name, member in self.members.items()}
        return self.pool.combine(found)

    def tasks(self, features: Features) -> dict[str, Features]:
        """Calibrated class probabilities of the three tasks from raw features ``[patients, n]``."""
        return task_probabilities(self.states(features))


@dataclass(frozen=True)
class CrossValidated:
    """What cross-validation inside the training rows found.

    Attributes:
        columns: Whether each member sees all columns (``None``) or how many selected ones.
        members: Out-of-fold state probabilities of each member as chosen.
        pooled: Out-of-fold state probabilities of the pool; its weights, too, were fitted on the other folds.
        pool: Fitted on all out-of-fold predictions.
    """

    columns: dict[str, int | None]
    members: dict[str, Features]
    pooled: Features
    pool: Pool


def train_stack(
    features: Features,
    labels: Mapping[str, Labels],
    settings: StackSettings | None = None,
    allowed: npt.NDArray[np.int64] | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> tuple[StackedModel, CrossValidated]:
    """Choose, pool and train on training rows alone.

    Args:
        features: Raw features ``[patients, n]`` of the training rows.
        labels: Classes of the three tasks.
        settings: Members, folds and seed.
        allowed: Columns the members may see; all if not given.
        progress: Told after each fold.
        cancelled: Asked before each member's training.

    Returns:
        The model trained on all rows given, and what cross-validation said about it.

    Raises:
        CancelledError: The user cancelled.
    """
    settings = settings or StackSettings()
    allowed = np.arange(features.shape[1]) if allowed is None else allowed
    found = cross_validate(features[:, allowed], labels, settings, part(progress, 0.0, 0.85), cancelled)
    states = states_of(labels)
    scores = NormalScores.fit(features)
    transformed = scores.transform(features)
    columns: dict[str, npt.NDArray[np.int64]] = {}
    members: dict[str, AnyMember] = {}
    for number, name in enumerate(settings.members):
        raise_if_cancelled(cancelled)
        progress(0.85 + 0.15 * number / len(settings.members), f"Training {name} on all rows")
        columns[name] = allowed[select(transformed[:, allowed], states, found.columns[name])]
        members[name] = fit_member(name, transformed[:, columns[name]], labels, settings.seed, cancelled)
    return StackedModel(scores, columns, members, found.pool), found


def cross_validate(
    features: Features,
    labels: Mapping[str, Labels],
    settings: StackSettings,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> CrossValidated:
    """Out-of-fold predictions of all candidates; choose each member's columns by likelihood, then pool.

    Everything that learns (ranks, selection, members) sees the other folds only.
    """
    states = states_of(labels)
    candidates = {
        (name, count): np.zeros((len(states), N_STATES))
        for name in settings.members
        for count in _counts(name, features)
    }
    folds = list(StratifiedKFold(settings.folds, shuffle=True, random_state=settings.seed).split(features, states))
    for number, (learn, held) in enumerate(folds):
        scores = NormalScores.fit(features[learn])
        inner, outer = scores.transform(features[learn]), scores.transform(features[held])
        inner_labels = {task: values[learn] for task, values in labels.items()}
        for name, count in candidates:
            raise_if_cancelled(cancelled)
            chosen = select(inner, states[learn], count)
            member = fit_member(name, inner[:, chosen], inner_labels, settings.seed, cancelled)
            candidates[name, count][held] = member.probabilities(outer[:, chosen])
        progress((number + 1) / len(folds), f"Cross-validation, fold {number + 1} of {len(folds)}")
    columns = {
        name: min(_counts(name, features), key=lambda count: _log_loss(candidates[name, count], states))
        for name in settings.members
    }
    members = {name: candidates[name, count] for name, count in columns.items()}
    pooled = np.zeros((len(states), N_STATES))
    for learn, held in folds:
        pool = Pool.fit({name: values[learn] for name, values in members.items()}, states[learn])
        pooled[held] = pool.combine({name: values[held] for name, values in members.items()})
    return CrossValidated(columns, members, pooled, Pool.fit(members, states))


def select(scores: Features, states: Labels, count: int | None) -> npt.NDArray[np.int64]:
    """Columns whose means differ most between the states (F statistic); all columns where ``count`` is None."""
    if count is None or count >= scores.shape[1]:
        return np.arange(scores.shape[1])
    varying = np.ptp(scores, axis=0) > 0  # a constant column (Minimum in some folds) has no F statistic
    statistic = np.zeros(scores.shape[1])
    statistic[varying] = f_classif(scores[:, varying], states)[0]
    return np.sort(np.argsort(-statistic, kind="stable")[:count])


def fit_member(
    name: str, scores: Features, labels: Mapping[str, Labels], seed: int, cancelled: CancelCheck = never_cancelled
) -> AnyMember:
    """Train one member on normal scores.

    Raises:
        ModelError: There is no such member.
    """
    if name == "linear":
        return LinearMember.fit(scores, states_of(labels))
    if name == "trees":
        return TreesMember.fit(scores, states_of(labels), seed)
    if name == "boosted":
        return BoostedMember.fit(scores, states_of(labels), seed)
    if name == "network":
        return NetworkMember.fit(scores, labels, seed, cancelled=cancelled)
    raise ModelError(f"A stacked model has no member '{name}'.", f"Use some of {MEMBER_NAMES}.")


def _counts(name: str, features: Features) -> tuple[int | None, ...]:
    """Candidates of a member; boosting and the network choose among the features themselves."""
    selects = name in SELECTING_MEMBERS and features.shape[1] > SELECTED_FEATURES
    return (None, SELECTED_FEATURES) if selects else (None,)


def _log_loss(probabilities: Features, states: Labels) -> float:
    picked = probabilities[np.arange(len(states)), states]
    return float(-np.log(np.clip(picked, SMALLEST_PROBABILITY, 1.0)).mean())
