"""The Qt host and phantoms for the tests of the LesionSeg module."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

TESTING = Path(__file__).resolve().parents[1]
for folder in (TESTING, TESTING.parent / "LungRefine", TESTING.parent / "LesionSeg"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from QtHost.fixture import host, host_of_session  # noqa: E402, F401  (fixtures)
from QtHost.lesion_panel import add_labels, settled, text  # noqa: E402

from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS  # noqa: E402
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom  # noqa: E402
from ChestCTMRML.volumes import add_volume  # noqa: E402


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """A coarse COVID-19 phantom: the whole way takes seconds."""
    return make_phantom(PhantomSettings(spacing_mm=(8.0, 5.0, 5.0)))


@pytest.fixture
def measured(host: Any, phantom: Phantom) -> Any:  # noqa: F811
    """The panel with lungs and lesions of the phantom in the scene, measured."""
    volume = add_volume(host.scene, phantom.volume, "phantom")
    lungs = add_labels(host, volume, "phantom lungs", phantom.lungs, LUNG_LABELS)
    lesions = add_labels(host, volume, "phantom lesions", phantom.lesions, LESION_LABELS)
    widget = host.open_module("LesionSeg")
    widget._parameterNode.lungs = lungs
    widget._parameterNode.lesions = lesions
    settled(host, widget)
    assert widget.logic.measured is not None, text(widget.ui.findingLabel)
    return widget
