"""Model cards of the feature models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ChestCTLib.models import Figure, ModelCard
from COVIDMTLLib.feature_models.evaluate import TaskReport
from COVIDMTLLib.feature_models.other_hospital import HospitalTransfer
from COVIDMTLLib.feature_models.robust import Stability
from COVIDMTLLib.feature_models.split_difficulty import SplitDifficulty
from COVIDMTLLib.prognosis.feature_sets import SHIPPED_SET
from COVIDMTLLib.prognosis.leave_one_out import PrognosisTable
from COVIDMTLLib.tasks import TASKS

LEARNED_FROM = (
    "930 training patients of the COVID-MTL paper (HUST-19 / iCTCF, two hospitals in Wuhan, 2020); features and labels "
    "as released with the paper."
)
SPLIT = (
    "The published 930 / 399 split. Ranks, selection, members, stacking and calibration saw the 930 training patients "
    "only (five-fold cross-validation inside them); the 399 test patients were scored once."
)
ROBUST_SPLIT = (
    SPLIT.rsplit(";", 1)[0] + "; the 399 test patients were scored three times: a first choice of stable features "
    "(threshold 0.5) had test AUC 0.874 / 0.778 / 0.754, a second (threshold 1, fewer perturbations) 0.908 / 0.811 / "
    "0.783; the features used here were chosen by the perturbations and cross-validation alone."
)
INPUT = "The 375 lung features of covidmtl radiomics: 1 mm voxels, HU + 1024 in [0, 4095], zero outside the lungs."
LICENCE = "CC BY-NC 4.0 (research use, as the data it learned from)"
USE = "Research on chest CT. It gives probabilities of labels of one cohort, never a diagnosis."
LIMITS = (
    "One cohort, one country, one wave, and its two hospitals already do not carry over: a forest that learned at one "
    "falls to the figures given here at the other, so part of what the features tell is the scanner. Scans with a "
    "smoother kernel, thicker slices or another dose lie outside the cohort, and their probabilities should not be "
    "relied on; the report says so. The published test rows are easier than most: see the cross-validated figures and "
    "the spread over other splits."
)
ROBUST_LIMITS = (
    " Steady is not right: its answer holds when a scan is smoothed, made noisier or outlined anew, but on public "
    "scans from elsewhere (no visible disease, COVID-19, cancer) it gives ct above 0.9 every time."
)
PROGNOSIS_CITATION = (
    "Outcome prediction of the intensity-map paper (medRxiv 2020.10.15.20213462, section 5, Table 7) on the features "
    "of Bao et al., Pattern Recognition 124 (2022) 108499"
)
CITATION = "Bao et al., COVID-MTL, Pattern Recognition 124 (2022) 108499"
ON_TEST = "399 published test patients, scored once"
ON_TEST_AGAIN = "399 published test patients, third scoring"
ON_FOLDS = "930 training patients, out of fold (five folds)"


def feature_card(
    model_id: str, title: str, suffix: str, figures: Sequence[Figure], settings: dict[str, Any] | None = None,
    task: str = "features", limits: str = LIMITS, inputs: str = INPUT, split: str = SPLIT,
    learned_from: str = LEARNED_FROM, citation: str = CITATION,
) -> ModelCard:  # fmt: skip
    """A card with what all feature models share; the checksum is filled in when the weights are written."""
    return ModelCard(
        id=model_id,
        title=title,
        task=task,
        file=f"{model_id}{suffix}",
        sha256="",
        evidence="real cohort",
        learned_from=learned_from,
        split=split,
        input_contract=inputs,
        licence=LICENCE,
        intended_use=USE,
        limits=limits,
        figures=tuple(figures),
        settings=settings or {},
        citation=citation,
    )


def report_figures(reports: Sequence[TaskReport], measured_on: str) -> list[Figure]:
    """Figures of a measurement, rounded to what the number of patients can tell."""
    figures = []
    for report in reports:
        task, on = report.task, measured_on
        figures += [
            Figure(f"AUC {task}", round(report.auc, 4), on, _rounded(report.auc_interval)),
            Figure(f"accuracy {task}", round(report.accuracy, 4), on),
            Figure(f"Brier {task}", round(report.brier, 4), on, _rounded(report.brier_interval)),
            Figure(f"calibration error {task}", round(report.calibration_error, 4), on),
            Figure(f"AUC {task} of the random forest", round(report.reference_auc, 4), on),
            Figure(f"p of equal AUC {task} (DeLong; bootstrap for severity)", round(report.p, 4), on),
        ]
    return figures


def split_figures(found: SplitDifficulty) -> list[Figure]:
    """Where the published split lies among others: the spread that a lucky draw must be read against."""
    figures = []
    for task in TASKS:
        low, middle, high = found.spread(task.name)
        others = len(found.others[task.name])
        where = f"{others} other 70/30 splits of the same patients, random forest; interval: 5th to 95th percentile"
        figures += [
            Figure(f"AUC {task.name} of a forest over splits, median", round(middle, 4), where, _rounded((low, high))),
            Figure(f"AUC {task.name} of that forest, published split", round(found.published[task.name], 4), ON_TEST),
        ]
    return figures


def hospital_figures(found: Sequence[HospitalTransfer]) -> list[Figure]:
    """What is left of the areas at a hospital that the model never saw."""
    figures = []
    for place in found:
        for task in TASKS:
            mixed, where = place.mixed[task.name], f"{place.patients} training patients of {place.hospital}"
            figures.append(
                Figure(
                    f"AUC {task.name} of a forest that learned at the other hospital",
                    round(place.other[task.name], 4),
                    f"{where}; {mixed:.3f} out of fold when both hospitals are in training",
                )
            )
    return figures


def change_figures(stability: Stability) -> list[Figure]:
    """How far the robust model's answer moved on scans that its choice of features had not seen."""
    figures = []
    for scan, changes in stability.changes.items():
        worst = max(changes, key=lambda name: abs(changes[name]))
        where = f"{scan}, features chosen on the other scans; perturbations: {', '.join(changes)}; largest: {worst}"
        figures.append(Figure("largest change of the ct probability", round(abs(changes[worst]), 4), where))
    return figures


def prognosis_figures(table: PrognosisTable) -> list[Figure]:
    """Scores of each set of inputs, with their spread over the draws of survivors; the shipped model's set first."""
    spread_over = f"mean of {table.repeats} sub-samples; interval: mean -+ standard deviation over them, within 0 and 1"
    drawn = f"leave-one-out, {table.drawn} patients, {table.deaths} deaths, {spread_over}"
    everyone = f"leave-one-out, all {table.patients} patients, {table.deaths} deaths, {spread_over}"
    figures = []
    for row in sorted(table.rows, key=lambda row: row.inputs != SHIPPED_SET):
        scores = (
            ("AUC", row.auc, drawn), ("precision", row.precision, drawn), ("recall", row.recall, drawn),
            ("AUC", row.auc_all, everyone),
        )  # fmt: skip
        for name, found, where in scores:
            if found is not None:
                mean, spread = found
                interval = _rounded((max(0.0, mean - spread), min(1.0, mean + spread)))
                figures.append(Figure(f"{name}, {row.inputs.name}", round(mean, 4), where, interval))
    return figures


def _rounded(interval: tuple[float, float]) -> tuple[float, float]:
    return round(interval[0], 4), round(interval[1], 4)
