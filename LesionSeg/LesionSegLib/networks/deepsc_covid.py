"""DeepSC-COVID: joint 3D lesion segmentation and diagnosis (sections IV-B to IV-D of its paper).

Kernel sizes, strides, channels of the inception block and the layers of the units stand in a supplement that was not
available; they are chosen here and stated where they are chosen. All channel numbers scale with one width, so that the
network also trains on small machines; width 1 gives the paper's 64/128/256 channels in the classification encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ChestCTLib.errors import InputError

Diagnosis = Literal["covid", "cap", "none"]
CLASSES: tuple[Diagnosis, ...] = ("covid", "cap", "none")
ENCODER_CHANNELS = (64, 128, 256)  # paper, figure 5 and equation 4
INCEPTION_CHANNELS = 32  # all branches together; chosen
SEGMENTATION_CHANNELS = (32, 64, 128, 256)  # three downs and the bottom; chosen as the usual doubling
GROUPS = 4  # of the group normalisation; every channel number is kept a multiple
BRANCHES = 4
DOWNS = 3
SCALES = DOWNS + 1


@dataclass(frozen=True)
class DeepSCSettings:
    """Shape of the network and its ablations.

    Attributes:
        width: Factor on all channel numbers; 1 is the paper's.
        inception: Use the 3D inception blocks; else one 3D convolution of the same stride and channels.
        cross_stitch: Mix the two tasks' features (equation 2).
        stitch: Share of the other task's features in the mix before it is learnt, in [0, 0.5]. The paper gives no
            starting values; above 0 the second stage starts from features that the first did not learn with.
        multi_scale: Task-aware loss on three scales; else on the finest of them alone.
        etas: Weights of the four scales, coarse to fine (equation 3; the numbers are open in the paper). Finer counts
            more, and they sum to 1.
    """

    width: float = 1.0
    inception: bool = True
    cross_stitch: bool = True
    stitch: float = 0.1
    multi_scale: bool = True
    etas: tuple[float, float, float, float] = (0.1, 0.2, 0.3, 0.4)

    def __post_init__(self) -> None:
        if not 0.03 <= self.width <= 4:
            raise InputError(f"The width is {self.width}.", "Choose between 0.03 and 4; 1 is the paper's.")
        if not 0 <= self.stitch <= 0.5:
            raise InputError(f"The stitch is {self.stitch}.", "Choose between 0 (unmixed) and 0.5 (half and half).")
        if len(self.etas) != SCALES or min(self.etas) < 0 or sum(self.etas) <= 0:
            raise InputError(f"The scale weights are {self.etas}.", "Give four weights of at least 0, not all 0.")

    def channels(self, full: int) -> int:
        """A channel number at this width, a multiple of :data:`GROUPS`."""
        return max(GROUPS, round(full * self.width / GROUPS) * GROUPS)


@dataclass(frozen=True)
class DeepSCOutput:
    """What a forward pass gives; parts of a task that did not run are None.

    Attributes:
        lesion: Lesion probability ``[n, 1, z, y, x]`` of the patch (equation 3).
        scales: Logits of the four scales, coarse to fine, each at its own resolution.
        class_logits: ``[n, 3]``, in the order of :data:`CLASSES`; softmax gives equation 4.
        encoded: Feature maps of the three encoder units, from which evidence masks are made (equation 5).
    """

    lesion: Tensor | None
    scales: tuple[Tensor, ...]
    class_logits: Tensor | None
    encoded: tuple[Tensor, ...]


class DeepSCCovid(nn.Module):
    """The whole network: cross-task feature subnet, 3D lesion subnet, classification subnet.

    Args:
        settings: Shape and ablations.
    """

    def __init__(self, settings: DeepSCSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or DeepSCSettings()
        features = self.settings.channels(INCEPTION_CHANNELS)
        block = InceptionBlock if self.settings.inception else PlainBlock
        self.segmentation_features = block(features)
        self.classification_features = block(features)
        self.stitch = CrossStitch(1.0 - self.settings.stitch, self.settings.stitch)
        self.segmenter = LesionSubnet(features, self.settings)
        self.classifier = ClassificationSubnet(features, self.settings)

    def forward(
        self,
        patch: Tensor | None,
        slices: Tensor | None,
        lesions: Tensor | None = None,
        place: Tensor | None = None,
        rest: Tensor | None = None,
        stop_gradient: bool = False,
    ) -> DeepSCOutput:
        """Run the subnets whose input is given; with both, their features are stitched.

        Args:
            patch: ``[n, 1, 24, 256, 256]`` (multiples of 8) for the segmentation, lung-masked, in [0, 1].
            slices: ``[n, 1, 48, 256, 256]``, equidistant slices (equation 12) for the classification.
            lesions: Segmented lesions on the grid of ``slices``, ``[n, 1, ...]``, in [0, 1]; where None, the patch's
                own lesions in their place, as in training by patches, or nothing without a patch.
            place: ``[n, 3, 2]``, where the patch lies in the scan (:func:`crop_at`); the whole scan when None.
            rest: Lesions around the patch, on the grid of ``slices``; the patch's own replace them in its place.
            stop_gradient: Whether the diagnosis takes the patch's lesions as they are, without teaching them.

        Raises:
            InputError: Neither input was given, or an axis does not halve three times.
        """
        if patch is None and slices is None:
            raise InputError("DeepSC-COVID got neither a patch nor slices.")
        lesion_features, class_features = self._features(patch, slices, place)
        lesion: Tensor | None = None
        scales: tuple[Tensor, ...] = ()
        if lesion_features is not None and patch is not None:
            lesion, scales = self.segmenter(lesion_features, patch.shape[2:])
        if class_features is None or slices is None:
            return DeepSCOutput(lesion, scales, None, ())
        if lesions is None:
            if lesion is None:
                lesions = torch.zeros_like(slices[:, :1])
            else:
                lesions = _in_place(lesion.detach() if stop_gradient else lesion, place, slices.shape[2:])
                if rest is not None:
                    lesions = lesions + rest * (1.0 - _in_place(torch.ones_like(lesion), place, slices.shape[2:]))
        logits, encoded = self.classifier(class_features, lesions)
        return DeepSCOutput(lesion, scales, logits, encoded)

    def segment(
        self, patch: Tensor, slices: Tensor | None = None, place: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Lesion probability and the logits of the four scales, without diagnosis; see :meth:`forward`."""
        features, _ = self._features(patch, slices, place)
        return self.segmenter(features, patch.shape[2:])

    def _features(
        self, patch: Tensor | None, slices: Tensor | None, place: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """The cross-task feature subnet."""
        for given in (patch, slices):
            if given is not None and any(size % 2**DOWNS for size in given.shape[2:]):
                raise InputError(f"The input has {tuple(given.shape[2:])} voxels.", "Use multiples of 8 on each axis.")
        lesion_features = self.segmentation_features(patch) if patch is not None else None
        class_features = self.classification_features(slices) if slices is not None else None
        if self.settings.cross_stitch and lesion_features is not None and class_features is not None:
            lesion_features, class_features = self.stitch(lesion_features, class_features, place)
        return lesion_features, class_features

    def evidence(self, output: DeepSCOutput, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Evidence masks V1..V3 of given classes: encoder maps weighted by the classifier (equation 5, without CROP).

        Args:
            output: Of a forward pass that classified.
            classes: ``[n]``, the class whose evidence is wanted: the predicted or the true one.

        Returns:
            Three maps ``[n, 1, z, y, x]``, finest first, each at its encoder unit's resolution.

        Raises:
            InputError: The pass did not classify.
        """
        if not output.encoded:
            raise InputError("There is no evidence without classification.", "Give the equidistant slices too.")
        weights = self.classifier.head.weight[classes]
        maps, start = [], 0
        for encoded in output.encoded:
            own = weights[:, start : start + encoded.shape[1]]
            maps.append((encoded * own[:, :, None, None, None]).sum(dim=1, keepdim=True))
            start += encoded.shape[1]
        return maps[0], maps[1], maps[2]


def _in_place(patch: Tensor, place: Tensor | None, size: torch.Size) -> Tensor:
    """A patch on the scan's grid; one without a place is the whole scan."""
    if place is not None:
        return put_at(patch, place, size)
    if patch.shape[2:] == size:
        return patch
    return functional.interpolate(patch, size, mode="trilinear", align_corners=False)


def crop_at(features: Tensor, place: Tensor, size: torch.Size | tuple[int, ...]) -> Tensor:
    """The part of a scan's features where a patch lies, on the patch's grid (CROP in equation 5).

    Args:
        features: ``[n, c, z, y, x]`` over the whole scan.
        place: ``[n, 3, 2]``: where the patch starts and stops along z, y and x, as shares of the scan.
        size: ``(z, y, x)`` of the result.
    """
    middle, half = place.sum(dim=2) - 1.0, place[:, :, 1] - place[:, :, 0]
    return _sample(features, half, middle, size)


def put_at(patch: Tensor, place: Tensor, size: torch.Size | tuple[int, ...]) -> Tensor:
    """The inverse of :func:`crop_at`: a patch in its place of an otherwise empty scan."""
    middle, half = place.sum(dim=2) - 1.0, place[:, :, 1] - place[:, :, 0]
    return _sample(patch, 1.0 / half, -middle / half, size)


def _sample(features: Tensor, scale: Tensor, shift: Tensor, size: torch.Size | tuple[int, ...]) -> Tensor:
    transform = torch.zeros(len(features), 3, 4, device=features.device, dtype=features.dtype)
    for axis in range(3):  # affine_grid counts x, y, z
        transform[:, axis, axis] = scale[:, 2 - axis]
        transform[:, axis, 3] = shift[:, 2 - axis]
    grid = functional.affine_grid(transform, [len(features), 1, *size], align_corners=False)
    return functional.grid_sample(features, grid, padding_mode="zeros", align_corners=False)


def match(features: Tensor, size: torch.Size | tuple[int, ...]) -> Tensor:
    """Dimension matching: zero-pad or crop each axis about its middle to ``size``."""
    for axis, wanted in enumerate(size, start=2):
        have = features.shape[axis]
        if have > wanted:
            features = features.narrow(axis, (have - wanted) // 2, wanted)
        elif have < wanted:
            before = (wanted - have) // 2
            padding = [0, 0] * (features.dim() - 1 - axis) + [before, wanted - have - before]
            features = functional.pad(features, padding)
    return features


class CrossStitch(nn.Module):
    """Linear mixing of the two tasks' features with four learnt weights (equation 2); starts almost unmixed."""

    def __init__(self, own: float = 0.9, other: float = 0.1) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([[own, other], [other, own]]))

    def forward(self, lesion: Tensor, diagnosis: Tensor, place: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mix after matching the other task's features to the own size; sizes and channels stay.

        With the patch's place in the scan, features meet those of the same tissue: the scan's are cropped to the patch,
        the patch's padded with zeros to the scan. Without, both are matched about their middles.
        """
        w, small, large = self.weights, lesion.shape[2:], diagnosis.shape[2:]
        cropped = match(diagnosis, small) if place is None else crop_at(diagnosis, place, small)
        padded = match(lesion, large) if place is None else put_at(lesion, place, large)
        return w[0, 0] * lesion + w[0, 1] * cropped, w[1, 0] * padded + w[1, 1] * diagnosis


class InceptionBlock(nn.Module):
    """Four branches of different reach, stride 2 in-plane: 1; 1-3; 1-3-3; pool-1 (chosen); group norm and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        own = channels // BRANCHES
        stride = (1, 2, 2)
        self.branches = nn.ModuleList(
            [
                nn.Conv3d(1, own, 1, stride),
                nn.Sequential(nn.Conv3d(1, own, 1), nn.Conv3d(own, own, 3, stride, 1)),
                nn.Sequential(nn.Conv3d(1, own, 1), nn.Conv3d(own, own, 3, stride, 1), nn.Conv3d(own, own, 3, 1, 1)),
                nn.Sequential(nn.MaxPool3d(3, stride, 1), nn.Conv3d(1, own, 1)),
            ]
        )
        self.finish = nn.Sequential(nn.GroupNorm(BRANCHES, channels), nn.ReLU(inplace=True))

    def forward(self, volume: Tensor) -> Tensor:
        """``[n, 1, z, y, x]`` to ``[n, channels, z, y/2, x/2]``."""
        return self.finish(torch.cat([branch(volume) for branch in self.branches], dim=1))


class PlainBlock(nn.Module):
    """The ablation: one 3D convolution of the same stride and channels as :class:`InceptionBlock`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(1, channels, 3, (1, 2, 2), 1), nn.GroupNorm(BRANCHES, channels), nn.ReLU(inplace=True)
        )

    def forward(self, volume: Tensor) -> Tensor:
        """``[n, 1, z, y, x]`` to ``[n, channels, z, y/2, x/2]``."""
        return self.layers(volume)


def _unit(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(channels, out, 3, padding=1, bias=False),
        nn.GroupNorm(GROUPS, out),
        nn.ReLU(inplace=True),
        nn.Conv3d(out, out, 3, padding=1, bias=False),
        nn.GroupNorm(GROUPS, out),
        nn.ReLU(inplace=True),
    )


class LesionSubnet(nn.Module):
    """3D U-Net with three downs and three ups, and an output on each of the four scales (equation 3)."""

    def __init__(self, in_channels: int, settings: DeepSCSettings) -> None:
        super().__init__()
        widths = [settings.channels(n) for n in SEGMENTATION_CHANNELS]
        self.etas = settings.etas
        sources = [in_channels, *widths[:-1]]
        self.downs = nn.ModuleList([_unit(a, b) for a, b in zip(sources, widths, strict=True)])
        self.raise_ = nn.ModuleList(
            [nn.ConvTranspose3d(widths[i + 1], widths[i], 2, stride=2) for i in reversed(range(DOWNS))]
        )
        self.ups = nn.ModuleList([_unit(2 * widths[i], widths[i]) for i in reversed(range(DOWNS))])
        self.outputs = nn.ModuleList([nn.Conv3d(width, 1, 1) for width in reversed(widths)])

    def forward(self, features: Tensor, size: torch.Size) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Lesion probability on the patch's grid, and the logits of the four scales, coarse to fine."""
        skips = []
        for number, down in enumerate(self.downs):
            features = down(functional.max_pool3d(features, 2) if number else features)
            skips.append(features)
        logits = [self.outputs[0](features)]
        for number, (up, unit) in enumerate(zip(self.raise_, self.ups, strict=True)):
            skip = skips[DOWNS - 1 - number]
            features = unit(torch.cat([match(up(features), skip.shape[2:]), skip], dim=1))
            logits.append(self.outputs[number + 1](features))
        summed = sum(
            eta * functional.interpolate(logit, size, mode="trilinear", align_corners=False)
            for eta, logit in zip(self.etas, logits, strict=True)
        )
        return torch.sigmoid(torch.as_tensor(summed)), tuple(logits)


class _Residual(nn.Module):
    """Encoder unit of the classification subnet: two convolutions, a projected shortcut, stride 2."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv3d(channels, out, 3, 2, 1, bias=False),
            nn.GroupNorm(GROUPS, out),
            nn.ReLU(inplace=True),
            nn.Conv3d(out, out, 3, 1, 1, bias=False),
            nn.GroupNorm(GROUPS, out),
        )
        self.shortcut = nn.Conv3d(channels, out, 1, 2, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.path(features) + self.shortcut(features))


class ClassificationSubnet(nn.Module):
    """Residual encoders, pooled on three levels; the segmented lesions join their input (equation 4)."""

    def __init__(self, in_channels: int, settings: DeepSCSettings) -> None:
        super().__init__()
        widths = [settings.channels(n) for n in ENCODER_CHANNELS]
        lesion_channels = settings.channels(8)
        self.lesion_path = nn.Conv3d(1, lesion_channels, 3, (1, 2, 2), 1)
        sources = [in_channels + lesion_channels, *widths[:-1]]
        self.encoders = nn.ModuleList([_Residual(a, b) for a, b in zip(sources, widths, strict=True)])
        self.head = nn.Linear(sum(widths), len(CLASSES), bias=False)  # equation 4 has no constant

    def forward(self, features: Tensor, lesions: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Class logits and the encoder maps."""
        features = torch.cat([features, functional.relu(self.lesion_path(lesions))], dim=1)
        encoded, pooled = [], []
        for encoder in self.encoders:
            features = encoder(features)
            encoded.append(features)
            pooled.append(features.mean(dim=(2, 3, 4)))
        return self.head(torch.cat(pooled, dim=1)), tuple(encoded)
