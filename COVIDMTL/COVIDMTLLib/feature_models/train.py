"""Train, measure and write the feature models: what ``covidmtl train features`` does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure as Drawing

from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.models import Figure, ModelCard, card_text, file_sha256
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part
from COVIDMTLLib.cohort.context import CohortContext
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.feature_models.cards import (
    LEARNED_FROM,
    LIMITS,
    ON_FOLDS,
    ON_TEST,
    ON_TEST_AGAIN,
    PROGNOSIS_CITATION,
    ROBUST_LIMITS,
    ROBUST_SPLIT,
    SPLIT,
    change_figures,
    feature_card,
    hospital_figures,
    prognosis_figures,
    report_figures,
    split_figures,
)
from COVIDMTLLib.feature_models.evaluate import TaskReport, calibration_figure, evaluate
from COVIDMTLLib.feature_models.forests import TREES, ForestSettings, forest_probabilities
from COVIDMTLLib.feature_models.network_member import NetworkMember
from COVIDMTLLib.feature_models.other_hospital import hospital_transfer
from COVIDMTLLib.feature_models.robust import ROBUST_STACK, Stability, shipped_stability
from COVIDMTLLib.feature_models.split_difficulty import (
    OTHER_SEEDS,
    SPREAD_TREES,
    split_difficulty,
    split_figure,
)
from COVIDMTLLib.feature_models.stack import MEMBER_NAMES, CrossValidated, StackedModel, StackSettings, train_stack
from COVIDMTLLib.feature_models.states import task_probabilities
from COVIDMTLLib.feature_models.store import save_stack
from COVIDMTLLib.prognosis.cohort_outcomes import COHORT_SETS, cohort_patients, known_outcomes
from COVIDMTLLib.prognosis.leave_one_out import PrognosisSettings, PrognosisTable, leave_one_out
from COVIDMTLLib.prognosis.model import PrognosisModel
from COVIDMTLLib.statistics.scores import auc, scores
from COVIDMTLLib.tasks import TASKS

Features = npt.NDArray[np.float64]
FIGURE_DPI = 150
MAIN, DEMOGRAPHICS, ROBUST, PROGNOSIS = STACKS_AND_PROGNOSIS = (
    "features-stack", "features-demographics", "features-robust", "features-prognosis"
)  # fmt: skip


@dataclass(frozen=True)
class Effort:
    """How much is computed.

    Attributes:
        trees: Of the random forest that the models are compared with.
        spread_trees: Of the forests that show the spread over splits and hospitals.
        split_seeds: Other 70/30 splits that the published one is compared with.
        members: Of the main model.
        prognosis: How the outcome is predicted, leaving one patient out.
    """

    trees: int = TREES
    spread_trees: int = SPREAD_TREES
    split_seeds: tuple[int, ...] = OTHER_SEEDS
    members: tuple[str, ...] = MEMBER_NAMES
    prognosis: PrognosisSettings = field(default_factory=PrognosisSettings)


QUICK = Effort(100, 50, OTHER_SEEDS[:3], ROBUST_STACK.members, PrognosisSettings(repeats=2))
"""A few minutes: to see that all runs; its figures are not those of the shipped models."""


@dataclass(frozen=True)
class Trained:
    """A trained and measured stacked model.

    Attributes:
        model: Trained on the 930 training rows.
        folds: What cross-validation inside them said.
        on_folds: Measured out of fold.
        on_test: Measured once on the 399 test rows.
    """

    model: StackedModel
    folds: CrossValidated
    on_folds: tuple[TaskReport, ...]
    on_test: tuple[TaskReport, ...]

    def figures(self, on_test: str) -> list[Figure]:
        """For the card: figures on the test rows, named so, and out of fold."""
        folds = [figure for figure in report_figures(self.on_folds, ON_FOLDS) if "forest" not in figure.name]
        return report_figures(self.on_test, on_test) + [f for f in folds if not f.name.startswith("p of")]


def train_and_measure(
    cohort: Cohort,
    reference: Mapping[str, Features],
    settings: StackSettings,
    columns: npt.NDArray[np.int64] | None = None,
    demographics: bool = False,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Trained:
    """Train a stacked model on the training rows and measure it once on the test rows.

    Args:
        cohort: The cohort.
        reference: Test-row probabilities of the random forest it is compared with.
        settings: Members, folds and seed.
        columns: Features it may see; all if not given.
        demographics: Whether age and sex follow the features.
        progress: Told as it trains.
        cancelled: Asked as it trains.
    """
    labels = {task.name: cohort.task(task.name, cohort.train) for task in TASKS}
    train, test = (_inputs(cohort, rows, demographics) for rows in (cohort.train, cohort.test))
    model, folds = train_stack(train, labels, settings, columns, progress, cancelled)
    return measure(cohort, model, folds, model.tasks(test), reference)


def measure(
    cohort: Cohort, model: StackedModel, folds: CrossValidated, on_test: Mapping[str, Features],
    reference: Mapping[str, Features],
) -> Trained:  # fmt: skip
    """Measure a trained model out of fold and on the test rows."""
    labels = {task.name: cohort.task(task.name, cohort.train) for task in TASKS}
    truth = {task.name: cohort.task(task.name, cohort.test) for task in TASKS}
    pooled = task_probabilities(folds.pooled)
    return Trained(model, folds, evaluate(labels, pooled, pooled), evaluate(truth, on_test, reference))


def forest_reference(cohort: Cohort, trees: int = TREES, progress: Progress = no_progress) -> dict[str, Features]:
    """Test-row probabilities of the paper's random forest."""
    found = {}
    for number, task in enumerate(TASKS):
        labels = cohort.task(task.name, cohort.train)
        train, test = cohort.values(cohort.train), cohort.values(cohort.test)
        found[task.name] = forest_probabilities(train, labels, test, ForestSettings(trees=trees))
        progress((number + 1) / len(TASKS), f"Random forest, {task.title}")
    return found


def train_features(
    cohort: Cohort,
    folder: Path,
    stability: Stability | None = None,
    wanted: Collection[str] = STACKS_AND_PROGNOSIS,
    effort: Effort = Effort(),
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> dict[str, Trained]:
    """Train feature models and write weights, cards, figures and the cohort's context.

    Args:
        cohort: The cohort.
        folder: Where they are written.
        stability: How far features move when a scan changes; the shipped measurement if not given.
        wanted: Ids of the models to train, out of ``STACKS_AND_PROGNOSIS``.
        effort: How much is computed.
        progress: Told as it goes.
        cancelled: Asked as it goes.

    Returns:
        The stacked models by card id, measured.

    Raises:
        CancelledError: The user cancelled.
        OutputError: The folder cannot be written.
    """
    stability = stability or shipped_stability()
    trained: dict[str, Trained] = {}
    if set(wanted) - {PROGNOSIS}:
        reference = forest_reference(cohort, effort.trees, part(progress, 0.0, 0.05))
        few, seeds = effort.spread_trees, effort.split_seeds
        splits = split_difficulty(cohort, seeds, few, part(progress, 0.05, 0.15), cancelled)
        hospitals = hospital_transfer(cohort, few, part(progress, 0.15, 0.18), cancelled)
        plans = {
            MAIN: (StackSettings(members=effort.members), None, False, part(progress, 0.18, 0.5)),
            DEMOGRAPHICS: (ROBUST_STACK, None, True, part(progress, 0.5, 0.6)),
            ROBUST: (ROBUST_STACK, stability.columns(), False, part(progress, 0.6, 0.7)),
        }
        for name, (settings, columns, demographics, step) in plans.items():
            if name in wanted:
                trained[name] = train_and_measure(cohort, reference, settings, columns, demographics, step, cancelled)
        write_models(cohort, folder, trained, split_figures(splits) + hospital_figures(hospitals), stability)
        _save_figure(split_figure(splits), folder, "split_difficulty")
    if PROGNOSIS in wanted:
        step = part(progress, 0.7, 1.0)
        scored = leave_one_out(cohort_patients(cohort), COHORT_SETS, effort.prognosis, step, cancelled)
        _write_prognosis(cohort, folder, scored)
    with atomic_path(folder / "figures" / "context_quantiles.json") as path:
        path.write_text(CohortContext.fit(cohort).to_json(), encoding="utf-8")
    return trained


def write_models(
    cohort: Cohort,
    folder: Path,
    trained: Mapping[str, Trained],
    shared: list[Figure],
    stability: Stability,
) -> None:
    """Write weights, cards and the calibration curve of the main model.

    Args:
        cohort: The cohort.
        folder: Where they are written.
        trained: The models by card id.
        shared: Figures that every card quotes.
        stability: What the robust model's features were chosen by.
    """
    titles = {
        MAIN: "Stacked model on 375 lung features: ct, nat, severity",
        DEMOGRAPHICS: "Stacked model on 375 lung features, age and sex",
        ROBUST: "Stacked model on lung features that hold when the scan changes",
    }
    for model_id, one in trained.items():
        robust = model_id == ROBUST
        card = feature_card(
            model_id, titles[model_id], ".safetensors",
            one.figures(ON_TEST_AGAIN if robust else ON_TEST) + shared + (change_figures(stability) if robust else []),
            limits=LIMITS + (ROBUST_LIMITS if robust else ""), split=ROBUST_SPLIT if robust else SPLIT,
        )  # fmt: skip
        save_stack(one.model, folder, card, _cards_apart(cohort, one) if model_id == MAIN else {})
    if MAIN in trained:
        truth = {task.name: cohort.task(task.name, cohort.test) for task in TASKS}
        test = trained[MAIN].model.tasks(cohort.values(cohort.test))
        _save_figure(calibration_figure(truth, test), folder, "calibration")


def _cards_apart(cohort: Cohort, trained: Trained) -> dict[str, ModelCard]:
    """Cards of the members that are models of their own."""
    titles = {
        "boosted": ("features-lightgbm", "LightGBM on the lung features (member of the stack)", ".txt"),
        "network": (
            "features-network", "Multitask feature network 375-256-128-64-32 (member of the stack)", ".safetensors"
        ),
    }  # fmt: skip
    return {
        name: feature_card(*title, _member_figures(cohort, trained, name))
        for name, title in titles.items()
        if name in trained.model.members
    }


def _save_figure(figure: Drawing, folder: Path, name: str) -> None:
    with atomic_path(folder / "figures" / f"{name}.png") as path:
        figure.savefig(path, dpi=FIGURE_DPI)


def _write_prognosis(cohort: Cohort, folder: Path, table: PrognosisTable) -> None:
    known = np.intersect1d(cohort.train, known_outcomes(cohort))
    patients = cohort_patients(cohort, known)
    model = PrognosisModel.fit(patients)
    card = feature_card(
        PROGNOSIS, "Outcome score from age, sex and lung features", ".safetensors", prognosis_figures(table),
        task="prognosis",
        inputs="The 375 lung features, age in years, sex.",
        learned_from=f"{len(known)} of the {LEARNED_FROM} Only those of known outcome.",
        citation=PROGNOSIS_CITATION,
        split=f"Shipped weights: {len(known)} training patients of known outcome, {patients.deaths} deaths. "
        "Figures: leave-one-out over all patients of known outcome.",
        limits="Eighteen deaths in all: every figure is uncertain. The outcome of 724 patients is unknown, and not at "
        "random. A score, not a risk.",
    )  # fmt: skip
    model.save(folder / card.file)
    finished = replace(card, sha256=file_sha256(folder / card.file))
    with atomic_path(folder / f"{card.id}.json") as path:
        path.write_text(card_text(finished), encoding="utf-8")


def _member_figures(cohort: Cohort, trained: Trained, name: str) -> list[Figure]:
    """Areas of one member alone."""
    model = trained.model
    transformed = model.scores.transform(cohort.values(cohort.test))[:, model.columns[name]]
    member = model.members[name]
    tasks = member.tasks(transformed) if isinstance(member, NetworkMember) else None
    found = tasks or task_probabilities(member.probabilities(transformed))
    folds = task_probabilities(trained.folds.members[name])
    figures = []
    for task in TASKS:
        truth = cohort.task(task.name, cohort.test)
        inside = cohort.task(task.name, cohort.train)
        figures += [
            Figure(f"AUC {task.name}", round(auc(truth, found[task.name]), 4), ON_TEST),
            Figure(f"accuracy {task.name}", round(scores(truth, found[task.name]).accuracy, 4), ON_TEST),
            Figure(f"AUC {task.name}", round(auc(inside, folds[task.name]), 4), ON_FOLDS),
        ]
    return figures


def _inputs(cohort: Cohort, rows: npt.NDArray[np.int64], demographics: bool) -> Features:
    if not demographics:
        return cohort.values(rows)
    return np.hstack([cohort.values(rows), cohort.demographics(rows)])
