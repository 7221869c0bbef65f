"""InceptionResNetV2 (Szegedy et al. 2017) for intensity maps, as the paper trains it (Section 3.3).

Layer for layer the network that Keras ships, which the authors used, with two settings more: the number of input
channels (a map has one) and a width factor, so that it also trains where there is no accelerator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ChestCTLib.errors import InputError

NORM_EPSILON = 1e-3  # of the batch norms, as in Keras
NORM_MOMENTUM = 0.1  # Keras' 0.99 is 0.01 here: with some 15 steps an epoch its averages lag behind by dozens of epochs
SCALE_A, SCALE_B, SCALE_C = 0.17, 0.1, 0.2  # how much of a residual is added in each kind of block
MIN_SIDE = 75  # pixels: the smallest input whose last feature map is not empty

Pair = tuple[int, int]
Channels = Callable[[int], int]  # published number of channels -> the number at this width


@dataclass(frozen=True)
class InceptionResNetSettings:
    """Size of the network.

    Attributes:
        n_classes: Number of outputs.
        n_channels: Channels of the input.
        width: Factor on all channel numbers; 1 is the published network (54.3 M weights with three classes).
        blocks: Numbers of 35x35, 17x17 and 8x8 blocks.
        dropout: Chance of a feature to be left out before the last layer; 0 as in Keras.
    """

    n_classes: int = 3
    n_channels: int = 1
    width: float = 1.0
    blocks: tuple[int, int, int] = (10, 20, 9)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not 0.05 <= self.width <= 2:
            raise InputError(f"The width factor is {self.width}.", "Use a value from 0.05 to 2.")
        if min(self.blocks) < 1 or self.n_classes < 2 or self.n_channels < 1 or not 0 <= self.dropout < 1:
            raise InputError(f"The network settings {self} are out of range.", "Use positive numbers.")

    def channels(self, published: int) -> int:
        """The published number of channels times the width factor, at least 4."""
        return max(4, round(published * self.width))


class InceptionResNetV2(nn.Module):
    """``[batch, channels, rows, columns]`` -> logits ``[batch, classes]``; at least 75 x 75 pixels.

    Args:
        settings: Size of the network.
    """

    def __init__(self, settings: InceptionResNetSettings = InceptionResNetSettings()) -> None:
        super().__init__()
        self.settings = settings
        c = settings.channels
        mixed_a = 2 * c(96) + 2 * c(64)
        mixed_b = mixed_a + 2 * c(384)
        mixed_c = mixed_b + c(384) + c(288) + c(320)
        self.n_features = c(1536)
        self.layers = nn.Sequential(
            *_stem(settings.n_channels, c),
            _mixed_5b(c(192), c),
            *(_block_a(mixed_a, c) for _ in range(settings.blocks[0])),
            _mixed_6a(mixed_a, c),
            *(_block_b(mixed_b, c) for _ in range(settings.blocks[1])),
            _mixed_7a(mixed_b, c),
            *(_block_c(mixed_c, c) for _ in range(settings.blocks[2])),
            _block_c(mixed_c, c, scale=1.0, activate=False),
            ConvNorm(mixed_c, self.n_features, 1),
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(self.n_features, settings.n_classes)
        _initialise(self)

    def features(self, maps: Tensor) -> Tensor:
        """What the last layer sees: ``[batch, n_features]``, the map features of the prognosis model (Section 5)."""
        if maps.ndim != 4 or min(maps.shape[2:]) < MIN_SIDE:
            raise InputError(
                f"The maps have the shape {tuple(maps.shape)}.", f"Give at least {MIN_SIDE} pixels a side."
            )
        return self.layers(maps).mean(dim=(2, 3))

    def forward(self, maps: Tensor) -> Tensor:
        """Logits of a batch of maps."""
        return self.head(self.dropout(self.features(maps)))


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, before: int, after: int, kernel: int | Pair, stride: int = 1, same: bool = True) -> None:
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (size[0] // 2, size[1] // 2) if same else (0, 0)
        super().__init__(
            nn.Conv2d(before, after, size, stride, padding, bias=False),
            nn.BatchNorm2d(after, NORM_EPSILON, NORM_MOMENTUM),
            nn.ReLU(inplace=True),
        )


class Branches(nn.Module):
    """Parallel branches whose outputs are joined along the channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Join what the branches make of ``x``."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Residual(nn.Module):
    """Add a scaled, linear projection of the branches to the input."""

    def __init__(self, branches: Branches, joined: int, channels: int, scale: float, activate: bool = True) -> None:
        super().__init__()
        self.branches = branches
        self.project = nn.Conv2d(joined, channels, 1)
        self.scale = scale
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as ``x``."""
        y = x + self.scale * self.project(self.branches(x))
        return torch.relu(y) if self.activate else y


def _stem(n_channels: int, c: Channels) -> list[nn.Module]:
    return [
        ConvNorm(n_channels, c(32), 3, stride=2, same=False),
        ConvNorm(c(32), c(32), 3, same=False),
        ConvNorm(c(32), c(64), 3),
        nn.MaxPool2d(3, 2),
        ConvNorm(c(64), c(80), 1),
        ConvNorm(c(80), c(192), 3, same=False),
        nn.MaxPool2d(3, 2),
    ]


def _mixed_5b(before: int, c: Channels) -> Branches:
    return Branches(
        ConvNorm(before, c(96), 1),
        nn.Sequential(ConvNorm(before, c(48), 1), ConvNorm(c(48), c(64), 5)),
        nn.Sequential(ConvNorm(before, c(64), 1), ConvNorm(c(64), c(96), 3), ConvNorm(c(96), c(96), 3)),
        nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), ConvNorm(before, c(64), 1)),
    )


def _block_a(n: int, c: Channels) -> Residual:
    branches = Branches(
        ConvNorm(n, c(32), 1),
        nn.Sequential(ConvNorm(n, c(32), 1), ConvNorm(c(32), c(32), 3)),
        nn.Sequential(ConvNorm(n, c(32), 1), ConvNorm(c(32), c(48), 3), ConvNorm(c(48), c(64), 3)),
    )
    return Residual(branches, 2 * c(32) + c(64), n, SCALE_A)


def _mixed_6a(n: int, c: Channels) -> Branches:
    return Branches(
        ConvNorm(n, c(384), 3, stride=2, same=False),
        nn.Sequential(
            ConvNorm(n, c(256), 1), ConvNorm(c(256), c(256), 3), ConvNorm(c(256), c(384), 3, stride=2, same=False)
        ),
        nn.MaxPool2d(3, 2),
    )


def _block_b(n: int, c: Channels) -> Residual:
    branches = Branches(
        ConvNorm(n, c(192), 1),
        nn.Sequential(ConvNorm(n, c(128), 1), ConvNorm(c(128), c(160), (1, 7)), ConvNorm(c(160), c(192), (7, 1))),
    )
    return Residual(branches, 2 * c(192), n, SCALE_B)


def _mixed_7a(n: int, c: Channels) -> Branches:
    return Branches(
        nn.Sequential(ConvNorm(n, c(256), 1), ConvNorm(c(256), c(384), 3, stride=2, same=False)),
        nn.Sequential(ConvNorm(n, c(256), 1), ConvNorm(c(256), c(288), 3, stride=2, same=False)),
        nn.Sequential(
            ConvNorm(n, c(256), 1), ConvNorm(c(256), c(288), 3), ConvNorm(c(288), c(320), 3, stride=2, same=False)
        ),
        nn.MaxPool2d(3, 2),
    )


def _block_c(n: int, c: Channels, scale: float = SCALE_C, activate: bool = True) -> Residual:
    branches = Branches(
        ConvNorm(n, c(192), 1),
        nn.Sequential(ConvNorm(n, c(192), 1), ConvNorm(c(192), c(224), (1, 3)), ConvNorm(c(224), c(256), (3, 1))),
    )
    return Residual(branches, c(192) + c(256), n, scale, activate)


def _initialise(network: nn.Module) -> None:
    """Glorot's uniform distribution, as Keras starts; norms as identity, biases at 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
