"""Outcome (cured or deceased) from demographics, lung features and lesion extent, as in the intensity-map paper.

That paper (section 5, Table 7) trains extremely randomised trees on age and sex, the top principal components of its
CT features and lesion extents, sub-samples the survivors ten to one (40 to 4) and tests by leaving one patient out.
Here the outcome is known for 605 of the cohort's patients, 18 of whom died; lesion extents are not in the cohort.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from threadpoolctl import threadpool_limits

from ChestCTLib.errors import InputError
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.feature_models.normal_scores import NormalScores

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

COMPONENTS = (3, 18)  # principal components of the lung features, Table 7
SURVIVORS_PER_DEATH = 10  # the paper's 40 to 4; fewer waste survivors, all 32 to 1 teach the trees to say "cured"
TREES = 30  # for some 200 patients; more only cost time
MIN_LEAF = 2  # patients a leaf
REPEATS = 10  # other sub-samples and seeds; the spread is over them


@dataclass(frozen=True)
class FeatureSet:
    """A set of inputs of Table 7.

    Attributes:
        name: As in the table.
        components: Principal components of the lung features; 0 for none.
        demographics: Whether age and sex are used.
        extent: Whether lesion extents are used, where they are given.
    """

    name: str
    components: int = 0
    demographics: bool = False
    extent: bool = False


@dataclass(frozen=True)
class PrognosisScores:
    """Leave-one-out scores of one feature set: mean and standard deviation over the repeats."""

    inputs: FeatureSet
    n_features: int
    patients: int
    deaths: int
    auc: tuple[float, float]
    precision: tuple[float, float]
    recall: tuple[float, float]


def feature_sets(with_extent: bool = False) -> tuple[FeatureSet, ...]:
    """The rows of Table 7 that the data allows."""
    few, many = COMPONENTS
    rows = [
        FeatureSet(f"Lung features (top {many} PCA)", many),
        FeatureSet(f"Lung features (top {few} PCA)", few),
        FeatureSet("Patient demographics", 0, demographics=True),
        FeatureSet(f"Demographics + lung features (top {many} PCA)", many, demographics=True),
        FeatureSet(f"Demographics + lung features (top {few} PCA)", few, demographics=True),
    ]
    if with_extent:
        rows += [
            FeatureSet("Lesion extent", extent=True),
            FeatureSet("Demographics + lesion extent", demographics=True, extent=True),
            FeatureSet(f"Demographics + lung features (top {few} PCA) + lesion extent", few, True, True),
        ]
    return tuple(rows)


def known_outcomes(cohort: Cohort) -> npt.NDArray[np.int64]:
    """Row numbers of the patients whose outcome is known."""
    return np.flatnonzero(cohort.labels["outcome"].isin(["Cured", "Deceased"]).to_numpy())


def read_extents(path: Path) -> dict[int, tuple[float, ...]]:
    """Lesion extents by patient number from a CSV file with the column ``pid`` and one column a lesion type, in %.

    Raises:
        InputError: The file is missing or holds something else.
    """
    try:
        table = pd.read_csv(path, index_col="pid").astype(float)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} holds no lesion extents: {error}.", "Give a CSV file with pid and %.") from error
    if table.empty or not np.isfinite(table.to_numpy()).all():
        raise InputError(f"{path.name} has missing lesion extents.", "Leave such patients out.")
    numbers = [int(pid) for pid in table.index]
    return {pid: tuple(values) for pid, values in zip(numbers, table.to_numpy().tolist(), strict=True)}


def leave_one_out(
    cohort: Cohort,
    rows_of_table: Sequence[FeatureSet],
    extent: Mapping[int, tuple[float, ...]] | None = None,
    repeats: int = REPEATS,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> tuple[PrognosisScores, ...]:
    """Leave each patient of a sub-sample out once, train on the others, predict; repeat with other sub-samples.

    Ranks, components and trees never see the patient left out.

    Args:
        cohort: The cohort.
        rows_of_table: Which feature sets.
        extent: Lesion extents by patient number; if given, all sets use the patients that have one.
        repeats: Sub-samples of the survivors.
        progress: Told after each patient.
        cancelled: Asked before each patient.

    Raises:
        InputError: No lesion extents were given although they are wanted, or fewer than two patients died.
        CancelledError: The user cancelled.
    """
    if any(inputs.extent for inputs in rows_of_table) and not extent:
        raise InputError("Lesion extents are wanted but were not given.", "Give a table of them.")
    rows = known_outcomes(cohort)
    numbers = cohort.labels.index.to_numpy()
    if extent:
        rows = np.array([row for row in rows if int(numbers[row]) in extent], dtype=np.int64)
    died = (cohort.labels["outcome"].iloc[rows] == "Deceased").to_numpy(dtype=np.int64)
    if died.sum() < 2:
        raise InputError(f"{int(died.sum())} of the {len(rows)} patients died.", "Give a cohort with more outcomes.")
    lungs, demographics = cohort.values(rows), cohort.demographics(rows)
    lesions = np.array([extent[int(numbers[row])] for row in rows]) if extent else np.empty((len(rows), 0))
    found: list[list[tuple[float, float, float]]] = [[] for _ in rows_of_table]
    for repeat in range(repeats):
        sample = _sub_sample(died, np.random.default_rng(repeat))
        predicted = np.empty((len(rows_of_table), len(sample)))
        for place, patient in enumerate(sample):
            raise_if_cancelled(cancelled)
            learn = np.delete(sample, place)
            components = _components(lungs, learn, patient, max(inputs.components for inputs in rows_of_table))
            for number, inputs in enumerate(rows_of_table):
                table = _inputs(inputs, components, demographics, lesions)
                predicted[number, place] = _predict(table[learn], died[learn], table[[patient]], repeat)
            progress((repeat + (place + 1) / len(sample)) / repeats, f"Outcome, sub-sample {repeat + 1} of {repeats}")
        for number in range(len(rows_of_table)):
            found[number].append(_scores(died[sample], predicted[number]))
    return tuple(
        _summary(inputs, scored, len(sample), int(died.sum()), demographics.shape[1], lesions.shape[1])
        for inputs, scored in zip(rows_of_table, found, strict=True)
    )


def _components(lungs: Features, learn: npt.NDArray[np.int64], patient: int, count: int) -> Features:
    """Principal components of all patients needed, learned without the one left out; other rows stay 0."""
    table = np.zeros((len(lungs), count))
    if count:
        needed = np.append(learn, patient)
        ranked = NormalScores.fit(lungs[learn]).transform(lungs[needed])
        with threadpool_limits(1):  # on matrices this small, several threads only wait for each other
            table[needed] = PCA(count, random_state=0).fit(ranked[:-1]).transform(ranked)
    return table


def _inputs(inputs: FeatureSet, components: Features, demographics: Features, lesions: Features) -> Features:
    """The columns of one feature set; the first components of a projection do not depend on how many were asked for."""
    parts = [components[:, : inputs.components]]
    if inputs.demographics:
        parts.append(demographics)
    if inputs.extent:
        parts.append(lesions)
    return np.hstack(parts)


def _predict(train: Features, died: Labels, test: Features, seed: int) -> float:
    trees = ExtraTreesClassifier(TREES, min_samples_leaf=MIN_LEAF, class_weight="balanced", random_state=seed, n_jobs=1)
    return float(trees.fit(train, died).predict_proba(test)[0, 1])


def _summary(
    inputs: FeatureSet,
    scored: list[tuple[float, float, float]],
    patients: int,
    deaths: int,
    n_demographics: int,
    n_extent: int,
) -> PrognosisScores:
    mean, spread = np.mean(scored, axis=0), np.std(scored, axis=0, ddof=1 if len(scored) > 1 else 0)
    auc, precision, recall = ((float(m), float(s)) for m, s in zip(mean, spread, strict=True))
    n_features = inputs.components + n_demographics * inputs.demographics + n_extent * inputs.extent
    return PrognosisScores(inputs, n_features, patients, deaths, auc, precision, recall)


def _sub_sample(died: Labels, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    deaths, survivors = np.flatnonzero(died == 1), np.flatnonzero(died == 0)
    kept = generator.choice(survivors, min(len(survivors), SURVIVORS_PER_DEATH * len(deaths)), replace=False)
    return np.sort(np.concatenate([deaths, kept]))


def _scores(died: Labels, predicted: Features) -> tuple[float, float, float]:
    called = (predicted >= 0.5).astype(np.int64)
    return (
        float(roc_auc_score(died, predicted)),
        float(precision_score(died, called, zero_division=0)),
        float(recall_score(died, called, zero_division=0)),
    )
