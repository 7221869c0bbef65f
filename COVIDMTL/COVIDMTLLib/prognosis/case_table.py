"""A table of your own cases: outcome, demographics, map features and lesion extents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ChestCTLib.errors import InputError
from COVIDMTLLib.prognosis.feature_sets import table_7
from COVIDMTLLib.prognosis.patients import Patients

MAP_PREFIX, EXTENT_PREFIX = "map_", "extent_"
DEMOGRAPHICS = ("age", "sex")
OUTCOME = "deceased"
CASE_SETS = table_7("map features")


def read_case_table(path: Path) -> Patients:
    """Read a table of cases, one row a scan; a patient's scans are averaged.

    Args:
        path: CSV with ``patient`` and ``deceased`` (0, 1), and any of ``age`` (years), ``sex`` (female, male),
            ``extent_...`` (lesion extent, %) and ``map_...`` (map features), as ``covidmtl intensity-map`` writes them.

    Returns:
        One row a patient; demographics are known where both age and sex are there.

    Raises:
        InputError: The table cannot be used; column or value are named.
    """
    try:
        table = pd.read_csv(path, dtype={"patient": str})
    except (OSError, ValueError) as error:
        raise InputError(f"The table {path.name} cannot be read: {error}.", "Give a CSV with a header.") from error
    missing = [name for name in ("patient", OUTCOME) if name not in table]
    if missing:
        raise InputError(f"The table {path.name} lacks {' and '.join(missing)}.", "Add these columns.")
    if not set(table[OUTCOME]) <= {0, 1}:
        raise InputError(f"{OUTCOME} holds {sorted(set(map(str, table[OUTCOME])))}.", "Use 0 and 1, without gaps.")
    if "sex" in table:
        unknown = set(table["sex"]) - {"female", "male"}
        if unknown:
            raise InputError(f"sex holds {sorted(map(str, unknown))}.", "Use female and male.")
        table["sex"] = (table["sex"] == "male").astype(float)
    if table["patient"].isna().any():
        raise InputError(f"A row of {path.name} names no patient.", "Name each, or leave the row out.")
    numbers = _numbers(table, path)
    if (numbers.groupby(table["patient"])[OUTCOME].nunique() > 1).any():
        raise InputError("A patient has two outcomes.", "Give each patient one.")
    return _patients(numbers.groupby(table["patient"]).mean())


def _numbers(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    kept = [c for c in table if c in (*DEMOGRAPHICS, OUTCOME) or c.startswith((MAP_PREFIX, EXTENT_PREFIX))]
    try:
        numbers = table[kept].astype(float)
    except ValueError as error:
        raise InputError(f"A feature in {path.name} is no number: {error}.", "Leave such rows out.") from error
    gaps = numbers.columns[~np.isfinite(numbers).all()]
    if len(gaps):
        raise InputError(f"{gaps[0]} has gaps.", "Leave the patients out, or fill them.")
    return numbers


def _patients(table: pd.DataFrame) -> Patients:
    demographics = list(DEMOGRAPHICS) if set(DEMOGRAPHICS) <= set(table) else []
    return Patients(
        table[OUTCOME].to_numpy(dtype=np.int64),
        table[[c for c in table if c.startswith(MAP_PREFIX)]].to_numpy(),
        table[demographics].to_numpy(),
        table[[c for c in table if c.startswith(EXTENT_PREFIX)]].to_numpy(),
    )
