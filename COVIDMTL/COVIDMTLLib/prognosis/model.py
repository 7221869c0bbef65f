"""The shipped prognosis model: rank scores, principal components and flat trees, read without pickle."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save
from sklearn.decomposition import PCA

from ChestCTLib.errors import ModelError
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.models import ModelCard, model_file
from COVIDMTLLib.feature_models.members import TreesMember
from COVIDMTLLib.feature_models.normal_scores import NormalScores
from COVIDMTLLib.prognosis.feature_sets import SHIPPED_SET
from COVIDMTLLib.prognosis.patients import Features, Labels, Patients

SURVIVOR_LEVELS = np.linspace(0.0, 1.0, 41)
TREES = 200


@dataclass(frozen=True)
class PrognosisModel:
    """Outcome from age, sex and the first principal components of the lung features.

    Attributes:
        scores: Normal scores of the training patients.
        mean: Of the normal scores, taken off before the projection.
        components: ``[3, 375]`` principal axes.
        trees: On the components, age and sex.
        survivors: Quantiles of the known survivors' out-of-bag-like (held-out) scores at ``SURVIVOR_LEVELS``.
    """

    scores: NormalScores
    mean: Features
    components: Features
    trees: TreesMember
    survivors: Features

    @classmethod
    def fit(cls, patients: Patients, seed: int = 0) -> PrognosisModel:
        """Train on patients of known outcome; deaths weigh as much as survivals together.

        The survivors' scores are taken from a five-fold cross-validation, so that a new scan is compared with scores
        that were not learned by heart.
        """
        from sklearn.model_selection import StratifiedKFold

        features, demographics, died = patients.features, patients.demographics, patients.died
        held_out = np.empty(len(died))
        for learn, held in StratifiedKFold(5, shuffle=True, random_state=seed).split(features, died):
            model = cls._train(features[learn], demographics[learn], died[learn], seed)
            held_out[held] = model._raw(features[held], demographics[held])
        final = cls._train(features, demographics, died, seed)
        survivors = np.quantile(held_out[died == 0], SURVIVOR_LEVELS)
        return cls(final.scores, final.mean, final.components, final.trees, survivors)

    @classmethod
    def _train(cls, features: Features, demographics: Features, died: Labels, seed: int) -> PrognosisModel:
        scores = NormalScores.fit(features)
        projection = PCA(SHIPPED_SET.components, random_state=seed).fit(scores.transform(features))
        inputs = np.hstack([projection.transform(scores.transform(features)), demographics])
        weights = np.where(died == 1, len(died) / (2 * died.sum()), len(died) / (2 * (died == 0).sum()))
        trees = TreesMember.fit(inputs, died, seed, TREES, weights)
        return cls(scores, projection.mean_, projection.components_, trees, np.zeros(len(SURVIVOR_LEVELS)))

    def _raw(self, features: Features, demographics: Features) -> Features:
        reduced = (self.scores.transform(features) - self.mean) @ self.components.T
        return self.trees.probabilities(np.hstack([reduced, demographics]))[:, 1]

    def score(self, features: Features, demographics: tuple[float, ...]) -> float:
        """Score of one scan: features ``[375]``, age in years and sex (1 male)."""
        return float(self._raw(features[None, :], np.array(demographics)[None, :])[0])

    def percentile(self, score: float) -> float:
        """Share of the known survivors with a lower score, %."""
        return 100.0 * float(np.interp(score, self.survivors, SURVIVOR_LEVELS))

    def save(self, path: Path) -> None:
        """Write as safetensors."""
        own = {"quantiles": self.scores.quantiles, "mean": self.mean, "components": self.components}
        own |= {"survivors": self.survivors} | {f"trees.{key}": value for key, value in self.trees.arrays().items()}
        with atomic_path(path) as temporary:
            temporary.write_bytes(save({key: np.ascontiguousarray(value) for key, value in own.items()}))


def load_prognosis(card: ModelCard) -> PrognosisModel:
    """Read the shipped model.

    Raises:
        ModelError: Its file is missing, damaged or does not fit.
    """
    arrays = load_file(model_file(card))
    try:
        trees = TreesMember.from_arrays({field.name: arrays[f"trees.{field.name}"] for field in fields(TreesMember)})
        scores = NormalScores(arrays["quantiles"])
        return PrognosisModel(scores, arrays["mean"], arrays["components"], trees, arrays["survivors"])
    except KeyError as error:
        raise ModelError(f"The weights of '{card.id}' lack {error}.", "Install the extension again.") from error
