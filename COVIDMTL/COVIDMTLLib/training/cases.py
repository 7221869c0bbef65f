"""Prepared cases: the crop a network sees on disk, with its labels; and how cases are split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.tasks import MISSING_LABEL, TASK_BY_NAME

JITTER_SHARE = 0.05  # the crop may move by so much of its size to either side while training
Split = str  # "train", "validation" or "test"


@dataclass(frozen=True)
class PreparedCase:
    """A case ready for training or evaluation.

    Attributes:
        id: Name of the case, unique in its table.
        intensities: ``.npy`` file: int16 ``[z, y, x]`` of :func:`padded_size`, lung-masked HU + 1024 in 0..2000.
        labels: Class number by task; a task may be missing.
        features: Lung features as they were read, not standardised; empty without.
        split: "train", "validation" or "test"; empty if the table names none.
        group: Cases of one group (a patient) are never divided between splits; the id where none is given.
    """

    id: str
    intensities: Path
    labels: dict[str, int] = field(default_factory=dict)
    features: tuple[float, ...] = ()
    split: Split = ""
    group: str = ""

    def __post_init__(self) -> None:
        for name, label in self.labels.items():
            task = TASK_BY_NAME.get(name)
            if task is None or (label != MISSING_LABEL and not 0 <= label < task.n_classes):
                raise InputError(f"Case {self.id} has the label {label} for '{name}'.", "Use the task's class numbers.")


def jitter(settings: InputSettings) -> tuple[int, int, int]:
    """How far the crop may move to either side along z, y, x, voxels."""
    z, y, x = (max(1, round(JITTER_SHARE * number)) for number in settings.size)
    return z, y, x


def padded_size(settings: InputSettings) -> tuple[int, int, int]:
    """Size of a prepared array: the network's crop and the room to move it."""
    z, y, x = (number + 2 * move for number, move in zip(settings.size, jitter(settings), strict=True))
    return z, y, x


def split_cases(
    cases: Sequence[PreparedCase], seed: int, validation_share: float = 0.15, test_share: float = 0.15
) -> dict[Split, list[PreparedCase]]:
    """Divide cases into train, validation and test.

    Cases keep the split their table names. Where it names none at all, groups are drawn at random, so that cases of
    one patient stay together.

    Args:
        cases: All cases.
        seed: Of the draw.
        validation_share: Share of the groups for choosing, if drawn.
        test_share: Share of the groups for reporting, if drawn.

    Returns:
        Cases by split; validation and test may be empty when named so.

    Raises:
        InputError: Only some cases name a split, a name is unknown, a group is divided, or nothing is left to train.
    """
    result: dict[Split, list[PreparedCase]] = {"train": [], "validation": [], "test": []}
    named = [case for case in cases if case.split]
    if named and len(named) != len(cases):
        raise InputError(f"{len(cases) - len(named)} of {len(cases)} cases name no split.", "Name it for all or none.")
    if named:
        for case in cases:
            if case.split not in result:
                raise InputError(f"Case {case.id} has the split '{case.split}'.", "Use train, validation or test.")
            result[case.split].append(case)
    else:
        groups = sorted({case.group or case.id for case in cases})
        order = np.random.default_rng(seed).permutation(len(groups))
        n_validation = round(validation_share * len(groups))
        n_test = round(test_share * len(groups))
        place = {groups[i]: "test" for i in order[:n_test]}
        place |= {groups[i]: "validation" for i in order[n_test : n_test + n_validation]}
        for case in cases:
            result[place.get(case.group or case.id, "train")].append(case)
    _check_split(result)
    return result


def _check_split(split: dict[Split, list[PreparedCase]]) -> None:
    if not split["train"]:
        raise InputError("No case is left to train on.", "Give more cases, or name the split in the table.")
    home: dict[str, Split] = {}
    for name, cases in split.items():
        for case in cases:
            group = case.group or case.id
            if home.setdefault(group, name) != name:
                raise InputError(f"'{group}' is in {home[group]} and in {name}.", "Keep a patient's cases together.")


@dataclass(frozen=True)
class FeatureScale:
    """Standardisation of lung features, learned from training cases only.

    Attributes:
        mean: ``[n_features]``.
        sd: ``[n_features]``, 1 where a feature does not vary.
    """

    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()

    @classmethod
    def fit(cls, train: Sequence[PreparedCase]) -> FeatureScale:
        """Learn from training cases; empty where they have no features.

        Raises:
            InputError: Cases differ in their number of features, or a feature is not finite.
        """
        counts = {len(case.features) for case in train}
        if counts == {0}:
            return cls()
        if len(counts) != 1:
            raise InputError(f"Cases have {sorted(counts)} lung features.", "Give all cases the same features.")
        rows = np.array([case.features for case in train], dtype=np.float64)
        if not np.isfinite(rows).all():
            bad = next(case.id for case in train if not np.isfinite(case.features).all())
            raise InputError(f"Case {bad} has a lung feature that is not a number.", "Leave the case out.")
        sd = rows.std(axis=0)
        return cls(tuple(rows.mean(axis=0).tolist()), tuple(np.where(sd > 0, sd, 1.0).tolist()))

    def apply(self, features: Sequence[float]) -> npt.NDArray[np.float32]:
        """Standardise one case's features.

        Raises:
            InputError: Another number of features than in training.
        """
        if len(features) != len(self.mean):
            raise InputError(f"{len(features)} lung features were given, the model learned {len(self.mean)}.")
        return ((np.asarray(features) - self.mean) / self.sd).astype(np.float32)
