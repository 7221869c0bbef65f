"""The released cohort's known outcomes: 605 patients, 18 of whom died; lesion extents are not in the cohort."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ChestCTLib.errors import InputError
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.prognosis.feature_sets import LUNG_FEATURES, FeatureSet, table_7
from COVIDMTLLib.prognosis.patients import Patients

COHORT_SETS = tuple(inputs for inputs in table_7(LUNG_FEATURES) if not inputs.extent)
"""The rows of Table 7 that the cohort alone allows."""


def known_outcomes(cohort: Cohort) -> npt.NDArray[np.int64]:
    """Row numbers of the patients whose outcome is known."""
    return np.flatnonzero(cohort.labels["outcome"].isin(["Cured", "Deceased"]).to_numpy())


def cohort_sets(with_extent: bool) -> tuple[FeatureSet, ...]:
    """The rows of Table 7, with those of the lesion extent where it is given."""
    return table_7(LUNG_FEATURES) if with_extent else COHORT_SETS


def cohort_patients(
    cohort: Cohort, rows: npt.NDArray[np.int64] | None = None, extent: Mapping[int, tuple[float, ...]] | None = None
) -> Patients:
    """Patients of the cohort with their outcome.

    Args:
        cohort: The cohort.
        rows: Their row numbers, all of known outcome; all those of the cohort if not given.
        extent: Lesion extents by patient number; if given, only patients that have one.

    Raises:
        InputError: Too few of them died or survived.
    """
    rows = known_outcomes(cohort) if rows is None else rows
    numbers = cohort.labels.index.to_numpy()
    if extent is not None:
        rows = np.array([row for row in rows if int(numbers[row]) in extent], dtype=np.int64)
    lesions = [extent[int(numbers[row])] for row in rows] if extent else []
    died = (cohort.labels["outcome"].iloc[rows] == "Deceased").to_numpy(dtype=np.int64)
    extents = np.array(lesions, dtype=np.float64).reshape(len(rows), -1) if lesions else np.empty((len(rows), 0))
    return Patients(died, cohort.values(rows), cohort.demographics(rows), extents)


def read_extents(path: Path) -> dict[int, tuple[float, ...]]:
    """Lesion extents by patient number from a CSV file with the column ``pid`` and one column a lesion type, in %.

    A patient's scans, one row each, are averaged.

    Raises:
        InputError: The file is missing or holds something else.
    """
    try:
        table = pd.read_csv(path).astype(float)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} holds no lesion extents: {error}.", "Give a CSV file with pid and %.") from error
    if "pid" not in table or table.shape[1] < 2:
        raise InputError(f"{path.name} has the columns {', '.join(table)}.", "It needs pid and lesion types in %.")
    if table.empty or not np.isfinite(table.to_numpy()).all():
        raise InputError(f"{path.name} has missing lesion extents.", "Leave such patients out.")
    means = table.groupby("pid").mean()
    return {int(pid): tuple(values) for pid, values in zip(means.index, means.to_numpy().tolist(), strict=True)}
