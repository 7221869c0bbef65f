"""Folds by patient: slices of one patient never lie on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# The cases of the exported covid19_ct_seg were inferred from the order of its slices. Looking at them: 10 and 11 are
# two reconstructions of one scan, and the border between 13 and 14 cuts through a scan. They stay together.
SAME_PATIENT: tuple[tuple[int, ...], ...] = ((10, 11, 13, 14),)


def deal_folds(cases: Sequence[int] | npt.NDArray[np.integer], folds: int = 5) -> list[tuple[int, ...]]:
    """Deal cases to folds of similar size, patients kept whole; no randomness.

    Args:
        cases: The case of every slice.
        folds: Number of folds.

    Returns:
        The cases of each fold, sorted: the largest patients first, dealt forwards and backwards in turn.
    """
    counts = {int(case): int(n) for case, n in zip(*np.unique(np.asarray(cases), return_counts=True), strict=True)}
    together = [tuple(case for case in group if case in counts) for group in SAME_PATIENT]
    grouped = {case for group in together for case in group}
    patients = [group for group in together if group] + [(case,) for case in counts if case not in grouped]
    patients.sort(key=lambda group: (-sum(counts[case] for case in group), group))
    dealt: list[list[int]] = [[] for _ in range(folds)]
    for number, group in enumerate(patients):
        turn, place = divmod(number, folds)
        dealt[place if turn % 2 == 0 else folds - 1 - place].extend(group)
    return [tuple(sorted(fold)) for fold in dealt]
