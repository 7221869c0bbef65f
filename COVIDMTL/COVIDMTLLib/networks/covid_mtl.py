"""COVID-MTL: one trunk, a task-specific layer and a head for each task, joined by the auxiliary network (Section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ChestCTLib.errors import InputError
from COVIDMTLLib.networks.decovnet import DeCoVNet, ProgressiveClassifier
from COVIDMTLLib.networks.feature_network import N_AUXILIARY, AuxiliaryNetwork
from COVIDMTLLib.networks.initialise import he_initialise
from COVIDMTLLib.networks.resnet3d import ResNet3D
from COVIDMTLLib.networks.shift3d import Shift3D
from COVIDMTLLib.networks.squeezenet3d import SqueezeNet3D
from COVIDMTLLib.tasks import TASKS, Task

TASK_CHANNELS = 32  # feature maps of a task-specific layer
DROPOUT = 0.3

Trunk = SqueezeNet3D | ResNet3D | DeCoVNet


class TaskLayers(nn.Module):
    """A task's own part: dropout, 1x1x1 convolution to 32 maps, ReLU, average pooling, linear head.

    Args:
        n_in: Channels of the shared feature maps.
        n_classes: Outputs.
        n_auxiliary: Length of the feature representation joined before the head; 0 for volume only.
    """

    def __init__(self, n_in: int, n_classes: int, n_auxiliary: int = 0) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Dropout(DROPOUT), nn.Conv3d(n_in, TASK_CHANNELS, 1), nn.ReLU(inplace=True))
        self.head = nn.Linear(TASK_CHANNELS + n_auxiliary, n_classes)

    def forward(self, shared: Tensor, auxiliary: Tensor | None = None) -> Tensor:
        """Shared maps (and the feature representation) -> logits ``[batch, n_classes]``."""
        pooled = self.maps(shared).mean(dim=(2, 3, 4))
        return self.head(pooled if auxiliary is None else torch.cat([pooled, auxiliary], dim=1))

    def class_maps(self, shared: Tensor) -> Tensor:
        """Each class's weighted sum of the last maps, ``[batch, n_classes, z, y, x]``; their mean is the logit."""
        weights = self.head.weight[:, :TASK_CHANNELS]
        return torch.einsum("kc,bczyx->bkzyx", weights, self.maps(shared))


class TransferLayers(nn.Module):
    """New fully connected layers over the pooled trunk, for another task (Section 5.4).

    Args:
        n_in: Channels of the shared feature maps.
        n_classes: Outputs.
        hidden: Nodes of the layer between.
    """

    def __init__(self, n_in: int, n_classes: int, hidden: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_in, hidden), nn.ReLU(inplace=True), nn.Dropout(DROPOUT), nn.Linear(hidden, n_classes)
        )

    def forward(self, shared: Tensor, auxiliary: Tensor | None = None) -> Tensor:
        """Shared maps -> logits ``[batch, n_classes]``."""
        return self.layers(shared.mean(dim=(2, 3, 4)))


class ProgressiveLayers(ProgressiveClassifier):
    """DeCoVNet's classifier as a task's own part."""

    def forward(self, shared: Tensor, auxiliary: Tensor | None = None) -> Tensor:
        """Shared maps -> logits ``[batch, n_classes]``."""
        return super().forward(shared)


class MultitaskNetwork(nn.Module):
    """Hard parameter sharing: a trunk for all tasks, layers of its own for each (Fig 1).

    With one task and the matching trunk it is SqueezeNet3D, ShiftNet3D, ResNet3D-34 or DeCoVNet; with three and
    ShiftNet3D it is COVID-MTL.

    Args:
        trunk: The shared convolutions.
        tasks: The tasks.
        n_features: Number of lung features for the auxiliary network; 0 for volume only.
        transferred: New fully connected layers for each task over a trunk that learns no more (Section 5.4). The
            trunk's Shift3D still shifts in training.

    Raises:
        InputError: Features were asked for with heads that take none.
    """

    def __init__(
        self, trunk: Trunk, tasks: Sequence[Task] = TASKS, n_features: int = 0, transferred: bool = False
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.transferred = transferred
        self.auxiliary = AuxiliaryNetwork(n_features) if n_features else None
        layers: dict[str, nn.Module]
        if n_features and (transferred or isinstance(trunk, DeCoVNet)):
            raise InputError(f"This network takes no lung features, {n_features} were given.", "Use volumes only.")
        if transferred:
            layers = {t.name: TransferLayers(trunk.n_out, t.n_classes) for t in tasks}
        elif isinstance(trunk, DeCoVNet):
            layers = {t.name: ProgressiveLayers(trunk.n_out, t.n_classes) for t in tasks}
        else:
            joined = N_AUXILIARY if n_features else 0
            layers = {t.name: TaskLayers(trunk.n_out, t.n_classes, joined) for t in tasks}
        self.tasks = nn.ModuleDict(layers)
        he_initialise(self)
        if transferred:
            self.trunk.requires_grad_(False)

    def train(self, mode: bool = True) -> MultitaskNetwork:
        """Switch to training; a frozen trunk's norms keep their statistics, its Shift3D follows."""
        super().train(mode)
        if self.transferred:
            self.trunk.eval()
            for module in self.trunk.modules():
                if isinstance(module, Shift3D):
                    module.train(mode)
        return self

    def forward(self, volume: Tensor, features: Tensor | None = None) -> dict[str, Tensor]:
        """Logits by task name.

        Args:
            volume: ``[batch, 1, z, y, x]``, any size.
            features: ``[batch, n_features]``, standardised; only and always with an auxiliary network.

        Raises:
            InputError: Features are missing, or given to a network that takes none.
        """
        return self.from_shared(self.trunk(volume), features)

    def from_shared(self, shared: Tensor, features: Tensor | None = None) -> dict[str, Tensor]:
        """Logits by task name from the trunk's feature maps, for callers that need both."""
        if (features is None) != (self.auxiliary is None):
            raise InputError(
                f"The network {'needs' if self.auxiliary is not None else 'takes no'} lung features.",
                "Give volume and features as the model card says.",
            )
        auxiliary = None if self.auxiliary is None or features is None else self.auxiliary(features)
        return {name: layers(shared, auxiliary) for name, layers in self.tasks.items()}

    @property
    def explains_linearly(self) -> bool:
        """Whether each logit is a mean of class maps, so that CAM is exact; otherwise use Grad-CAM."""
        return all(isinstance(layers, TaskLayers) for layers in self.tasks.values())
