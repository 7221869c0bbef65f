"""The paper's two tree models on the features: random forest and LightGBM (sections 5.1 and 5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import MinMaxScaler

from ChestCTLib.errors import InputError

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

ForestName = Literal["RF", "LGBM"]
TREES = 1000  # section 5.1
LEARNING_RATE = 0.01  # of LightGBM, section 5.1
PUBLISHED_FOREST_SEED = 11  # in the authors' released script; with it the printed accuracies come out to the digit


@dataclass(frozen=True)
class ForestSettings:
    """Settings of a published tree model.

    Attributes:
        name: "RF" or "LGBM".
        trees: Number of trees (boosting rounds for LightGBM).
        seed: Random state.
        workers: Threads.
    """

    name: ForestName = "RF"
    trees: int = TREES
    seed: int = PUBLISHED_FOREST_SEED
    workers: int = 1

    def __post_init__(self) -> None:
        if self.name not in get_args(ForestName):
            raise InputError(f"There is no tree model '{self.name}'.", f"Use one of {get_args(ForestName)}.")


def forest_probabilities(
    train: Features, labels: Labels, test: Features, settings: ForestSettings, scaled_on: Features | None = None
) -> Features:
    """Train a tree model and predict.

    Features are scaled to [0, 1] first, as in the authors' script. Scaling leaves the order of values, and so a tree's
    possible splits, alone; what changes is rounding, which decides ties.

    Args:
        train: ``[patients, features]``, in the order of the published split for the published result.
        labels: Class of each training patient.
        test: Features of the patients to predict.
        settings: Which model.
        scaled_on: Rows the scaler is fitted on; the training rows if not given. The paper's scaler saw the test rows
            too; give all rows to repeat that.

    Returns:
        ``[test patients, classes]``.
    """
    scaler = MinMaxScaler().fit(train if scaled_on is None else scaled_on)
    model = _model(settings).fit(scaler.transform(train), labels)
    return np.asarray(model.predict_proba(scaler.transform(test)), dtype=np.float64)


def _model(settings: ForestSettings) -> RandomForestClassifier | LGBMClassifier:
    if settings.name == "RF":
        return RandomForestClassifier(settings.trees, random_state=settings.seed, n_jobs=settings.workers)
    return LGBMClassifier(
        n_estimators=settings.trees,
        learning_rate=LEARNING_RATE,
        random_state=settings.seed,
        n_jobs=settings.workers,
        verbose=-1,
    )
