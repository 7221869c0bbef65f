"""Welch's ANOVA, scores, bootstrap and DeLong against known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ChestCTLib.errors import InputError
from COVIDMTLLib.statistics.bootstrap import bootstrap_difference, bootstrap_interval
from COVIDMTLLib.statistics.delong import delong_test
from COVIDMTLLib.statistics.scores import auc, brier, calibration_curve, calibration_error, scores
from COVIDMTLLib.statistics.welch import welch_anova


def test_with_two_groups_welchs_anova_is_the_squared_welch_t_test() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(0, 1, 40), generator.normal(0.5, 3, 25)
    found = welch_anova(np.concatenate([a, b]), np.repeat([0, 1], [40, 25]))
    t = stats.ttest_ind(a, b, equal_var=False)
    assert found.statistic == pytest.approx(t.statistic**2)
    assert found.p == pytest.approx(t.pvalue)
    assert found.df2 == pytest.approx(t.df)


def test_one_group_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="cannot be compared"):
        welch_anova(np.arange(5.0), np.zeros(5, dtype=np.int64))


def test_scores_of_a_hand_made_confusion() -> None:
    labels = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    found = scores(labels, probabilities)
    assert found.accuracy == pytest.approx(0.75)
    assert found.recall == pytest.approx(0.75)
    assert found.precision == pytest.approx(0.75 * 1.0 + 0.25 * 0.5)
    assert found.auc == 1.0


def test_auc_of_three_classes_is_the_mean_of_one_against_rest() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 60)
    probabilities = generator.dirichlet(np.ones(3), 60)
    expected = roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert auc(labels, probabilities) == pytest.approx(expected)


def test_the_brier_score_of_two_classes_is_the_usual_one() -> None:
    labels = np.array([0, 1, 1])
    p = np.array([0.2, 0.6, 0.9])
    assert brier(labels, np.column_stack([1 - p, p])) == pytest.approx(np.mean((p - labels) ** 2))


def test_calibrated_probabilities_have_a_small_calibration_error_and_overconfident_ones_a_large() -> None:
    generator = np.random.default_rng(2)
    p = generator.uniform(0, 1, 4000)
    labels = (generator.uniform(0, 1, 4000) < p).astype(np.int64)
    sharp = np.where(p > 0.5, 0.99, 0.01)
    honest, boastful = (calibration_error(labels, np.column_stack([1 - q, q])) for q in (p, sharp))
    assert honest < 0.04
    assert boastful > 0.2
    predicted, observed, share = calibration_curve(labels == 1, p)
    assert np.abs(predicted - observed).max() < 0.08
    assert share.sum() == pytest.approx(1.0)


def test_the_bootstrap_interval_holds_the_score_and_narrows_with_more_patients() -> None:
    widths = []
    for n in (60, 600):
        generator = np.random.default_rng(3)
        labels = np.repeat([0, 1], n // 2)
        values = labels + generator.normal(0, 1.2, n)
        low, high = bootstrap_interval(
            lambda rows, labels=labels, values=values: float(roc_auc_score(labels[rows], values[rows])), labels, 200
        )
        assert low < roc_auc_score(labels, values) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_the_paired_bootstrap_sees_a_better_classifier_and_not_a_difference_to_itself() -> None:
    generator = np.random.default_rng(4)
    labels = np.repeat([0, 1], 100)
    good, bad = labels + generator.normal(0, 0.5, 200), generator.normal(0, 1, 200)

    def area(values: np.ndarray):  # type: ignore[no-untyped-def]
        return lambda rows: float(roc_auc_score(labels[rows], values[rows]))

    low, _, p = bootstrap_difference(area(good), area(bad), labels, 200)
    assert low > 0
    assert p < 0.05
    assert bootstrap_difference(area(good), area(good), labels, 50) == (0.0, 0.0, 1.0)


def test_delong_agrees_with_sklearn_on_the_areas_and_with_resampling_on_the_interval() -> None:
    generator = np.random.default_rng(5)
    positive = np.repeat([False, True], [120, 80])
    first = positive + generator.normal(0, 1, 200)
    second = positive * 0.5 + generator.normal(0, 1, 200)
    found = delong_test(positive, first, second)
    assert found.aucs == pytest.approx((roc_auc_score(positive, first), roc_auc_score(positive, second)))
    low, high, _ = bootstrap_difference(
        lambda rows: auc(positive[rows].astype(np.int64), np.column_stack([-first, first])[rows]),
        lambda rows: auc(positive[rows].astype(np.int64), np.column_stack([-second, second])[rows]),
        positive.astype(np.int64),
        600,
    )
    assert found.interval == pytest.approx((low, high), abs=0.03)


def test_delong_finds_no_difference_between_a_score_and_itself() -> None:
    positive = np.repeat([False, True], 10)
    values = np.arange(20.0)
    found = delong_test(positive, values, values)
    assert (found.difference, found.p) == (0.0, 1.0)


def test_delong_keeps_its_level_when_the_classifiers_are_equally_good() -> None:
    rejected = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        positive = np.repeat([False, True], 60)
        common = positive + generator.normal(0, 1, 120)
        first, second = (common + generator.normal(0, 0.7, 120) for _ in range(2))
        rejected += delong_test(positive, first, second).p < 0.05
    assert 1 <= rejected <= 22  # 10 expected
