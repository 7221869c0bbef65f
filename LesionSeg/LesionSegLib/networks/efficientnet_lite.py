"""EfficientNet-lite0 as an encoder: inverted residual blocks without squeeze-and-excitation (Tan and Le 2019).

The lite form suits this project: ReLU6 and plain convolutions run well on CPUs and in half precision. Layers and
padding follow the published TensorFlow network, so that weights trained on ImageNet photographs can start it; see
:mod:`LesionSegLib.training.photograph_weights`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

STEM_CHANNELS = 32
NORM_EPSILON = 1e-3  # TensorFlow's, which the published weights were trained with
NORM_MOMENTUM = 0.01  # likewise
GREYS = 3  # input channels that stand for the red, green and blue of a photograph


@dataclass(frozen=True)
class Stage:
    """Blocks of one resolution and width.

    Attributes:
        blocks: How many.
        kernel: Side of the depthwise convolution.
        stride: Of its first block.
        expansion: Channels inside a block over those at its entrance.
        channels: Channels at its exit.
    """

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
LEVEL_CHANNELS = (16, 24, 40, 112, 320)  # where the resolution halves next, finest (half the input's) first


class EfficientNetLite(nn.Module):
    """The encoder: features at a half, a quarter, an eighth, a 16th and a 32nd of the input's resolution.

    Args:
        in_channels: At least 3; the first three stand for a photograph's colours.
    """

    def __init__(self, in_channels: int = GREYS) -> None:
        super().__init__()
        self.stem = _ConvNorm(in_channels, STEM_CHANNELS, 3, 2)
        before, stages = STEM_CHANNELS, []
        for stage in STAGES:
            blocks = []
            for number in range(stage.blocks):
                blocks.append(_Block(before, stage, stage.stride if number == 0 else 1))
                before = stage.channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Features of ``[n, in_channels, rows, columns]`` in [0, 1], sides multiples of 32; finest first."""
        features = functional.relu6(self.stem(pictures * 2.0 - 1.0))  # photographs were scaled to [-1, 1]
        levels = []
        for stage, following in zip(self.stages, (*STAGES[1:], None), strict=True):
            features = stage(features)
            if following is None or following.stride > 1:
                levels.append(features)
        return levels


class _ConvNorm(nn.Module):
    """A convolution padded as TensorFlow does (an odd pixel to the right and below), and its normalisation."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        total = kernel - stride
        self.uneven = (total // 2, total - total // 2) if total % 2 else None
        padding = 0 if self.uneven else total // 2
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, NORM_EPSILON, NORM_MOMENTUM)

    def forward(self, features: Tensor) -> Tensor:
        if self.uneven is not None:
            features = functional.pad(features, self.uneven * 2)
        normalised: Tensor = self.norm(self._convolved(features))
        return normalised

    def _convolved(self, features: Tensor) -> Tensor:
        if self.conv.groups == 1 or features.device.type != "cpu":
            convolved: Tensor = self.conv(features)
            return convolved
        with torch.autocast("cpu", enabled=False):  # CPUs go back through depthwise layers slowly in half precision
            convolved = self.conv(features.float())
        return convolved


class _Block(nn.Module):
    """Inverted residual: widen, depthwise convolution, narrow without activation; added to its input where it fits."""

    def __init__(self, channels: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inside = channels * stage.expansion
        self.expand = _ConvNorm(channels, inside, 1) if stage.expansion > 1 else None
        self.depthwise = _ConvNorm(inside, inside, stage.kernel, stride, groups=inside)
        self.project = _ConvNorm(inside, stage.channels, 1)
        self.added = stride == 1 and channels == stage.channels

    def forward(self, features: Tensor) -> Tensor:
        inside = features if self.expand is None else functional.relu6(self.expand(features))
        out: Tensor = self.project(functional.relu6(self.depthwise(inside)))
        return features + out if self.added else out


def take_photograph_weights(encoder: EfficientNetLite, published: dict[str, Tensor]) -> None:
    """Start an encoder from a network trained on photographs.

    Channels after the third (lungs) start without influence.

    Args:
        encoder: Changed in place.
        published: State of the published PyTorch port: ``_conv_stem``, ``_bn0``, ``_blocks.N._expand_conv`` and so on.

    Raises:
        KeyError: A layer is missing.
        RuntimeError: A layer has another shape.
    """
    units = [("_conv_stem", "_bn0", encoder.stem)]
    blocks = [block for stage in encoder.stages for block in stage.children() if isinstance(block, _Block)]
    for number, block in enumerate(blocks):
        parts = [("_depthwise_conv", "_bn1", block.depthwise), ("_project_conv", "_bn2", block.project)]
        if block.expand is not None:
            parts.insert(0, ("_expand_conv", "_bn0", block.expand))
        units += [(f"_blocks.{number}.{conv}", f"_blocks.{number}.{norm}", unit) for conv, norm, unit in parts]
    for conv, norm, unit in units:
        weights = published[f"{conv}.weight"]
        if unit is encoder.stem:
            extra = unit.conv.in_channels - weights.shape[1]
            weights = torch.cat([weights, weights.new_zeros(weights.shape[0], extra, *weights.shape[2:])], dim=1)
        unit.conv.load_state_dict({"weight": weights})
        own = unit.norm.state_dict()
        unit.norm.load_state_dict({name: published.get(f"{norm}.{name}", own[name]) for name in own})
