"""A small classifier of intensity maps, beside the paper's large one, to show what the large one buys.

A map's columns are Hounsfield units: where along them something lies is what it means. Global pooling gives that away,
so this network pools over the slices alone and keeps the place along the intensity axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ChestCTLib.errors import InputError

SMALLEST_SIDE = 32  # pixels: the poolings divide both sides by 4 and by 8
INPUT_POOLING = 4  # pixels averaged along both axes: a single bin of a single slice is mostly noise


@dataclass(frozen=True)
class SmallMapSettings:
    """Size of the network.

    Attributes:
        n_classes: Number of outputs.
        channels: Of the three convolutions.
        intensity_bins: Places along the intensity axis that reach the last layers.
        hidden: Features before the last layer.
        dropout: Chance of a feature to be left out in training.
    """

    n_classes: int = 3
    channels: tuple[int, int, int] = (16, 32, 48)
    intensity_bins: int = 8
    hidden: int = 64
    dropout: float = 0.4

    def __post_init__(self) -> None:
        if self.n_classes < 2 or min(*self.channels, self.intensity_bins, self.hidden) < 1 or not 0 <= self.dropout < 1:
            raise InputError(f"The network settings {self} are out of range.", "Use positive numbers.")


class SmallMapNetwork(nn.Module):
    """``[batch, 1, rows, columns]`` -> logits ``[batch, classes]``; at least 32 x 32 pixels.

    Args:
        settings: Size of the network.
    """

    def __init__(self, settings: SmallMapSettings = SmallMapSettings()) -> None:
        super().__init__()
        self.settings = settings
        layers: list[nn.Module] = [nn.AvgPool2d(INPUT_POOLING)]
        for before, after in pairwise((1, *settings.channels)):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)
        self.n_features = settings.hidden
        # mean and maximum over the slices: a lesion in few slices shows in the maximum
        self.join = nn.Linear(2 * settings.channels[-1] * settings.intensity_bins, settings.hidden)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.hidden, settings.n_classes)

    def features(self, maps: Tensor) -> Tensor:
        """What the last layer sees: ``[batch, hidden]``."""
        if maps.ndim != 4 or min(maps.shape[2:]) < SMALLEST_SIDE:
            raise InputError(f"The maps have the shape {tuple(maps.shape)}.", f"Give {SMALLEST_SIDE} pixels a side.")
        found = self.layers(maps)
        over_slices = torch.cat([found.mean(dim=2), found.amax(dim=2)], dim=1)
        placed = functional.adaptive_avg_pool1d(over_slices, self.settings.intensity_bins)
        return torch.relu(self.join(self.dropout(placed.flatten(1))))

    def forward(self, maps: Tensor) -> Tensor:
        """Logits of a batch of maps."""
        return self.head(self.dropout(self.features(maps)))
