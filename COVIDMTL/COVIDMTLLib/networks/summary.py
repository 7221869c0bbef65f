"""Parameters and multiply-adds of a network, counted without computing anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from COVIDMTLLib.networks.build import NetworkSettings, build_network

PAPER_SIZE = (200, 250, 250)  # voxels (z, y, x) of 1 mm, Section 5.1


@dataclass(frozen=True)
class NetworkSummary:
    """Size of a network.

    Attributes:
        architecture: Its name.
        tasks: The tasks it answers.
        parameters: Learned numbers.
        multiply_adds: Multiplications with addition in convolutions and linear layers, for one volume.
        size: Input size (z, y, x), voxels.
    """

    architecture: str
    tasks: tuple[str, ...]
    parameters: int
    multiply_adds: int
    size: tuple[int, int, int]


def summarise(settings: NetworkSettings, size: tuple[int, int, int] = PAPER_SIZE) -> NetworkSummary:
    """Count parameters and multiply-adds of one inference.

    Args:
        settings: The network.
        size: Input size (z, y, x), voxels.
    """
    count = 0

    def add(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal count
        if isinstance(module, nn.Conv3d):
            each = module.in_channels // module.groups * math.prod(module.kernel_size)
            count += output.numel() * each
        elif isinstance(module, nn.Linear):
            count += output.numel() * module.in_features

    with torch.device("meta"), torch.no_grad():
        network = build_network(settings).eval()
        for module in network.modules():
            module.register_forward_hook(add)
        features = torch.empty(1, settings.n_features) if settings.n_features else None
        if settings.architecture == "features":
            network(features)
        else:
            network(torch.empty(1, 1, *size), features)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return NetworkSummary(settings.architecture, settings.tasks, parameters, count, size)


def paper_networks() -> list[NetworkSettings]:
    """The networks of Tables 3 and 4, each as it was compared: single-task ones with one task."""
    return [
        NetworkSettings("resnet3d", ("ct",)),
        NetworkSettings("decovnet", ("ct",)),
        NetworkSettings("squeezenet3d", ("ct",)),
        NetworkSettings("shiftnet3d", ("ct",)),
        NetworkSettings("covid-mtl"),
        NetworkSettings("covid-mtl", n_features=375),
        NetworkSettings("features", n_features=375),
    ]
