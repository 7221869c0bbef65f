"""DeCoVNet: the weakly supervised 3-D network COVID-MTL was compared with (Wang X. et al., IEEE TMI 2020).

After its description: a stem of one wide convolution, two residual stages, and a progressive classifier that pools in
steps. Its second input channel, the lung mask, is not needed here: the volume that comes in is already masked.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from COVIDMTLLib.networks.resnet3d import ResidualBlock

STEM_CHANNELS = 16
STAGE_CHANNELS = (64, 128)
CLASSIFIER_CHANNELS = (96, 48)
KEPT_SLICES = 16  # the classifier first pools any number of slices to so many
HIDDEN = 32
DROPOUT = 0.5


class DeCoVNet(nn.Module):
    """Convolutions of DeCoVNet up to the progressive classifier.

    Args:
        n_in: Input channels.

    Attributes:
        n_out: Channels of the last feature maps.
    """

    def __init__(self, n_in: int = 1) -> None:
        super().__init__()
        first, second = STAGE_CHANNELS
        self.layers = nn.Sequential(
            nn.Conv3d(n_in, STEM_CHANNELS, (5, 7, 7), stride=(1, 2, 2), padding=(2, 3, 3), bias=False),
            nn.BatchNorm3d(STEM_CHANNELS),
            nn.ReLU(inplace=True),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
            ResidualBlock(STEM_CHANNELS, first, stride=1),
            nn.MaxPool3d(2, ceil_mode=True),
            ResidualBlock(first, second, stride=1),
        )
        self.n_out = second

    def forward(self, volume: Tensor) -> Tensor:
        """``[batch, 1, z, y, x]`` of any size -> the last feature maps before the classifier."""
        return self.layers(volume)


class ProgressiveClassifier(nn.Module):
    """DeCoVNet's head: convolutions between poolings, the last over everything. Not linear: explain it by Grad-CAM.

    Args:
        n_in: Channels of the feature maps.
        n_classes: Outputs.
    """

    def __init__(self, n_in: int, n_classes: int) -> None:
        super().__init__()
        first, second = CLASSIFIER_CHANNELS
        self.first = nn.Sequential(nn.Conv3d(n_in, first, 3, padding=1), nn.ReLU(inplace=True))
        self.second = nn.Sequential(
            nn.MaxPool3d(2, ceil_mode=True),
            nn.Dropout3d(DROPOUT),
            nn.Conv3d(first, second, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.classes = nn.Sequential(nn.Linear(second, HIDDEN), nn.ReLU(inplace=True), nn.Linear(HIDDEN, n_classes))

    def forward(self, maps: Tensor) -> Tensor:
        """Feature maps -> logits ``[batch, n_classes]``."""
        slices = min(KEPT_SLICES, maps.shape[2])
        pooled = functional.adaptive_max_pool3d(maps, (slices, *maps.shape[3:]))
        return self.classes(self.second(self.first(pooled)).amax(dim=(2, 3, 4)))
