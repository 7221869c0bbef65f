"""The reconstruction multitask network and its baselines."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch

from ChestCTLib.errors import InputError
from LesionSegLib.networks.reconstruction_mtl import (
    TASKS,
    EightLayerCNN,
    ReconstructionMTL,
    ReconstructionMTLSettings,
)

ALL_COMBINATIONS = [tasks for size in (1, 2, 3) for tasks in combinations(TASKS, size)]


@pytest.mark.parametrize("tasks", ALL_COMBINATIONS)
def test_every_combination_of_tasks_gives_its_outputs_and_no_others(tasks: tuple) -> None:
    network = ReconstructionMTL(ReconstructionMTLSettings(tasks=tasks, width=0.0625))
    output = network(torch.rand(2, 1, 32, 48))
    for task, expected in zip(TASKS, ((2, 1, 32, 48), (2, 1, 32, 48), (2,)), strict=True):
        found = getattr(output, task)
        assert (found is None) if task not in tasks else tuple(found.shape) == expected


def test_the_paper_s_width_runs_from_64_to_1024_in_ten_convolutions() -> None:
    network = ReconstructionMTL(ReconstructionMTLSettings())
    convolutions = [m for m in network.encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 10
    assert (convolutions[0].out_channels, convolutions[-1].out_channels) == (64, 1024)
    dense = [m.out_features for m in network.classify.modules() if isinstance(m, torch.nn.Linear)]
    assert dense == [128, 64, 1]


def test_the_reconstruction_goes_through_the_bottleneck_alone() -> None:
    network = ReconstructionMTL(ReconstructionMTLSettings(tasks=("reconstruction",), width=0.0625)).eval()
    levels = []
    features = torch.rand(1, 1, 32, 32)
    for number, level in enumerate(network.encoder):
        features = level(network.pool(features) if number else features)
        levels.append(features)
    straight = network.reconstruct(levels)
    torch.testing.assert_close(network.reconstruct([torch.zeros_like(f) for f in levels[:-1]] + levels[-1:]), straight)


def test_the_cnn_has_eight_layers_with_weights() -> None:
    network = EightLayerCNN(side=64)
    weighted = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(weighted) == 8
    assert network(torch.rand(3, 1, 64, 64)).classification.shape == (3,)


def test_unknown_tasks_and_odd_sizes_are_refused() -> None:
    with pytest.raises(InputError):
        ReconstructionMTLSettings(tasks=("segmentation", "segmentation"))
    with pytest.raises(InputError, match="multiples of 16"):
        ReconstructionMTL(ReconstructionMTLSettings(width=0.0625))(torch.zeros(1, 1, 30, 32))
    with pytest.raises(InputError):
        EightLayerCNN(side=32)
