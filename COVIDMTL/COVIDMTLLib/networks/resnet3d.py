"""ResNet3D-34: the large network COVID-MTL was compared with (Sections 2.2 and 5.1)."""

from __future__ import annotations

from torch import Tensor, nn

BLOCKS = (3, 4, 6, 3)  # residual blocks a stage
CHANNELS = (64, 128, 256, 512)


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions around an identity (or 1x1x1) shortcut.

    Args:
        n_in: Input channels.
        n_out: Output channels.
        stride: Of the first convolution and the shortcut.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(n_in, n_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm3d(n_out),
            nn.ReLU(inplace=True),
            nn.Conv3d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm3d(n_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(nn.Conv3d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm3d(n_out))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, n_in, z, y, x]`` -> ``[batch, n_out, ...]``."""
        return self.relu(self.body(x) + self.shortcut(x))


class ResNet3D(nn.Module):
    """Convolutions of ResNet3D-34: a 7x7x7 stem that keeps the slices, then four stages.

    Args:
        width: Multiplies all channel numbers; 1 is ResNet-34's 64 to 512.
        n_in: Input channels.

    Attributes:
        n_out: Channels of the last feature maps.
    """

    def __init__(self, width: float = 1.0, n_in: int = 1) -> None:
        super().__init__()
        sizes = [max(4, round(number * width)) for number in CHANNELS]
        self.stem = nn.Sequential(
            nn.Conv3d(n_in, sizes[0], 7, stride=(1, 2, 2), padding=3, bias=False),
            nn.BatchNorm3d(sizes[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool3d(3, stride=2, padding=1),
        )
        layers: list[nn.Module] = []
        n = sizes[0]
        for stage, (count, size) in enumerate(zip(BLOCKS, sizes, strict=True)):
            for block in range(count):
                layers.append(ResidualBlock(n, size, stride=2 if stage > 0 and block == 0 else 1))
                n = size
        self.layers = nn.Sequential(*layers)
        self.n_out = n

    def forward(self, volume: Tensor) -> Tensor:
        """``[batch, 1, z, y, x]`` of any size -> the last feature maps."""
        return self.layers(self.stem(volume))
