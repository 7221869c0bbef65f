"""Leave one patient out: which inputs tell the outcome (section 5, Table 7)?

The paper trains extremely randomised trees, draws ten survivors a death (40 for 4 deaths) and leaves each drawn patient
out once. So it is here. The survivors that a draw leaves aside teach nothing either; the model of the whole draw
answers for them, which gives an area over all patients beside that over the draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from threadpoolctl import threadpool_limits

from ChestCTLib.case_report import Column, Table
from ChestCTLib.errors import InputError
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.feature_models.normal_scores import NormalScores
from COVIDMTLLib.prognosis.feature_sets import FeatureSet
from COVIDMTLLib.prognosis.patients import Features, Labels, Patients

MIN_LEAF = 2  # patients a leaf
FEW_DEATHS = 20  # below, the spread says more than the mean

MeanAndSpread = tuple[float, float]


@dataclass(frozen=True)
class PrognosisSettings:
    """How the models are fitted.

    Attributes:
        trees: Of each model; for some 200 patients more than 30 only cost time.
        survivors_per_death: Survivors drawn for each death: the paper's 40 to 4. Fewer waste survivors; all of them
            (32 to 1 in the cohort) teach the trees to say "cured".
        repeats: Draws of survivors; the spread is over them.
        seed: Of the first draw and its trees; the next ones count on.
    """

    trees: int = 30
    survivors_per_death: int = 10
    repeats: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.trees, self.survivors_per_death, self.repeats) < 1 or self.seed < 0:
            raise InputError(f"The prognosis settings {self} are out of range.", "Use positive numbers.")


@dataclass(frozen=True)
class PrognosisScores:
    """Scores of one set of inputs: mean and standard deviation over the draws; None where its inputs are not known.

    Attributes:
        inputs: What the model saw.
        n_features: Columns it saw.
        auc: Area under the ROC curve among the drawn patients.
        precision: Of calling a drawn patient deceased from one half on.
        recall: Share of the deceased called so.
        auc_all: Area among all patients.
    """

    inputs: FeatureSet
    n_features: int
    auc: MeanAndSpread | None = None
    precision: MeanAndSpread | None = None
    recall: MeanAndSpread | None = None
    auc_all: MeanAndSpread | None = None


@dataclass(frozen=True)
class PrognosisTable:
    """Table 7, with what it rests on.

    Attributes:
        rows: One a set of inputs.
        patients: Number of patients of known outcome.
        drawn: How many of them each draw holds.
        deaths: How many of them died.
        repeats: Draws.
    """

    rows: tuple[PrognosisScores, ...]
    patients: int
    drawn: int
    deaths: int
    repeats: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the figures should be read with care."""
        if self.deaths >= FEW_DEATHS:
            return ()
        return (f"Only {self.deaths} patients died: the figures are unsure, whatever their spread over draws.",)

    def table(self) -> Table:
        """Table 7's layout; "n/a" where inputs are not known."""
        columns = [Column("inputs", "Input feature sets"), Column("features", "Features", decimals=0)]
        for key, name in (("auc", "AUC"), ("precision", "Precision"), ("recall", "Recall"), ("auc_all", "AUC, all")):
            columns += [Column(key, name, decimals=3), Column(f"{key}_sd", f"{name}, sd", decimals=3)]
        rows = []
        for one in self.rows:
            pairs = (one.auc, one.precision, one.recall, one.auc_all)
            rows.append(
                (one.inputs.name, one.n_features, *(value for pair in pairs for value in (pair or (None, None))))
            )
        title = (
            f"Prognosis, leave one patient out: {self.deaths} deaths among {self.drawn} drawn of {self.patients} "
            f"patients, mean of {self.repeats} draws"
        )
        return Table("prognosis", title, tuple(columns), tuple(rows))


def leave_one_out(
    patients: Patients,
    feature_sets: Sequence[FeatureSet],
    settings: PrognosisSettings = PrognosisSettings(),
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> PrognosisTable:
    """Predict each patient by models that have not seen the patient; ranks, components and trees included.

    Args:
        patients: Of known outcome.
        feature_sets: Rows of the table; scores are None where their inputs are not known.
        settings: How the models are fitted.
        progress: Told after each patient.
        cancelled: Asked before each patient.

    Raises:
        CancelledError: The user cancelled.
    """
    died = patients.died
    drawn = min(len(died) - patients.deaths, settings.survivors_per_death * patients.deaths) + patients.deaths
    known = [inputs for inputs in feature_sets if patients.has(inputs) and inputs.components < drawn]
    scored: dict[FeatureSet, list[tuple[float, ...]]] = {inputs: [] for inputs in known}
    for repeat in range(settings.repeats):
        seed = settings.seed + repeat
        sample = _draw(died, settings.survivors_per_death, np.random.default_rng(seed))
        predicted = np.empty((len(known), len(died)))
        for done, (learn, ask) in enumerate(_rounds(sample, len(died)), start=1):
            raise_if_cancelled(cancelled)
            predicted[:, ask] = _predict(patients, known, learn, ask, settings.trees, seed)
            share = min(1.0, done / len(sample))
            progress((repeat + share) / settings.repeats, f"Outcome, draw {repeat + 1} of {settings.repeats}")
        for inputs, values in zip(known, predicted, strict=True):
            scored[inputs].append((*_scores(died[sample], values[sample]), float(roc_auc_score(died, values))))
    rows = tuple(_summary(patients, inputs, scored.get(inputs)) for inputs in feature_sets)
    return PrognosisTable(rows, len(died), drawn, patients.deaths, settings.repeats)


def _draw(died: Labels, survivors_per_death: int, generator: np.random.Generator) -> Labels:
    deaths, survivors = np.flatnonzero(died == 1), np.flatnonzero(died == 0)
    kept = generator.choice(survivors, min(len(survivors), survivors_per_death * len(deaths)), replace=False)
    return np.sort(np.concatenate([deaths, kept]))


def _rounds(sample: Labels, count: int) -> Iterator[tuple[Labels, Labels]]:
    """Who is learned from and who is asked: each drawn patient alone, then all who were not drawn."""
    for place, patient in enumerate(sample):
        yield np.delete(sample, place), np.array([patient])
    aside = np.setdiff1d(np.arange(count), sample)
    if len(aside):
        yield sample, aside


def _predict(
    patients: Patients, feature_sets: Sequence[FeatureSet], learn: Labels, ask: Labels, trees: int, seed: int
) -> Features:
    """Probability of death of some patients by each set of inputs, ``[sets, patients]``."""
    wanted = max((inputs.components for inputs in feature_sets), default=0)
    rows = np.concatenate([learn, ask])
    components = _components(patients.features[rows], len(learn), wanted)
    found = np.empty((len(feature_sets), len(ask)))
    for number, inputs in enumerate(feature_sets):
        table = patients.inputs(inputs, components, rows)
        model = ExtraTreesClassifier(
            trees, min_samples_leaf=MIN_LEAF, class_weight="balanced", random_state=seed, n_jobs=1
        )
        model.fit(table[: len(learn)], patients.died[learn])
        found[number] = model.predict_proba(table[len(learn) :])[:, 1]
    return found


def _components(features: Features, learned_from: int, count: int) -> Features:
    """Principal components of the features' normal scores; both are fitted on the first rows alone."""
    if not count:
        return np.empty((len(features), 0))
    ranked = NormalScores.fit(features[:learned_from]).transform(features)
    with threadpool_limits(1):  # on matrices this small, several threads only wait for each other
        components: Features = PCA(count, random_state=0).fit(ranked[:learned_from]).transform(ranked)
    return components


def _scores(died: Labels, predicted: Features) -> tuple[float, float, float]:
    called = (predicted >= 0.5).astype(np.int64)
    return (
        float(roc_auc_score(died, predicted)),
        float(precision_score(died, called, zero_division=0)),
        float(recall_score(died, called, zero_division=0)),
    )


def _summary(patients: Patients, inputs: FeatureSet, scored: list[tuple[float, ...]] | None) -> PrognosisScores:
    if scored is None:
        return PrognosisScores(inputs, 0)
    mean, spread = np.mean(scored, axis=0), np.std(scored, axis=0, ddof=1 if len(scored) > 1 else 0)
    auc, precision, recall, auc_all = ((float(m), float(s)) for m, s in zip(mean, spread, strict=True))
    return PrognosisScores(inputs, patients.count(inputs), auc, precision, recall, auc_all)
