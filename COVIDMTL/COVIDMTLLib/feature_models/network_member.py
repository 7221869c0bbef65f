"""The multitask feature network as a member: the mean of a few networks that differ in their seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ChestCTLib.progress import CancelCheck, never_cancelled
from COVIDMTLLib.feature_models.network import NetworkSettings, TrainedNetwork, train_network
from COVIDMTLLib.feature_models.states import state_probabilities
from COVIDMTLLib.networks.feature_network import FeatureNetwork
from COVIDMTLLib.tasks import TASKS

NETWORKS = 2  # seeds averaged; more gain less than the folds differ
Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NetworkMember:
    """A few trained networks."""

    networks: tuple[TrainedNetwork, ...]

    @classmethod
    def fit(
        cls,
        features: Features,
        labels: Mapping[str, Labels],
        seed: int = 0,
        networks: int = NETWORKS,
        cancelled: CancelCheck = never_cancelled,
    ) -> NetworkMember:
        """Train on raw features or normal scores; each network scales its input itself."""
        settings = NetworkSettings(seed=seed)
        seeds = (replace(settings, seed=seed + number) for number in range(networks))
        return cls(tuple(train_network(features, labels, one, cancelled=cancelled) for one in seeds))

    def tasks(self, features: Features) -> dict[str, Features]:
        """Class probabilities of each task, the mean of the networks."""
        found = [network.probabilities(features) for network in self.networks]
        return {task.name: np.mean([one[task.name] for one in found], axis=0) for task in TASKS}

    def probabilities(self, features: Features) -> Features:
        """State probabilities ``[patients, 5]``."""
        return state_probabilities(self.tasks(features))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that must be written."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        for number, one in enumerate(self.networks):
            arrays[f"{number}.mean"], arrays[f"{number}.scale"] = one.mean, one.scale
            for key, value in one.network.state_dict().items():
                arrays[f"{number}.network.{key}"] = value.numpy()
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> NetworkMember:
        """Inverse of :meth:`arrays`."""
        networks = []
        for number in range(sum(key.endswith(".mean") for key in arrays)):
            prefix = f"{number}.network."
            network = FeatureNetwork(len(arrays[f"{number}.mean"]))
            weights = {
                k.removeprefix(prefix): torch.from_numpy(v.copy()) for k, v in arrays.items() if k.startswith(prefix)
            }
            network.load_state_dict(weights)
            networks.append(TrainedNetwork(network.eval(), arrays[f"{number}.mean"], arrays[f"{number}.scale"]))
        return cls(tuple(networks))
