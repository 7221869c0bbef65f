"""Folds: every case once, patients whole."""

from __future__ import annotations

import numpy as np

from LesionSegLib.training.folds import SAME_PATIENT, deal_folds


def test_every_case_lies_in_exactly_one_fold_and_patients_stay_whole() -> None:
    cases = np.repeat(
        [0, 1, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15, 17, 18], [9, 8, 7, 7, 5, 9, 7, 9, 1, 7, 3, 1, 2, 2, 2]
    )
    folds = deal_folds(cases)
    assert sorted(case for fold in folds for case in fold) == sorted(set(cases.tolist()))
    for group in SAME_PATIENT:
        assert sum(bool(set(group) & set(fold)) for fold in folds) == 1


def test_folds_are_of_similar_size_and_always_the_same() -> None:
    cases = np.repeat(np.arange(20, 40), np.arange(1, 21))
    folds = deal_folds(cases)
    sizes = [int(np.isin(cases, fold).sum()) for fold in folds]
    assert max(sizes) - min(sizes) <= 4
    assert folds == deal_folds(cases[::-1])
