"""What every test may use: the real data, where it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the real scans, slices and cohort; the test skips where it is absent."""
    folder = Path(os.environ.get("COVIDMTL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the real data is not here: {folder} (set COVIDMTL_DATA)")
    return folder
