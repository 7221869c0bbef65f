"""The auxiliary feed-forward network over the lung features, alone or as a branch of COVID-MTL (Sections 4 and 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from COVIDMTLLib.networks.initialise import he_initialise
from COVIDMTLLib.tasks import TASKS, Task

N_FEATURES = 375  # lung features of the paper
HIDDEN = (256, 128, 64)  # nodes, Section 5.1
N_AUXILIARY = 32  # the last hidden layer, joined to each head


class AuxiliaryNetwork(nn.Module):
    """375-256-128-64-32: lung features in, their high-level representation out.

    Args:
        n_features: Number of input features, standardised by the caller.
        n_outputs: Length of the representation.
    """

    def __init__(self, n_features: int = N_FEATURES, n_outputs: int = N_AUXILIARY) -> None:
        super().__init__()
        sizes = (n_features, *HIDDEN, n_outputs)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.n_outputs = n_outputs
        he_initialise(self)

    def forward(self, features: Tensor) -> Tensor:
        """``[batch, n_features]`` -> ``[batch, n_outputs]``, not negative."""
        return self.layers(features)


class FeatureNetwork(nn.Module):
    """The auxiliary network with a head a task: multitask learning from features only (Table 8).

    Args:
        n_features: Number of input features, standardised by the caller.
        tasks: The tasks, with a head of 2, 2 and 3 outputs for the paper's.
    """

    def __init__(self, n_features: int = N_FEATURES, tasks: Sequence[Task] = TASKS) -> None:
        super().__init__()
        self.auxiliary = AuxiliaryNetwork(n_features)
        self.heads = nn.ModuleDict({task.name: nn.Linear(N_AUXILIARY, task.n_classes) for task in tasks})
        he_initialise(self)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """``[batch, n_features]`` -> logits ``[batch, classes]`` by task name."""
        shared = self.auxiliary(features)
        return {name: head(shared) for name, head in self.heads.items()}
