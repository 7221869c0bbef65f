"""A volume through a network: weights written and read, probabilities, maps on the scan's grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ChestCTLib.errors import InputError, ModelError
from ChestCTLib.models import ModelCard
from ChestCTLib.phantom import PhantomSettings, make_phantom
from COVIDMTLLib.assessment import assess, classify_volume
from COVIDMTLLib.network_input import InputSettings, network_input
from COVIDMTLLib.networks.build import NetworkSettings, build_network
from COVIDMTLLib.training.cases import FeatureScale
from COVIDMTLLib.training.engine import TrainedNetwork
from COVIDMTLLib.training.weights import export_network, load_exported

GRID = InputSettings((8.0, 8.0, 8.0), (44, 28, 40))
CARD = ModelCard("small", "Small", "mtl", "small.safetensors", "", "synthetic", "", "", "", "", "", "")


def untrained(settings=None):
    torch.manual_seed(0)
    settings = settings or NetworkSettings(width=0.25, pools=(True, False, False))
    network = build_network(settings)
    return TrainedNetwork(network.eval(), settings, GRID, FeatureScale(), 0)


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(PhantomSettings(seed=4, spacing_mm=(8.0, 5.0, 5.0)))


def test_shipped_weights_answer_as_the_network_did(tmp_path, phantom):
    trained = untrained()
    card = export_network(trained, CARD, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"small.safetensors", "small.json"}
    back = load_exported(tmp_path / card.file, card)
    crop = network_input(phantom.volume, phantom.lungs, GRID)
    first, second = assess(crop, trained, card), assess(crop, back, card)
    for task, found in first.tasks.items():
        # float16 keeps about three digits
        assert second.tasks[task].probabilities == pytest.approx(found.probabilities, abs=5e-3)
        assert np.abs(second.tasks[task].cam - found.cam).max() < 0.05


def test_weights_of_another_network_are_refused(tmp_path):
    card = export_network(untrained(), CARD, tmp_path)
    other = NetworkSettings("resnet3d", width=0.25).as_dict()
    with pytest.raises(ModelError, match="small"):
        load_exported(tmp_path / card.file, replace(card, settings=card.settings | {"network": other}))
    (tmp_path / card.file).write_bytes(b"damaged")
    with pytest.raises(ModelError, match="small"):
        load_exported(tmp_path / card.file, card)


def test_three_tasks_get_probabilities_and_maps_on_the_scans_own_grid(phantom):
    crop = network_input(phantom.volume, phantom.lungs, GRID)
    found = assess(crop, untrained(), CARD)
    assert found.evidence == "synthetic"
    assert found.model_id == "small"
    assert list(found.tasks) == ["ct", "nat", "severity"]
    for one in found.tasks.values():
        assert sum(one.probabilities) == pytest.approx(1.0, abs=1e-5)
        assert len(one.probabilities) == len(one.classes)
        assert one.cam.shape == phantom.volume.shape
        assert one.cam.dtype == np.float32
        assert one.cam.min() == 0
        assert one.cam.max() in (0.0, 1.0)
        assert not one.cam[phantom.lungs == 0].any()
    assert any(one.cam.any() for one in found.tasks.values())


def test_a_network_without_a_linear_head_gets_grad_cam(phantom):
    crop = network_input(phantom.volume, phantom.lungs, GRID)
    found = assess(crop, untrained(NetworkSettings("decovnet")), CARD)
    assert found.tasks["severity"].cam.shape == phantom.volume.shape


def test_lungs_beyond_the_networks_view_are_warned_of(phantom):
    trained = untrained()
    narrow = InputSettings((8.0, 8.0, 8.0), (24, 28, 40))
    crop = network_input(phantom.volume, phantom.lungs, narrow)
    found = assess(crop, replace(trained, input_settings=narrow), CARD)
    assert found.coverage < 0.9
    assert "of the lungs" in found.warnings[0]


def test_networks_over_features_take_no_volume(phantom):
    crop = network_input(phantom.volume, phantom.lungs, GRID)
    with pytest.raises(InputError, match="takes no volumes"):
        assess(crop, untrained(NetworkSettings("features", n_features=3)), CARD)


def test_the_shipped_network_classifies_a_phantom_and_says_what_it_learned_from(phantom):
    steps = []
    found = classify_volume(phantom.volume, phantom.lungs, "cpu", progress=lambda share, step: steps.append(share))
    assert found.evidence == "synthetic"
    assert found.coverage > 0.95
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    assert all(one.cam.shape == phantom.volume.shape for one in found.tasks.values())
    with pytest.raises(ModelError, match="no-such"):
        classify_volume(phantom.volume, phantom.lungs, "cpu", model_id="no-such")


@pytest.mark.slow
def test_the_shipped_network_tells_covid_from_none_on_new_phantoms():
    probabilities = {}
    for diagnosis in ("covid", "none"):
        made = [
            make_phantom(PhantomSettings(seed=9_000_000 + n, diagnosis=diagnosis, spacing_mm=(4.0, 3.5, 3.5)))
            for n in range(4)
        ]
        probabilities[diagnosis] = [
            classify_volume(one.volume, one.lungs, "cpu").tasks["ct"].probabilities[1] for one in made
        ]
    assert min(probabilities["covid"]) > max(probabilities["none"])
