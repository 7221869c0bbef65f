"""Train the multitask network on features alone (Table 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.losses import DEFAULT_DRAWS, LossName, make_loss, task_losses
from COVIDMTLLib.networks.feature_network import FeatureNetwork
from COVIDMTLLib.tasks import TASKS

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

CLIP = 5.0  # standard deviations


@dataclass(frozen=True)
class NetworkSettings:
    """How the network is trained.

    Chosen by five-fold cross-validation inside the training rows: the paper's SGD without any dropout (section 5.1)
    gave AUCs of 0.86 / 0.73 / 0.72 there, these settings 0.89 / 0.77 / 0.76.

    Attributes:
        loss: Multitask loss.
        draws: Dirichlet draws of the random-weighted loss.
        epochs: Passes over the training rows.
        batch: Patients a step.
        learning_rate: At the start; falls to 0 along a cosine.
        weight_decay: Decoupled weight decay (AdamW).
        input_dropout: Share of the features hidden in each step; they are so correlated that half of them suffice.
        seed: Of weights, order, dropout and loss.
    """

    loss: LossName = "random"
    draws: int = DEFAULT_DRAWS
    epochs: int = 40
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    input_dropout: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network with the scaling its inputs need.

    Attributes:
        network: The weights.
        mean: Of each feature over the training rows.
        scale: Standard deviation of each feature over the training rows.
    """

    network: FeatureNetwork
    mean: Features
    scale: Features

    def probabilities(self, features: Features) -> dict[str, Features]:
        """Probabilities ``[patients, classes]`` of each task, from raw features ``[patients, n]``."""
        self.network.eval()
        with torch.inference_mode():
            logits = self.network(torch.from_numpy(standardise(features, self.mean, self.scale)).float())
        return {name: torch.softmax(values.double(), dim=1).numpy() for name, values in logits.items()}


def train_network(
    features: Features,
    labels: Mapping[str, Labels],
    settings: NetworkSettings | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> TrainedNetwork:
    """Train the network on training rows; the scaler sees these rows only.

    Args:
        features: Float64 ``[patients, n]``, as the cohort holds them.
        labels: Class numbers of each task, ``[patients]``.
        settings: How to train.
        progress: Told after each epoch.
        cancelled: Asked after each epoch.

    Returns:
        The network after the last epoch (the paper reports the last epoch, not the best).

    Raises:
        CancelledError: The user cancelled.
    """
    settings = settings or NetworkSettings()
    scaler = StandardScaler().fit(features)
    inputs = torch.from_numpy(standardise(features, scaler.mean_, scaler.scale_)).float()
    targets = {task.name: torch.from_numpy(np.asarray(labels[task.name], dtype=np.int64)) for task in TASKS}
    with torch.random.fork_rng(devices=[]):  # the caller's random sequence goes on as if nothing had been drawn
        torch.manual_seed(settings.seed)
        network = FeatureNetwork(features.shape[1])
        loss = make_loss(settings.loss, [task.name for task in TASKS], settings.draws, settings.seed)
        optimiser = torch.optim.AdamW(
            [*network.parameters(), *loss.parameters()], settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
        for epoch in range(settings.epochs):
            raise_if_cancelled(cancelled)
            for rows in torch.randperm(len(inputs)).split(settings.batch):
                shown = functional.dropout(inputs[rows], settings.input_dropout)
                batch = {name: target[rows] for name, target in targets.items()}
                optimiser.zero_grad()
                loss(task_losses(network(shown), batch)).backward()
                optimiser.step()
            schedule.step()
            progress((epoch + 1) / settings.epochs, f"Network, epoch {epoch + 1}")
    return TrainedNetwork(network.eval(), scaler.mean_, scaler.scale_)


def standardise(features: Features, mean: Features, scale: Features) -> Features:
    """Z-scores, clipped to +-5 so that a value far outside the cohort cannot drive the network alone."""
    return np.clip((features - mean) / scale, -CLIP, CLIP)
