"""The Qt host and phantoms for the tests of the LesionSeg module."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[1]
for folder in (TESTING, TESTING.parent / "LungRefine", TESTING.parent / "LesionSeg"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from QtHost.fixture import host, host_of_session  # noqa: E402, F401  (fixtures)

from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom  # noqa: E402


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """A coarse COVID-19 phantom: the whole way takes seconds."""
    return make_phantom(PhantomSettings(spacing_mm=(8.0, 5.0, 5.0)))
