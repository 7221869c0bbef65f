"""The members of a stacked model; each maps features to the five states and can be written without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression

from COVIDMTLLib.feature_models.states import N_STATES

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[Any]]

LINEAR_PENALTY = 0.03  # sklearn's C; of 0.003 to 0.1 the flattest part of the cross-validated AUCs
EXTRA_TREES = 200
MIN_LEAF = 3  # patients a leaf
TREE_FEATURES = 0.2  # share of the features tried at a split
BOOSTED_ROUNDS = 150
BOOSTED_SETTINGS = {
    "objective": "multiclass",
    "num_class": N_STATES,
    "learning_rate": 0.04,
    "num_leaves": 8,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "min_data_in_leaf": 12,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


class Member(Protocol):
    """What a stacked model knows of its members."""

    def probabilities(self, scores: Scores) -> Scores:
        """State probabilities ``[patients, 5]`` from normal scores ``[patients, features]``."""
        ...


@dataclass(frozen=True)
class LinearMember:
    """Multinomial logistic regression with a strong L2 penalty.

    Attributes:
        weights: ``[5, features]``.
        bias: ``[5]``.
    """

    weights: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, scores: Scores, states: Labels, penalty: float = LINEAR_PENALTY) -> LinearMember:
        """Train on normal scores."""
        model = LogisticRegression(C=penalty, max_iter=1000).fit(scores, states)
        return cls(model.coef_, model.intercept_)

    def probabilities(self, scores: Scores) -> Scores:
        """See :class:`Member`."""
        return np.asarray(softmax(scores @ self.weights.T + self.bias, axis=1))

    def arrays(self) -> Arrays:
        """Everything that must be written."""
        return {"weights": self.weights, "bias": self.bias}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> LinearMember:
        """Inverse of :meth:`arrays`."""
        return cls(arrays["weights"].astype(np.float64), arrays["bias"].astype(np.float64))


@dataclass(frozen=True)
class TreesMember:
    """Extremely randomised trees as flat arrays, so that they need neither pickle nor scikit-learn's version.

    Attributes:
        feature: Feature tested at each node, -1 at a leaf; all trees one after the other.
        threshold: Up to it the way goes left.
        left: Node reached if not above the threshold, counted from the first node of all trees.
        right: Node reached otherwise.
        values: State probabilities at each node, ``[nodes, 5]``; only those of leaves are used.
        roots: First node of each tree.
    """

    feature: npt.NDArray[np.int16]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    values: npt.NDArray[np.float16]
    roots: npt.NDArray[np.int32]

    @classmethod
    def fit(
        cls, scores: Scores, states: Labels, seed: int = 0, trees: int = EXTRA_TREES, weights: Scores | None = None
    ) -> TreesMember:
        """Train on normal scores, or on any features of that size.

        Args:
            scores: ``[patients, features]``.
            states: Class of each patient.
            seed: Of the random thresholds.
            trees: Number of trees.
            weights: Weight of each patient; all alike if not given.
        """
        forest = ExtraTreesClassifier(
            trees, min_samples_leaf=MIN_LEAF, max_features=TREE_FEATURES, random_state=seed, n_jobs=1
        ).fit(scores, states, sample_weight=weights)
        parts = [estimator.tree_ for estimator in forest.estimators_]
        roots = np.concatenate([[0], np.cumsum([part.node_count for part in parts])[:-1]])
        shares = np.concatenate([part.value[:, 0, :] for part in parts])
        return cls(
            np.concatenate([np.where(part.children_left < 0, -1, part.feature) for part in parts]).astype(np.int16),
            np.concatenate([part.threshold for part in parts]).astype(np.float32),
            _children([part.children_left for part in parts], roots),
            _children([part.children_right for part in parts], roots),
            (shares / shares.sum(axis=1, keepdims=True)).astype(np.float16),
            roots.astype(np.int32),
        )

    def probabilities(self, scores: Scores) -> Scores:
        """See :class:`Member`."""
        values = scores.astype(np.float32)
        total = np.zeros((len(values), self.values.shape[1]))
        rows = np.arange(len(values))
        for root in self.roots:
            node = np.full(len(values), root, dtype=np.int64)
            while (inner := self.feature[node] >= 0).any():
                below = values[rows, np.maximum(self.feature[node], 0)] <= self.threshold[node]
                node = np.where(inner, np.where(below, self.left[node], self.right[node]), node)
            total += self.values[node].astype(np.float64)
        return total / total.sum(axis=1, keepdims=True)

    def arrays(self) -> Arrays:
        """Everything that must be written."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> TreesMember:
        """Inverse of :meth:`arrays`."""
        return cls(**arrays)


@dataclass(frozen=True)
class BoostedMember:
    """LightGBM, written in its text format."""

    booster: lightgbm.Booster

    @classmethod
    def fit(cls, scores: Scores, states: Labels, seed: int = 0) -> BoostedMember:
        """Train on normal scores."""
        data = lightgbm.Dataset(scores, states)
        return cls(lightgbm.train({**BOOSTED_SETTINGS, "seed": seed}, data, BOOSTED_ROUNDS))

    def probabilities(self, scores: Scores) -> Scores:
        """See :class:`Member`."""
        return np.asarray(self.booster.predict(scores, num_threads=1), dtype=np.float64)

    def text(self) -> str:
        """The model in LightGBM's text format."""
        return str(self.booster.model_to_string())

    @classmethod
    def from_text(cls, text: str) -> BoostedMember:
        """Inverse of :meth:`text`."""
        return cls(lightgbm.Booster(model_str=text))


def _children(parts: list[npt.NDArray[np.int64]], roots: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    shifted = [np.where(part < 0, -1, part + root) for part, root in zip(parts, roots, strict=True)]
    return np.concatenate(shifted).astype(np.int32)
