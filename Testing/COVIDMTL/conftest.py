"""The Qt host and phantoms for the tests of the COVIDMTL module."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

TESTING = Path(__file__).resolve().parents[1]
for folder in (TESTING, *(TESTING.parent / name for name in ("LungRefine", "LesionSeg", "COVIDMTL"))):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from QtHost.fixture import host, host_of_session  # noqa: E402, F401  (fixtures)
from QtHost.lesion_panel import add_labels  # noqa: E402

from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS  # noqa: E402
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom  # noqa: E402
from ChestCTMRML.volumes import add_volume  # noqa: E402


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """A coarse COVID-19 phantom: the whole way takes seconds."""
    return make_phantom(PhantomSettings(spacing_mm=(8.0, 5.0, 5.0)))


@pytest.fixture
def panel(host: Any, phantom: Phantom) -> Any:  # noqa: F811
    """The panel with the phantom as input, set to the quickest whole case."""
    add_volume(host.scene, phantom.volume, "phantom")
    widget = host.open_module("COVIDMTL")
    widget._parameterNode.lesionMethod = "hu-bands"
    widget._parameterNode.lungFeatures = False
    return widget


@pytest.fixture
def masked(host: Any, phantom: Phantom, panel: Any) -> Any:  # noqa: F811
    """The panel with the phantom's own lungs and lesions chosen as well."""
    volume = panel._parameterNode.inputVolume
    for name, array, labels in (("lungs", phantom.lungs, LUNG_LABELS), ("lesions", phantom.lesions, LESION_LABELS)):
        setattr(panel._parameterNode, name, add_labels(host, volume, f"phantom {name}", array, labels))
    return panel
