"""Reconstruction, segmentation and classification from one 2D encoder (section 2.2 of the reconstruction-MTL paper).

Every pair of tasks, the U-Net and the 8-layer CNN of its experiments are the same class with tasks left out, or stand
below. The paper's sizes: encoder of 10 convolutions from 64 to 1024 channels, decoders of 10, a bottleneck of
32 x 32 x 1024 for 512-pixel inputs; dense layers of 128 and 64, dropout 0.5, ELU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ChestCTLib.errors import InputError

Task = Literal["reconstruction", "segmentation", "classification"]
TASKS: tuple[Task, ...] = get_args(Task)
FULL_CHANNELS = (64, 128, 256, 512, 1024)
DENSE = (128, 64)
DROPOUT = 0.5
CNN_CHANNELS = (8, 16, 32, 64, 128, 256)
CNN_DROPOUT = 0.25
CLASSIFIER_CHANNELS = 64  # of the convolution before the dense layers; open in the paper
POOLED_SIDE = 4  # pixels after its pooling, whatever the input size; the paper's flatten fixes the size instead


@dataclass(frozen=True)
class ReconstructionMTLSettings:
    """Shape of the network.

    Attributes:
        tasks: Which tasks it has; one ("segmentation" alone is the U-Net baseline) to all three.
        width: Factor on all channel numbers; 1 is the paper's.
        batch_norm: Normalise after each convolution. The paper names none; small batches of 4 train without it too.
    """

    tasks: tuple[Task, ...] = TASKS
    width: float = 1.0
    batch_norm: bool = True

    def __post_init__(self) -> None:
        if not self.tasks or any(task not in TASKS for task in self.tasks) or len(set(self.tasks)) != len(self.tasks):
            raise InputError(f"The tasks are {self.tasks}.", f"Use one or more of {', '.join(TASKS)}.")
        if not 0.02 <= self.width <= 4:
            raise InputError(f"The width is {self.width}.", "Choose between 0.02 and 4; 1 is the paper's.")

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the five levels at this width."""
        return tuple(max(2, round(n * self.width)) for n in FULL_CHANNELS)


@dataclass(frozen=True)
class ReconstructionMTLOutput:
    """Outputs of the tasks the network has, None for the others.

    Attributes:
        reconstruction: ``[n, 1, y, x]``, linear.
        segmentation: Logits ``[n, 1, y, x]``.
        classification: Logits ``[n]``; sigmoid gives the probability of COVID-19.
    """

    reconstruction: Tensor | None
    segmentation: Tensor | None
    classification: Tensor | None

    def float(self) -> ReconstructionMTLOutput:
        """The same in single precision, for losses after a pass in half precision."""
        given = (self.reconstruction, self.segmentation, self.classification)
        return ReconstructionMTLOutput(*[None if output is None else output.float() for output in given])


class ReconstructionMTL(nn.Module):
    """One encoder, a decoder for each picture task, dense layers for the classification.

    The reconstruction decoder has no skips: with them, copying the input would teach the encoder nothing.

    Args:
        settings: Shape.
    """

    def __init__(self, settings: ReconstructionMTLSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or ReconstructionMTLSettings()
        channels, norm = self.settings.channels, self.settings.batch_norm
        sources = (1, *channels[:-1])
        self.encoder = nn.ModuleList([_two(a, b, norm) for a, b in zip(sources, channels, strict=True)])
        self.pool = nn.MaxPool2d(2)
        tasks = self.settings.tasks
        self.reconstruct = _Decoder(channels, norm, skips=False) if "reconstruction" in tasks else None
        self.segment = _Decoder(channels, norm, skips=True) if "segmentation" in tasks else None
        self.classify = _classifier(channels[-1]) if "classification" in tasks else None

    def forward(self, pictures: Tensor) -> ReconstructionMTLOutput:
        """``[n, 1, y, x]`` in [0, 1], sides multiples of 16 (paper: 256 x 256).

        Raises:
            InputError: A side does not halve four times.
        """
        if any(side % 16 for side in pictures.shape[-2:]):
            raise InputError(f"The pictures have {tuple(pictures.shape[-2:])} pixels.", "Use multiples of 16.")
        levels = []
        features = pictures
        for number, level in enumerate(self.encoder):
            features = level(self.pool(features) if number else features)
            levels.append(features)
        return ReconstructionMTLOutput(
            self.reconstruct(levels) if self.reconstruct is not None else None,
            self.segment(levels) if self.segment is not None else None,
            self.classify(levels[-1])[:, 0] if self.classify is not None else None,
        )


class EightLayerCNN(nn.Module):
    """The paper's classification baseline: six convolutions 8 to 256, each pooled and dropped out, two dense layers.

    Args:
        side: Side of the square input, pixels.
    """

    def __init__(self, side: int = 256) -> None:
        super().__init__()
        if side < 2 ** len(CNN_CHANNELS):
            raise InputError(f"Pictures of {side} pixels are too small.", "Use at least 64 pixels.")
        layers: list[nn.Module] = []
        for before, channels in zip((1, *CNN_CHANNELS[:-1]), CNN_CHANNELS, strict=True):
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ELU(), nn.MaxPool2d(2), nn.Dropout(CNN_DROPOUT)]
        last = side // 2 ** len(CNN_CHANNELS)
        dense = [nn.Flatten(), nn.Linear(CNN_CHANNELS[-1] * last**2, 128), nn.ELU(), nn.Dropout(DROPOUT)]
        self.layers = nn.Sequential(*layers, *dense, nn.Linear(128, 1))

    def forward(self, pictures: Tensor) -> ReconstructionMTLOutput:
        """``[n, 1, side, side]`` in [0, 1] to classification logits."""
        return ReconstructionMTLOutput(None, None, self.layers(pictures)[:, 0])


def _two(channels: int, out: int, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for source in (channels, out):
        layers += [nn.Conv2d(source, out, 3, padding=1)]
        layers += [nn.BatchNorm2d(out)] if norm else []
        layers += [nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class _Decoder(nn.Module):
    def __init__(self, channels: tuple[int, ...], norm: bool, skips: bool) -> None:
        super().__init__()
        self.skips = skips
        pairs = list(zip(channels[-2::-1], channels[:0:-1], strict=True))  # (own, deeper), coarse to fine
        self.raise_ = nn.ModuleList(
            [nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(deeper, own, 3, padding=1)) for own, deeper in pairs]
        )
        self.units = nn.ModuleList([_two(own * (2 if skips else 1), own, norm) for own, _ in pairs])
        self.out = nn.Conv2d(channels[0], 1, 1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        features = levels[-1]
        for raised, unit, skip in zip(self.raise_, self.units, reversed(levels[:-1]), strict=True):
            features = raised(features)
            features = unit(torch.cat([features, skip], dim=1) if self.skips else features)
        return self.out(features)


def _classifier(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, CLASSIFIER_CHANNELS, 3, padding=1),
        nn.ELU(),
        nn.AdaptiveMaxPool2d(POOLED_SIDE),
        nn.Flatten(),
        nn.Linear(CLASSIFIER_CHANNELS * POOLED_SIDE**2, DENSE[0]),
        nn.ELU(),
        nn.Dropout(DROPOUT),
        nn.Linear(DENSE[0], DENSE[1]),
        nn.ELU(),
        nn.Dropout(DROPOUT),
        nn.Linear(DENSE[1], 1),
    )
