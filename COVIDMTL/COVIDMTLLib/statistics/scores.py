"""Scores of a classifier on one set of patients, defined as the paper's tables define them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import precision_recall_fscore_support

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Scores of one classifier on one task.

    Attributes:
        precision: Mean over the classes, weighted by their number of patients.
        recall: The same of the recall; equals the accuracy by definition.
        f1: The same of the F1 score.
        accuracy: Share of patients whose likeliest class is the true one.
        auc: Area under the ROC curve: macro average of one class against the rest (section 5.4 of the COVID-MTL
            paper); with two classes that is the usual area.
    """

    precision: float
    recall: float
    f1: float
    accuracy: float
    auc: float


def scores(labels: Labels, probabilities: Probabilities) -> Scores:
    """Score predicted probabilities.

    Args:
        labels: True class of each patient.
        probabilities: ``[patients, classes]``, rows sum to 1.
    """
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, average="weighted", zero_division=0)
    accuracy = float(np.mean(predicted == labels))
    return Scores(float(precision), float(recall), float(f1), accuracy, auc(labels, probabilities))


def auc(labels: Labels, probabilities: Probabilities) -> float:
    """Macro average of the one-against-rest areas; the plain area with two classes."""
    classes = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    return float(np.mean([_area(labels == k, probabilities[:, k]) for k in classes]))


def _area(positive: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]) -> float:
    """Area under the ROC curve from ranks: ten times as fast as tracing the curve, which a bootstrap feels."""
    cases = int(positive.sum())
    above = rankdata(values)[positive].sum() - cases * (cases + 1) / 2
    return float(above / (cases * (len(positive) - cases)))


def brier(labels: Labels, probabilities: Probabilities) -> float:
    """Brier score: mean over patients of the squared error summed over the classes, halved.

    The half makes two classes agree with the usual binary score; 0 is perfect.
    """
    truth = np.eye(probabilities.shape[1])[labels]
    return float(np.mean(np.sum((probabilities - truth) ** 2, axis=1)) / 2.0)


def calibration_error(labels: Labels, probabilities: Probabilities, bins: int = 10) -> float:
    """Expected calibration error: mean gap between predicted and observed share, over equally filled bins and classes.

    Args:
        labels: True class of each patient.
        probabilities: ``[patients, classes]``.
        bins: Number of bins a class.
    """
    gaps = []
    for k in range(probabilities.shape[1]):
        predicted, observed, share = calibration_curve(labels == k, probabilities[:, k], bins)
        gaps.append(float(np.sum(share * np.abs(predicted - observed))))
    return float(np.mean(gaps))


def calibration_curve(
    positive: npt.NDArray[np.bool_], probability: npt.NDArray[np.float64], bins: int = 10
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points of a calibration curve in equally filled bins.

    Args:
        positive: Whether each patient belongs to the class.
        probability: Predicted probability of the class.
        bins: Wanted number of bins; fewer where there are fewer patients.

    Returns:
        Mean predicted probability, observed share and share of patients of each bin.
    """
    parts = np.array_split(np.argsort(probability, kind="stable"), min(bins, len(probability)))
    predicted = np.array([probability[part].mean() for part in parts])
    observed = np.array([positive[part].mean() for part in parts])
    return predicted, observed, np.array([len(part) for part in parts]) / len(probability)
