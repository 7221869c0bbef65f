"""Tables 2 and 3: scores by hand on a few cases, intervals, and patients averaged over their scans."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ChestCTLib.errors import InputError
from COVIDMTLLib.intensity_map.cases import MapCase
from COVIDMTLLib.intensity_map.evaluation import MapEvaluation, evaluate_patients, evaluate_scans

IMAGE = np.zeros((16, 16), dtype=np.float32)


def case(number: int, patient: str, label: int) -> MapCase:
    return MapCase(f"s{number}", patient, label, "test", IMAGE)


LABELS = [0, 0, 0, 1, 1, 2, 2, 2]
CASES = [case(n, f"p{n}", label) for n, label in enumerate(LABELS)]
PROBABILITIES = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.7, 0.2, 0.1],
        [0.1, 0.6, 0.3],  # a COVID-19 scan taken for another pneumonia
        [0.2, 0.7, 0.1],
        [0.1, 0.8, 0.1],
        [0.1, 0.1, 0.8],
        [0.2, 0.2, 0.6],
        [0.1, 0.2, 0.7],
    ]
)


@pytest.fixture(scope="module")
def found() -> MapEvaluation:
    return evaluate_scans(CASES, PROBABILITIES)


def test_scores_agree_with_counting_by_hand(found: MapEvaluation) -> None:
    assert found.accuracy.value == pytest.approx(7 / 8)
    assert found.confusion == ((2, 1, 0), (0, 2, 0), (0, 0, 3))
    covid, cap, normal = found.classes
    assert (covid.count, cap.count, normal.count) == (3, 2, 3)
    assert covid.sensitivity.value == pytest.approx(2 / 3)
    assert covid.specificity.value == 1.0
    assert covid.f1.value == pytest.approx(0.8)
    assert cap.specificity.value == pytest.approx(5 / 6)
    assert cap.accuracy.value == pytest.approx(7 / 8)
    assert cap.auc.value == 1.0
    # the missed scan's 0.1 ties with three of the five others and outranks none
    assert covid.auc.value == pytest.approx((5 + 5 + 1.5) / 15)


def test_the_area_under_the_curve_is_scikit_learns(found: MapEvaluation) -> None:
    for number, scores in enumerate(found.classes):
        truth = np.array(LABELS) == number
        assert scores.auc.value == pytest.approx(roc_auc_score(truth, PROBABILITIES[:, number]))


def test_intervals_hold_their_score_and_stay_within_0_and_1(found: MapEvaluation) -> None:
    for scores in found.classes:
        for estimate in (scores.accuracy, scores.auc, scores.sensitivity, scores.specificity, scores.f1):
            assert estimate.value is not None and estimate.interval is not None
            low, high = estimate.interval
            assert 0 <= low <= estimate.value + 1e-9 <= high + 2e-9 <= 1 + 1e-6


def test_a_class_that_is_absent_has_no_sensitivity_instead_of_zero() -> None:
    kept = [n for n, label in enumerate(LABELS) if label == 0]
    without = evaluate_scans([CASES[n] for n in kept], PROBABILITIES[kept])
    cap = without.classes[1]
    assert cap.count == 0
    assert cap.sensitivity.value is None
    assert cap.auc.value is None
    assert without.table().rows[3][4] is None


def test_a_patient_is_judged_by_the_mean_of_the_scans() -> None:
    cases = [case(0, "a", 0), case(1, "a", 0), case(2, "b", 2)]
    probabilities = np.array([[0.9, 0.1, 0.0], [0.3, 0.6, 0.1], [0.0, 0.2, 0.8]])
    assert evaluate_scans(cases, probabilities).accuracy.value == pytest.approx(2 / 3)
    patients = evaluate_patients(cases, probabilities)
    assert patients.count == 2
    assert patients.accuracy.value == 1.0
    with pytest.raises(InputError, match="'a' have 2 labels"):
        evaluate_patients([case(0, "a", 0), case(1, "a", 1)], probabilities[:2])


def test_no_case_is_refused() -> None:
    with pytest.raises(InputError, match="no case"):
        evaluate_scans([], np.zeros((0, 3)))


def test_the_table_has_the_papers_rows_and_a_percent_for_each_class_with_its_interval(
    found: MapEvaluation,
) -> None:
    table = found.table()
    assert [row[0] for row in table.rows] == ["Accuracy", "Area under ROC", "Specificity", "Sensitivity", "F1 score"]
    assert len(table.columns) == 10
    assert table.rows[3][1] == 66.7
