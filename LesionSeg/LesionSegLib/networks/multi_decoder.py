"""Multitask lesion segmentation of the intensity-map paper (section 4): one encoder, a decoder for each label or all.

The paper names the principle and the sizes (3.72 M parameters for one label, 7.78 M for the multi-decoder net) but not
the layers. Here pixels are folded 2 x 2 into channels first, because full-resolution layers cost most and gain least
on a CPU, and skips are added, not concatenated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ChestCTLib.errors import InputError

FOLD = 2  # pixels folded into channels on each axis
KNOWN_LABELS = ("lung", "lesion", "ground glass", "consolidation", "fibrosis", "thickening", "effusion")


@dataclass(frozen=True)
class MultiDecoderSettings:
    """Shape of the network.

    Attributes:
        labels: One output a label; a pixel may carry several.
        in_channels: Channels of the input: 1 for a plain slice; the shipped network takes the slice before, the slice,
            the slice after and the lung mask.
        widths: Channels of each level, finest first; each further level halves the resolution.
        separate_decoders: One decoder a label ("multidecoder") or one for all ("multi-task segm. net"). With a single
            label both are the paper's single-lesion network.
    """

    labels: tuple[str, ...] = ("lesion", "consolidation")
    in_channels: int = 4
    widths: tuple[int, ...] = (32, 64, 96, 128)
    separate_decoders: bool = True

    def __post_init__(self) -> None:
        unknown = [label for label in self.labels if label not in KNOWN_LABELS]
        if not self.labels or unknown or len(set(self.labels)) != len(self.labels):
            raise InputError(
                f"The labels {self.labels} are empty, repeated or unknown.", f"Use some of {KNOWN_LABELS}."
            )
        if len(self.widths) < 2 or min(self.widths) < 1 or self.in_channels < 1:
            raise InputError(
                f"Widths {self.widths} or {self.in_channels} channels build no network.", "Use the defaults."
            )


class MultiDecoderNet(nn.Module):
    """Shared encoder, decoders a label.

    Args:
        settings: Shape of the network.
    """

    def __init__(self, settings: MultiDecoderSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or MultiDecoderSettings()
        widths, count = self.settings.widths, len(self.settings.labels)
        self.encoder = _Encoder(self.settings.in_channels, widths)
        separate = self.settings.separate_decoders
        self.decoders = nn.ModuleList(
            [_Decoder(widths, 1 if separate else count) for _ in range(count if separate else 1)]
        )

    @property
    def size_multiple(self) -> int:
        """Rows and columns of the input must be multiples of this."""
        return int(FOLD * 2 ** (len(self.settings.widths) - 1))

    def forward(self, pictures: Tensor, labels: Sequence[str] | None = None) -> Tensor:
        """Logits of some labels.

        Args:
            pictures: ``[n, in_channels, rows, columns]`` in [0, 1].
            labels: Which labels; all when None. Decoders of other labels do not run.

        Returns:
            Logits ``[n, labels, rows, columns]``.

        Raises:
            InputError: The size is no multiple of :attr:`size_multiple`, or a label is not the network's.
        """
        if pictures.shape[-2] % self.size_multiple or pictures.shape[-1] % self.size_multiple:
            raise InputError(
                f"Slices of {tuple(pictures.shape[-2:])} pixels do not fit the network.",
                f"Use multiples of {self.size_multiple}.",
            )
        features = self.encoder(pictures)
        return torch.cat([self.decode(features, label) for label in labels or self.settings.labels], dim=1)

    def decode(self, features: list[Tensor], label: str) -> Tensor:
        """Logits ``[n, 1, rows, columns]`` of one label from the encoder's levels."""
        index = self._index(label)
        if self.settings.separate_decoders:
            return self.decoders[index](features)
        return self.decoders[0](features)[:, index : index + 1]

    def _index(self, label: str) -> int:
        if label not in self.settings.labels:
            raise InputError(f"The network has no label '{label}'.", f"It has {', '.join(self.settings.labels)}.")
        return self.settings.labels.index(label)


def _block(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))


class _Encoder(nn.Module):
    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        first = nn.Sequential(_block(in_channels * FOLD**2, widths[0]), _block(widths[0], widths[0]))
        deeper = [
            nn.Sequential(nn.MaxPool2d(2), _block(above, width), _block(width, width))
            for above, width in pairwise(widths)
        ]
        self.levels = nn.ModuleList([first, *deeper])

    def forward(self, pictures: Tensor) -> list[Tensor]:
        features = functional.pixel_unshuffle(pictures, FOLD)
        levels = []
        for level in self.levels:
            features = level(features)
            levels.append(features)
        return levels


class _Decoder(nn.Module):
    def __init__(self, widths: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.narrow = nn.ModuleList([nn.Conv2d(below, width, 1) for width, below in pairwise(widths)])
        self.merge = nn.ModuleList([_block(width, width) for width in widths[:-1]])
        self.last = _block(widths[0], widths[0])
        self.out = nn.Conv2d(widths[0], outputs * FOLD**2, 1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        features = levels[-1]
        for narrow, merge, skip in zip(
            reversed(list(self.narrow)), reversed(list(self.merge)), reversed(levels[:-1]), strict=True
        ):
            raised = functional.interpolate(narrow(features), scale_factor=2, mode="bilinear", align_corners=False)
            features = merge(raised + skip)
        return functional.pixel_shuffle(self.out(self.last(features)), FOLD)
