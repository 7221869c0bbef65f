"""SqueezeNet3D's convolutions: the trunk of COVID-MTL, ShiftNet3D and SqueezeNet3D (Sections 2.2 and 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ChestCTLib.errors import InputError
from COVIDMTLLib.networks.shift3d import Shift3D, ShiftSettings

STEM_CHANNELS = 64
# (squeeze, expand) channels of the 8 Fire modules; outputs are twice the expand channels: 128 to 512
FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
POOL_BEFORE_FIRE = (0, 2, 4)  # the first of these pools ends the stem


@dataclass(frozen=True)
class TrunkSettings:
    """Shape of the trunk.

    Attributes:
        width: Multiplies all channel numbers; 1 is the paper's 64 to 512.
        pools: Whether to halve the maps after the stem, before Fire module 3 and before Fire module 5. The paper's
            200 x 250 x 250 input uses all three; a coarser input grid needs fewer to keep its maps sharp.
        shift: Shift3D after the stem (ShiftNet3D and COVID-MTL); None leaves it out (SqueezeNet3D).
    """

    width: float = 1.0
    pools: tuple[bool, bool, bool] = (True, True, True)
    shift: ShiftSettings | None = None

    def __post_init__(self) -> None:
        if not 1 / 16 <= self.width <= 4:
            raise InputError(f"The trunk's width is {self.width}.", "Use 1/16 to 4.")
        if len(self.pools) != len(POOL_BEFORE_FIRE):
            raise InputError(f"The trunk has three pools, {len(self.pools)} are set.", "Give three.")


class Fire(nn.Module):
    """Fire module in 3-D: squeeze to few channels, expand with 1x1x1 and 3x3x3 convolutions side by side.

    Args:
        n_in: Input channels.
        squeeze: Channels between.
        expand: Channels of each expanding convolution; the output has twice as many.
        bypass: Add the input to the output.
    """

    def __init__(self, n_in: int, squeeze: int, expand: int, bypass: bool) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv3d(n_in, squeeze, 1), nn.BatchNorm3d(squeeze), nn.ReLU(inplace=True))
        self.expand1 = nn.Sequential(nn.Conv3d(squeeze, expand, 1), nn.BatchNorm3d(expand))
        self.expand3 = nn.Sequential(nn.Conv3d(squeeze, expand, 3, padding=1), nn.BatchNorm3d(expand))
        self.relu = nn.ReLU(inplace=True)
        self.bypass = bypass

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, n_in, z, y, x]`` -> ``[batch, 2 * expand, z, y, x]``."""
        squeezed = self.squeeze(x)
        out = torch.cat([self.expand1(squeezed), self.expand3(squeezed)], dim=1)
        return self.relu(out + x if self.bypass else out)


class SqueezeNet3D(nn.Module):
    """Stem (3x3x3 convolution, stride 2), Shift3D if wanted, and 8 Fire modules, every second with a bypass.

    Args:
        settings: Shape of the trunk.
        n_in: Input channels.

    Attributes:
        n_out: Channels of the last feature maps.
    """

    def __init__(self, settings: TrunkSettings = TrunkSettings(), n_in: int = 1) -> None:
        super().__init__()

        def channels(number: int) -> int:
            return max(4, round(number * settings.width))

        n = channels(STEM_CHANNELS)
        self.stem = nn.Sequential(nn.Conv3d(n_in, n, 3, stride=2, padding=1), nn.BatchNorm3d(n), nn.ReLU(inplace=True))
        layers: list[nn.Module] = []
        for number, (squeeze, expand) in enumerate(FIRES):
            if number in POOL_BEFORE_FIRE and settings.pools[POOL_BEFORE_FIRE.index(number)]:
                layers.append(nn.MaxPool3d(3, stride=2, padding=1))
            if number == 0 and settings.shift is not None:
                layers.append(Shift3D(settings.shift))
            layers.append(Fire(n, channels(squeeze), channels(expand), bypass=number % 2 == 1))
            n = 2 * channels(expand)
        self.layers = nn.Sequential(*layers)
        self.n_out = n

    def forward(self, volume: Tensor) -> Tensor:
        """``[batch, 1, z, y, x]`` of any size -> the last feature maps ``[batch, n_out, z', y', x']``."""
        return self.layers(self.stem(volume))
