"""Tables 3, 4, 5 and 8 of the COVID-MTL paper from the released cohort, ours beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import get_args

import numpy as np

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from COVIDMTLLib.cohort.published import FOREST_SCORES, MULTITASK_SCORES, published_table5
from COVIDMTLLib.cohort.reproduction import Cell, Reproduction
from COVIDMTLLib.cohort.roc_figure import Curve, roc_figure
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.feature_models.forests import ForestName, ForestSettings, forest_probabilities
from COVIDMTLLib.feature_models.network import NetworkSettings, train_network
from COVIDMTLLib.losses import LossName
from COVIDMTLLib.statistics.scores import Scores, scores
from COVIDMTLLib.statistics.welch import welch_anova
from COVIDMTLLib.tasks import TASK_BY_NAME, TASKS

SCORE_NAMES = tuple(field.name for field in fields(Scores))
TABLE8_SEEDS = 5
FOREST_TABLES = {
    "table3": ("Table 3: diagnosis from the features, RF and LGBM", ("ct", "nat")),
    "table4": ("Table 4: severity from the features, RF and LGBM", ("severity",)),
}  # title and tasks
AUC_NOTE = (
    "AUC: one class against the rest, macro average over the classes (with two classes the usual area). "
    "Precision, recall and F1 are weighted by class size, so recall equals accuracy."
)
SCALING_NOTE = (
    "Ours scales the features on the training rows alone. The paper's scaler saw the test rows too; that way the "
    "figures are those in the columns ending in _scaled_with_test."
)


def forest_table(
    name: str, cohort: Cohort, settings: ForestSettings | None = None, progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Reproduction:  # fmt: skip
    """The rows RF and LGBM of Table 3 (radiology and nucleic acid test) or Table 4 (severity).

    Args:
        name: One of ``FOREST_TABLES``.
        cohort: The cohort.
        settings: Of the forests; their names are set here.
        progress: Told before each forest.
        cancelled: Asked before each forest.
    """
    title, tasks = FOREST_TABLES[name]
    train, test = cohort.values(cohort.train), cohort.values(cohort.test)
    everything = np.concatenate([train, test])
    jobs: list[tuple[ForestName, str]] = [(model, task) for model in get_args(ForestName) for task in tasks]
    rows: list[tuple[Cell, ...]] = []
    curves: dict[str, list[Curve]] = {task: [] for task in tasks}
    for done, (model, task) in enumerate(jobs):
        raise_if_cancelled(cancelled)
        progress(done / len(jobs), f"{model}, {TASK_BY_NAME[task].title}")
        chosen = replace(settings or ForestSettings(), name=model)
        labels, truth = cohort.task(task, cohort.train), cohort.task(task, cohort.test)
        ours = forest_probabilities(train, labels, test, chosen)
        leaky = scores(truth, forest_probabilities(train, labels, test, chosen, scaled_on=everything))
        found = scores(truth, ours)
        paper = FOREST_SCORES[model, task]
        rows.append((model, task, *astuple(found), *astuple(paper), leaky.accuracy, leaky.auc))
        curves[task].append(Curve(model, truth, ours))
    columns = (
        "model", "task", *SCORE_NAMES, *(f"paper_{score}" for score in SCORE_NAMES),
        "accuracy_scaled_with_test", "auc_scaled_with_test",
    )  # fmt: skip
    figures = {f"{name}_roc_{task}": roc_figure(TASK_BY_NAME[task], curves[task]) for task in tasks}
    return Reproduction(name, title, columns, tuple(rows), (AUC_NOTE, SCALING_NOTE), figures)


def table5(cohort: Cohort, folder: Path) -> Reproduction:
    """Table 5: Welch's ANOVA of the 24 features the paper chose, over all 1,329 patients.

    Args:
        cohort: The cohort.
        folder: Where the published table lies.
    """
    everyone = np.arange(len(cohort.labels))
    published = published_table5(folder)
    rows: list[tuple[Cell, ...]] = []
    for feature, printed in published.iterrows():
        values = cohort.features[str(feature)].to_numpy(dtype=np.float64)
        for task in TASKS:
            found = welch_anova(values, cohort.task(task.name, everyone))
            paper = (printed[f"{task.name}_{column}"] for column in ("stat", "df2", "p"))
            rows.append((str(feature), task.name, found.statistic, found.df2, found.p, *paper))
    columns = ("feature", "task", "statistic", "df2", "p", "paper_statistic", "paper_df2", "paper_p")
    notes = ("Statistic: Welch's, asymptotically F distributed; df1 is 1 for ct and nat, 2 for severity.",)
    return Reproduction("table5", "Table 5: Welch's ANOVA of 24 features", columns, tuple(rows), notes)


def table8(
    cohort: Cohort, seeds: int = TABLE8_SEEDS, settings: NetworkSettings | None = None,
    progress: Progress = no_progress, cancelled: CancelCheck = never_cancelled,
) -> Reproduction:  # fmt: skip
    """Table 8: the multitask network on features alone, with each of the three losses.

    Args:
        cohort: The cohort.
        seeds: Runs of each loss; their mean and standard deviation are shown.
        settings: Training; loss and seed are set here.
        progress: Told after each epoch.
        cancelled: Asked after each epoch.
    """
    train, test = cohort.values(cohort.train), cohort.values(cohort.test)
    labels = {task.name: cohort.task(task.name, cohort.train) for task in TASKS}
    losses: tuple[LossName, ...] = get_args(LossName)
    rows: list[tuple[Cell, ...]] = []
    for number, loss in enumerate(losses):
        runs: dict[str, list[tuple[float, ...]]] = {task.name: [] for task in TASKS}
        for seed in range(seeds):
            first = (number * seeds + seed) / (len(losses) * seeds)
            report = part(progress, first, first + 1 / (len(losses) * seeds))
            chosen = replace(settings or NetworkSettings(), loss=loss, seed=seed)
            found = train_network(train, labels, chosen, report, cancelled).probabilities(test)
            for task in TASKS:
                runs[task.name].append(astuple(scores(cohort.task(task.name, cohort.test), found[task.name])))
        for task in TASKS:
            values = np.array(runs[task.name])
            spread: Sequence[Cell] = values.std(axis=0, ddof=1).tolist() if seeds > 1 else ("n/a",) * len(SCORE_NAMES)
            paper: Sequence[Cell] = astuple(MULTITASK_SCORES[task.name])
            if loss != "random":
                paper = ("",) * len(SCORE_NAMES)  # the paper prints the random-weighted loss only
            rows.append((loss, task.name, seeds, *values.mean(axis=0).tolist(), *spread, *paper))
    columns = (
        "loss", "task", "seeds", *SCORE_NAMES, *(f"{score}_sd" for score in SCORE_NAMES),
        *(f"paper_{score}" for score in SCORE_NAMES),
    )  # fmt: skip
    title = "Table 8: multitask network (256-128-64-32) on features alone"
    notes = (AUC_NOTE, f"Mean and standard deviation over {seeds} seeds; the paper prints one run.")
    return Reproduction("table8", title, columns, tuple(rows), notes)
