"""Read the released cohort: features, labels and the published split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import train_test_split

from ChestCTLib.errors import InputError
from COVIDMTLLib.radiomics.definition import FEATURE_NAMES
from COVIDMTLLib.tasks import TASKS

FEATURES_FILE = "features.csv.gz"
LABELS_FILE = "labels.csv"
TEST_SHARE = 0.30  # of the published split, stratified by the nucleic acid test
PUBLISHED_SEED = 11  # ``random_state`` of the published split
LABEL_COLUMNS = ("age", "sex", "nat", "ct", "severity", "outcome", "split")


@dataclass(frozen=True)
class Cohort:
    """Patients, features and labels; row numbers count the rows of ``features``.

    Attributes:
        features: Float64 ``[patients, 375]`` with the cohort's column names.
        labels: One row a patient: age, sex, the three tasks, outcome, split.
        train: Row numbers of the 930 training patients, in the order of the published split. The order matters: a
            random forest draws its bootstrap samples by position.
        test: Row numbers of the 399 test patients, likewise.
    """

    features: pd.DataFrame
    labels: pd.DataFrame
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]

    def values(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Features of some rows, ``[rows, 375]``."""
        return self.features.to_numpy(dtype=np.float64)[rows]

    def task(self, name: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Class numbers of some rows in one task."""
        return self.labels[name].to_numpy(dtype=np.int64)[rows]

    def demographics(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Age in years and sex (1 male, 0 female) of some rows, ``[rows, 2]``."""
        male = (self.labels["sex"] == "Male").to_numpy(dtype=np.float64)
        return np.column_stack([self.labels["age"].to_numpy(dtype=np.float64), male])[rows]


def read_cohort(folder: str | Path) -> Cohort:
    """Read and check the cohort.

    Args:
        folder: Holds ``features.csv.gz`` and ``labels.csv``.

    Returns:
        The cohort; the published split is drawn again and compared with the one in the file.

    Raises:
        InputError: A file is missing, has other columns or patients, or another split.
    """
    folder = Path(folder)
    features = _read(folder / FEATURES_FILE)
    labels = _read(folder / LABELS_FILE)
    _check_columns(features, FEATURE_NAMES, FEATURES_FILE)
    _check_columns(labels, LABEL_COLUMNS, LABELS_FILE)
    if set(features.index) != set(labels.index) or not features.index.is_unique:
        raise InputError(f"{FEATURES_FILE} and {LABELS_FILE} hold different patients.", "Use the released files.")
    labels = labels.loc[features.index]
    features = features[list(FEATURE_NAMES)].astype(np.float64)
    if not np.isfinite(features.to_numpy()).all():
        raise InputError(f"{FEATURES_FILE} holds values that are not numbers.", "Use the released files.")
    for task in TASKS:
        if not set(labels[task.name]) <= set(range(task.n_classes)):
            raise InputError(f"{LABELS_FILE} holds unknown classes of '{task.name}'.", "Use the released files.")
    train, test = published_split(labels["nat"].to_numpy(dtype=np.int64))
    written = np.flatnonzero((labels["split"] == "train").to_numpy())
    if set(train.tolist()) != set(written.tolist()):
        raise InputError(f"The split in {LABELS_FILE} is not the published one.", "Use the released files.")
    return Cohort(features, labels, train, test)


def published_split(
    nat: npt.NDArray[np.int64], seed: int = PUBLISHED_SEED
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row numbers of training and test patients: 70 / 30, stratified by the nucleic acid test (section 3).

    Args:
        nat: The nucleic acid test of each patient.
        seed: 11 for the published split, others to see how much the split matters.
    """
    train, test = train_test_split(np.arange(len(nat)), stratify=nat, test_size=TEST_SHARE, random_state=seed)
    return train, test


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"The cohort's {path.name} is not in '{path.parent.name}'.", "Give the folder that holds it.")
    try:
        table = pd.read_csv(path)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path.name} cannot be read: {error}.", "Use the released files.") from error
    _check_columns(table, ("pid",), path.name)
    return table.set_index("pid")


def _check_columns(table: pd.DataFrame, wanted: tuple[str, ...], name: str) -> None:
    missing = [column for column in wanted if column not in table.columns]
    if missing:
        raise InputError(f"{name} lacks {len(missing)} columns, such as '{missing[0]}'.", "Use the released files.")
