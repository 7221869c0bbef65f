"""Prognosis from demographics, map features and lesion extent (Section 5, Table 7), evaluated on a table of cases.

Extremely randomised trees, leave one patient out. Survivors outnumber the deceased by far, so every tree ensemble is
fitted on a balanced draw of the other patients; the spread over draws is reported. The principal components of the map
features are fitted on the training patients of each fold alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ChestCTLib.case_report import Column, Table
from ChestCTLib.errors import InputError
from ChestCTLib.learning.seeding import derived_seed
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled

MAP_PREFIX, EXTENT_PREFIX = "map_", "extent_"
DEMOGRAPHICS = ("age", "sex")
OUTCOME = "deceased"
FEW_COMPONENTS, MANY_COMPONENTS = 3, 18  # of the map features, Table 7
MIN_DECEASED = 2  # with one left out, at least one must remain to learn from
FEW_DECEASED = 20  # below, the spread says more than the mean


@dataclass(frozen=True)
class FeatureSet:
    """One row of Table 7: which features a model sees.

    Attributes:
        title: As in the table.
        demographics: Age and sex.
        components: Principal components of the map features; 0 for none.
        extent: Lesion extent by kind.
    """

    title: str
    demographics: bool = False
    components: int = 0
    extent: bool = False


FEATURE_SETS = (
    FeatureSet("CT classifier features (top 18 PCA)", components=MANY_COMPONENTS),
    FeatureSet("CT classifier features (top 3 PCA)", components=FEW_COMPONENTS),
    FeatureSet("Segmentation model features", extent=True),
    FeatureSet("Segm. features + CT (top 3 PCA)", components=FEW_COMPONENTS, extent=True),
    FeatureSet("Patient demographics", demographics=True),
    FeatureSet("Patient demographics + CT (top 18 PCA)", demographics=True, components=MANY_COMPONENTS),
    FeatureSet("Patient demographics + CT (top 3 PCA)", demographics=True, components=FEW_COMPONENTS),
    FeatureSet("Patient demographics + Segm. features", demographics=True, extent=True),
    FeatureSet("Patient demographics + CT (top 3 PCA) + Segm. features", True, FEW_COMPONENTS, True),
)


@dataclass(frozen=True)
class PrognosisSettings:
    """How the models are fitted.

    Attributes:
        trees: Of each ensemble.
        survivors_per_deceased: Survivors drawn for each deceased patient in a training fold (40 to 4 in the paper).
        repeats: Draws, each with its own leave-one-out run.
        seed: Of draws and trees.
    """

    trees: int = 100
    survivors_per_deceased: int = 10
    repeats: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.trees, self.survivors_per_deceased, self.repeats) < 1 or self.seed < 0:
            raise InputError(f"The prognosis settings {self} are out of range.", "Use positive numbers.")


@dataclass(frozen=True)
class PrognosisResult:
    """Mean and spread over the draws; None where the table lacks the features.

    Attributes:
        features: What the model saw.
        count: Number of features; 0 where they are missing.
        auc: Mean and standard deviation of the area under the ROC curve.
        precision: Of calling a patient deceased at a probability of one half.
        recall: Share of the deceased called so.
    """

    features: FeatureSet
    count: int = 0
    auc: tuple[float, float] | None = None
    precision: tuple[float, float] | None = None
    recall: tuple[float, float] | None = None


@dataclass(frozen=True)
class PrognosisTable:
    """The whole table, with what it rests on.

    Attributes:
        results: One a feature set.
        patients: Number of patients.
        deceased: How many of them died.
        warnings: Why the figures should be read with care.
    """

    results: tuple[PrognosisResult, ...]
    patients: int
    deceased: int
    warnings: tuple[str, ...]

    def table(self) -> Table:
        """Table 7's layout; "n/a" where features are missing."""
        columns = [Column("features", "Input feature sets"), Column("count", "Features", decimals=0)]
        for key, name in (("auc", "AUC"), ("precision", "Precision"), ("recall", "Recall")):
            columns += [Column(key, name, decimals=2), Column(f"{key}_sd", "sd", decimals=2)]
        rows = []
        for one in self.results:
            cells = [value for pair in (one.auc, one.precision, one.recall) for value in (pair or (None, None))]
            rows.append((one.features.title, one.count, *cells))
        title = f"Prognosis, leave one patient out: {self.deceased} of {self.patients} patients died"
        return Table("prognosis", title, tuple(columns), tuple(rows))


def read_prognosis_table(path: Path) -> pd.DataFrame:
    """Read a table of cases, one row a scan; a patient's scans are averaged.

    Args:
        path: CSV with ``patient`` and ``deceased`` (0, 1), and any of ``age`` (years), ``sex`` (female, male),
            ``extent_...`` (lesion extent, %) and ``map_...`` (map features), as ``covidmtl intensity-map`` writes them.

    Returns:
        One row a patient, numeric.

    Raises:
        InputError: The table cannot be used; column or value are named.
    """
    try:
        table = pd.read_csv(path, dtype={"patient": str})
    except (OSError, ValueError) as error:
        raise InputError(f"The table {path.name} cannot be read: {error}.", "Give a CSV with a header.") from error
    missing = [name for name in ("patient", OUTCOME) if name not in table]
    if missing:
        raise InputError(f"The table {path.name} lacks {' and '.join(missing)}.", "Add these columns.")
    if not set(table[OUTCOME]) <= {0, 1}:
        raise InputError(f"{OUTCOME} holds {sorted(set(map(str, table[OUTCOME])))}.", "Use 0 and 1, without gaps.")
    if "sex" in table:
        unknown = set(table["sex"]) - {"female", "male"}
        if unknown:
            raise InputError(f"sex holds {sorted(map(str, unknown))}.", "Use female and male.")
        table["sex"] = (table["sex"] == "male").astype(float)
    kept = [c for c in table if c in (*DEMOGRAPHICS, OUTCOME) or c.startswith((MAP_PREFIX, EXTENT_PREFIX))]
    try:
        numbers = table[kept].astype(float)
    except ValueError as error:
        raise InputError(f"A feature in {path.name} is no number: {error}.", "Leave such rows out.") from error
    if numbers.isna().any(axis=None):
        raise InputError(
            f"{numbers.columns[numbers.isna().any()][0]} has gaps.", "Leave the patients out, or fill them."
        )
    if (numbers.groupby(table["patient"])[OUTCOME].nunique() > 1).any():
        raise InputError("A patient has two outcomes.", "Give each patient one.")
    return numbers.groupby(table["patient"]).mean()


def evaluate_prognosis(
    patients: pd.DataFrame,
    settings: PrognosisSettings = PrognosisSettings(),
    feature_sets: Sequence[FeatureSet] = FEATURE_SETS,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> PrognosisTable:
    """Evaluate each feature set by leaving one patient out.

    Args:
        patients: As :func:`read_prognosis_table` returns them.
        settings: How the models are fitted.
        feature_sets: Rows of the table.
        progress: Told the share done.
        cancelled: Asked between repeats.

    Raises:
        InputError: Too few patients died or survived.
    """
    died = patients[OUTCOME].to_numpy().astype(bool)
    if died.sum() < MIN_DECEASED or (~died).sum() < MIN_DECEASED:
        raise InputError(f"{died.sum()} of {len(died)} patients died.", f"Give {MIN_DECEASED} or more of either kind.")
    results = []
    for number, chosen in enumerate(feature_sets):
        progress(number / len(feature_sets), chosen.title)
        results.append(_evaluate_set(patients, died, chosen, settings, cancelled))
    warnings = []
    if died.sum() < FEW_DECEASED:
        warnings.append(f"Only {died.sum()} patients died: the figures are unsure, whatever their spread over draws.")
    return PrognosisTable(tuple(results), len(died), int(died.sum()), tuple(warnings))


def _evaluate_set(
    patients: pd.DataFrame,
    died: npt.NDArray[np.bool_],
    chosen: FeatureSet,
    settings: PrognosisSettings,
    cancelled: CancelCheck,
) -> PrognosisResult:
    maps = patients[[c for c in patients if c.startswith(MAP_PREFIX)]].to_numpy()
    names = [name for name in DEMOGRAPHICS if chosen.demographics]
    names += [c for c in patients if chosen.extent and c.startswith(EXTENT_PREFIX)]
    lacking = (
        any(name not in patients for name in names)
        or (chosen.extent and not any(n.startswith(EXTENT_PREFIX) for n in names))
        or maps.shape[1] < chosen.components
    )
    if lacking:
        return PrognosisResult(chosen)
    others = patients[names].to_numpy()
    scores = []
    for repeat in range(settings.repeats):
        raise_if_cancelled(cancelled)
        probability = _leave_one_out(others, maps, chosen.components, died, settings, repeat)
        called = probability > 0.5
        scores.append(
            (
                roc_auc_score(died, probability),
                precision_score(died, called, zero_division=0),
                recall_score(died, called),
            )
        )
    means, spreads = np.mean(scores, axis=0), np.std(scores, axis=0)
    auc, precision, recall = [(float(m), float(s)) for m, s in zip(means, spreads, strict=True)]
    return PrognosisResult(chosen, len(names) + chosen.components, auc, precision, recall)


def _leave_one_out(
    others: npt.NDArray[np.float64],
    maps: npt.NDArray[np.float64],
    components: int,
    died: npt.NDArray[np.bool_],
    settings: PrognosisSettings,
    repeat: int,
) -> npt.NDArray[np.float64]:
    """Probability of death of each patient from a model that has not seen the patient."""
    probability = np.empty(len(died))
    for left_out in range(len(died)):
        seed = derived_seed(settings.seed, repeat, left_out)
        rest = np.flatnonzero(np.arange(len(died)) != left_out)
        deceased, survivors = rest[died[rest]], rest[~died[rest]]
        wanted = min(len(survivors), settings.survivors_per_deceased * len(deceased))
        drawn = np.random.default_rng(seed).choice(survivors, wanted, replace=False)
        train = np.concatenate([deceased, drawn])
        columns = [others]
        if components:
            reduce = make_pipeline(StandardScaler(), PCA(min(components, len(rest) - 1), random_state=0))
            columns.append(reduce.fit(maps[rest]).transform(maps))
        features = np.hstack(columns)
        model = ExtraTreesClassifier(settings.trees, class_weight="balanced", random_state=seed)
        model.fit(features[train], died[train])
        probability[left_out] = model.predict_proba(features[left_out : left_out + 1])[0, 1]
    return probability
