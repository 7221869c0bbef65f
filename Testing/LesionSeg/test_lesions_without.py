"""Lesion Seg with something missing: weights, a GPU, a CT; and a scene that comes back with the same picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from QtHost.case_panel import errors, in_children, own_lesion_model, pictures, without_files
from QtHost.lesion_panel import RUN_LIMIT_S, nodes_of, settled, text

from ChestCTLib.models import OWN_MODELS, list_models
from ChestCTLib.phantom import Phantom
from ChestCTMRML import scene_file
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.volumes import add_volume

SAME_PICTURE = 2.0  # mean difference of grey values, of 255; a hidden overlay makes more


def _apply(host: Any, widget: Any) -> None:
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    host.settle()


@pytest.mark.slow
def test_own_weights_that_are_damaged_or_gone_are_told_and_nothing_changes(
    host: Any, measured: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = own_lesion_model(tmp_path)
    with weights.open("ab") as stream:
        stream.write(b"x")
    monkeypatch.setenv(OWN_MODELS, str(tmp_path))
    widget = host.open_module("LesionSeg")  # it lists the methods that there are
    settled(host, widget)
    before = nodes_of(host.scene)
    widget._parameterNode.method = "own"
    _apply(host, widget)
    assert "weights of 'own' are damaged" in errors(host)[-1] and "again" in errors(host)[-1]
    weights.unlink()
    _apply(host, widget)
    assert "no model 'own'" in errors(host)[-1] and nodes_of(host.scene) == before
    assert widget.ui.applyButton.property("enabled")


@pytest.mark.slow
def test_without_the_shipped_weights_hu_bands_take_their_place_and_the_panel_says_so(
    host: Any, measured: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_children(tmp_path, monkeypatch, without_files(*(card.file for card in list_models("lesions"))))
    measured._parameterNode.method = measured._methods[0].id
    measured._parameterNode.lesions = None
    measured.ui.deviceComboBox.setProperty("currentIndex", 1)  # the processor alone
    assert measured._parameterNode.device.name == "cpu"
    _apply(host, measured)
    assert errors(host) == []
    assert "HU bands were used instead" in text(measured.ui.statusLabel)


def test_a_picture_of_another_kind_is_refused_with_a_remedy(host: Any, phantom: Phantom) -> None:
    photo = add_volume(host.scene, phantom.volume, "photo")
    photo.GetImageData().AllocateScalars(3, 3)  # unsigned char, three values a voxel
    widget = host.open_module("LesionSeg")
    widget._parameterNode.method = "hu-bands"
    before = nodes_of(host.scene)
    widget.ui.applyButton.click()
    assert "3 values a voxel" in errors(host)[-1] and "Choose the CT" in errors(host)[-1]
    assert not widget.runner.busy and nodes_of(host.scene) == before


@pytest.mark.slow
def test_a_reopened_scene_shows_the_same_picture(host: Any, measured: Any, tmp_path: Path) -> None:
    measured.ui.reviewButton.click()
    measured.ui.shellCheckBox.click()
    measured.ui.mapCheckBox.click()
    settled(host, measured)
    before = pictures(host)
    assert len(before) == 6 and find_owned(measured._parameterNode.inputVolume, "Periphery.Shell") is not None
    path = tmp_path / "case.mrb"
    scene_file.write_scene(host.scene, path)
    host.clear_scene()
    scene_file.read_scene(host.scene, path)
    settled(host, measured)  # it measures again, which changes nothing
    after = pictures(host)
    for name, picture in before.items():
        assert np.abs(picture - after[name]).mean() < SAME_PICTURE, name
