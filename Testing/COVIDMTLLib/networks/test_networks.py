"""The networks: shapes, heads, settings and sizes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from ChestCTLib.errors import InputError
from COVIDMTLLib.networks.build import NetworkSettings, build_network
from COVIDMTLLib.networks.covid_mtl import MultitaskNetwork, TransferLayers
from COVIDMTLLib.networks.feature_network import FeatureNetwork
from COVIDMTLLib.networks.shift3d import Shift3D, ShiftSettings
from COVIDMTLLib.networks.summary import paper_networks, summarise

VOLUME_NETWORKS = ["covid-mtl", "shiftnet3d", "squeezenet3d", "resnet3d", "decovnet"]


def volume(*size, batch=2):
    return torch.randn(batch, 1, *size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("architecture", VOLUME_NETWORKS)
@pytest.mark.parametrize("size", [(32, 40, 40), (33, 47, 51)])
def test_any_input_size_gives_two_two_and_three_outputs(architecture, size):
    network = build_network(NetworkSettings(architecture, width=0.25)).eval()
    logits = network(volume(*size))
    assert {name: tuple(values.shape) for name, values in logits.items()} == {
        "ct": (2, 2),
        "nat": (2, 2),
        "severity": (2, 3),
    }


@pytest.mark.parametrize("architecture", VOLUME_NETWORKS)
def test_every_weight_is_reached_by_the_gradient(architecture):
    network = build_network(NetworkSettings(architecture, width=0.25)).train()
    sum(values.square().sum() for values in network(volume(24, 32, 32)).values()).backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_the_trunk_has_the_channels_of_the_paper():
    network = build_network(NetworkSettings())
    assert network.trunk.stem[0].out_channels == 64
    fires = [layer for layer in network.trunk.layers if type(layer).__name__ == "Fire"]
    assert [2 * fire.expand1[0].out_channels for fire in fires] == [128, 128, 256, 256, 384, 384, 512, 512]
    assert [fire.bypass for fire in fires] == [False, True] * 4
    assert network.tasks["ct"].maps[0].p == 0.3


def test_only_shift_networks_shift():
    for architecture, expected in [("covid-mtl", 1), ("shiftnet3d", 1), ("squeezenet3d", 0)]:
        network = build_network(NetworkSettings(architecture, width=0.25))
        assert sum(isinstance(module, Shift3D) for module in network.modules()) == expected


def test_shiftnet_without_shifts_computes_what_squeezenet_computes():
    plain = build_network(NetworkSettings("squeezenet3d", width=0.25)).eval()
    shift = build_network(NetworkSettings("shiftnet3d", width=0.25)).eval()
    for target, source in zip(shift.parameters(), plain.parameters(), strict=True):
        target.data.copy_(source.data)
    x = volume(24, 32, 32)
    assert torch.allclose(plain(x)["severity"], shift(x)["severity"])


def test_lung_features_change_every_task_and_are_asked_for():
    network = build_network(NetworkSettings(width=0.25, n_features=375)).eval()
    x = volume(24, 32, 32)
    first, second = network(x, torch.zeros(2, 375)), network(x, torch.ones(2, 375))
    assert all(not torch.allclose(first[name], second[name]) for name in first)
    with pytest.raises(InputError, match="needs lung features"):
        network(x)
    with pytest.raises(InputError, match="takes no lung features"):
        build_network(NetworkSettings(width=0.25))(x, torch.zeros(2, 375))


def test_the_feature_network_has_the_layers_of_the_paper():
    network = build_network(NetworkSettings("features", n_features=375))
    assert isinstance(network, FeatureNetwork)
    sizes = [(layer.in_features, layer.out_features) for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert sizes == [(375, 256), (256, 128), (128, 64), (64, 32), (32, 2), (32, 2), (32, 3)]
    assert network(torch.zeros(4, 375))["severity"].shape == (4, 3)


def test_class_maps_average_to_the_logits():
    network = build_network(NetworkSettings(width=0.25)).eval()
    x = volume(32, 40, 40)
    shared = network.trunk(x)
    for name, layers in network.tasks.items():
        means = layers.class_maps(shared).mean(dim=(2, 3, 4)) + layers.head.bias
        assert torch.allclose(means, network(x)[name], atol=1e-5)
    assert network.explains_linearly


def test_new_fully_connected_layers_are_not_explained_linearly():
    network = build_network(NetworkSettings(width=0.25))
    assert isinstance(network, MultitaskNetwork)
    network.tasks["severity"] = TransferLayers(network.trunk.n_out, 3)
    assert not network.explains_linearly
    assert network(volume(24, 32, 32))["severity"].shape == (2, 3)


def test_weights_start_with_the_variance_of_he():
    network = build_network(NetworkSettings())
    weight = network.trunk.layers[-1].expand3[0].weight
    fan_out = weight.shape[0] * 27
    assert weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.02)
    assert network.trunk.stem[0].bias.abs().max() == 0


def test_settings_come_back_from_json():
    settings = NetworkSettings(
        "shiftnet3d", ("nat",), 0.5, (True, False, False), 0, ShiftSettings(chance=0.4, padding=0.0)
    )
    assert NetworkSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


def test_unknown_networks_and_tasks_are_named():
    with pytest.raises(InputError, match="vgg"):
        NetworkSettings("vgg")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="age"):
        NetworkSettings(tasks=("age",))
    with pytest.raises(InputError, match="needs their number"):
        NetworkSettings("features")


def test_the_summary_counts_a_convolution_as_by_hand():
    small = NetworkSettings("squeezenet3d", ("ct",), pools=(False, False, False))
    doubled = summarise(small, (16, 16, 32)).multiply_adds - summarise(small, (16, 16, 16)).multiply_adds
    single = summarise(small, (16, 16, 16))
    heads = 32 * 2
    # everything but the head's linear layer scales with the volume
    assert doubled == single.multiply_adds - heads
    assert single.parameters == sum(weight.numel() for weight in build_network(small).parameters())


def test_three_tasks_cost_hardly_more_than_one():
    one, three = summarise(NetworkSettings("shiftnet3d", ("ct",))), summarise(NetworkSettings())
    assert three.multiply_adds < 1.01 * one.multiply_adds
    assert three.parameters < 1.03 * one.parameters


def test_squeezenet_is_the_small_one_and_resnet_the_large_one():
    sizes = {s.architecture: summarise(s) for s in paper_networks() if not s.n_features}
    assert sizes["squeezenet3d"].parameters < 2e6 < 60e6 < sizes["resnet3d"].parameters
    assert sizes["squeezenet3d"].multiply_adds < sizes["decovnet"].multiply_adds < sizes["resnet3d"].multiply_adds


def test_width_and_pools_are_checked():
    with pytest.raises(InputError, match="width is 9"):
        build_network(replace(NetworkSettings(), width=9))
    with pytest.raises(InputError, match="three pools"):
        build_network(replace(NetworkSettings(), pools=(True,)))  # type: ignore[arg-type]
