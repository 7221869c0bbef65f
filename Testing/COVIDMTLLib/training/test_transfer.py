"""Transfer of a trained trunk to another task."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ChestCTLib.errors import InputError
from COVIDMTLLib.networks.build import NetworkSettings
from COVIDMTLLib.networks.shift3d import ShiftSettings
from COVIDMTLLib.training.engine import load_trained, train
from COVIDMTLLib.training.settings import TrainSettings
from COVIDMTLLib.training.transfer import transfer

TWO_TASKS = NetworkSettings(
    tasks=("ct", "nat"), width=0.25, pools=(False, False, False), shift=ShiftSettings(chance=1.0)
)
QUICK = TrainSettings(epochs=1, batch=4, device="cpu")


def tensors(module):
    return {name: value for name, value in module.state_dict().items() if isinstance(value, torch.Tensor)}


def test_the_trunk_stays_and_the_new_layers_learn(tmp_path, toy_cases, toy_input):
    cases = toy_cases(6)
    source = train(TWO_TASKS, toy_input, QUICK, cases, [], tmp_path / "two")
    before = {name: value.clone() for name, value in tensors(source.network.trunk).items()}
    for keep in (True, False):
        found = transfer(source, replace(QUICK, epochs=2), cases, cases, tmp_path / f"s{keep}", keep_shift=keep)
        after = tensors(found.network.trunk)
        assert all(torch.equal(before[name], after[name]) for name in before)  # weights and running statistics
        assert set(found.network.tasks) == {"severity"}
        head = found.network.tasks["severity"].layers[0].weight
        assert head.shape == (128, 512 * 0.25)
        again = load_trained(tmp_path / f"s{keep}")
        assert torch.equal(again.network.tasks["severity"].layers[0].weight, head)
    assert source.network_settings.tasks == ("ct", "nat")


def test_shift3d_goes_on_shifting_only_when_asked(tmp_path, toy_cases, toy_input):
    source = train(TWO_TASKS, toy_input, QUICK, toy_cases(4), [], tmp_path / "two")
    x = torch.randn(4, 1, 24, 16, 24)
    for keep in (True, False):
        settings = replace(QUICK, epochs=1)
        network = transfer(source, settings, toy_cases(4), [], tmp_path / str(keep), keep_shift=keep).network.train()
        first, second = network.trunk(x), network.trunk(x)
        assert torch.equal(first, second) != keep


def test_a_network_with_lung_features_is_not_transferred(tmp_path, toy_cases, toy_input):
    cases = toy_cases(4, with_features=True)
    source = train(replace(TWO_TASKS, n_features=5), toy_input, QUICK, cases, [], tmp_path / "two")
    with pytest.raises(InputError, match="volumes only"):
        transfer(source, QUICK, cases, [], tmp_path / "severity")
