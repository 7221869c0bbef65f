"""Training of the map classifiers: Nadam at 1e-4, batches of 12, up to 96 epochs, cross entropy (Section 3.3).

The epoch with the smallest loss on the validation cases is kept. A run continues from its checkpoint.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ChestCTLib.device import DeviceChoice, choose_device
from ChestCTLib.errors import InputError
from ChestCTLib.learning.checkpoints import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from ChestCTLib.learning.log import TrainingLog
from ChestCTLib.learning.seeding import derived_seed, seed_everything
from ChestCTLib.manifest import plain
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.intensity_map.cases import MapCase
from COVIDMTLLib.intensity_map.classifier import BATCH, MapNetwork, NetworkName, as_batch, make_network

log = logging.getLogger(__name__)
LOG_COLUMNS = ("epoch", "train_loss", "validation_loss", "validation_accuracy")


@dataclass(frozen=True)
class MapAugmentSettings:
    """How training maps vary; the paper names no variation, all 0 switches it off.

    Attributes:
        shift: Largest shift along the intensities, share of the map: calibration differs between scanners.
        crop: Largest share of slices cut off at either end: fields of view differ.
    """

    shift: float = 0.01
    crop: float = 0.08

    def __post_init__(self) -> None:
        if not (0 <= self.shift < 0.5 and 0 <= self.crop < 0.4):
            raise InputError(f"The variation of maps is {self}.", "Use small shares of the map.")


@dataclass(frozen=True)
class MapTrainingSettings:
    """How to train; the defaults are the paper's.

    Attributes:
        network: "inception-resnet-v2" or "small".
        width: Factor on the large network's channel numbers.
        epochs: Largest number of epochs.
        batch: Maps a step.
        learning_rate: Of Nadam.
        weight_decay: Decoupled, share of a weight a step at learning rate 1; the paper names none.
        cosine: Let the learning rate fall to 0 over the epochs as half a cosine; the paper keeps it constant.
        patience: Epochs without a smaller validation loss after which the training ends; 0 runs them all.
        seed: Of weights, order and variation.
        augment: How maps vary.
    """

    network: NetworkName = "inception-resnet-v2"
    width: float = 1.0
    epochs: int = 96
    batch: int = BATCH
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    cosine: bool = False
    patience: int = 0
    seed: int = 0
    augment: MapAugmentSettings = field(default_factory=MapAugmentSettings)

    def __post_init__(self) -> None:
        if (
            self.epochs < 1
            or self.batch < 2
            or self.learning_rate <= 0
            or min(self.patience, self.seed, self.weight_decay) < 0
        ):
            raise InputError(
                f"The training settings {self} are out of range.", "Use positive numbers, batch 2 or more."
            )


@dataclass(frozen=True)
class TrainedMapNetwork:
    """Result of a training.

    Attributes:
        network: The network of the best epoch.
        best_epoch: Epoch with the smallest validation loss, counted from 1.
        epochs: Epochs trained.
        validation_loss: Mean cross entropy of the best epoch on the validation cases.
        validation_accuracy: Share of validation cases it classified right.
    """

    network: MapNetwork
    best_epoch: int
    epochs: int
    validation_loss: float
    validation_accuracy: float


def train_map_network(
    cases: Sequence[MapCase],
    settings: MapTrainingSettings,
    folder: Path,
    device: DeviceChoice = "auto",
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> TrainedMapNetwork:
    """Train a classifier of maps; an interrupted run in the same folder is continued.

    Args:
        cases: With their split; test cases are not looked at.
        settings: How to train.
        folder: Existing folder for log and checkpoint.
        device: "auto", "cpu" or "cuda".
        progress: Told the share of epochs done.
        cancelled: Asked once a step; the finished epochs stay in the checkpoint.

    Raises:
        InputError: There are no training or validation cases, or the checkpoint belongs to another run.
    """
    train = [case for case in cases if case.split == "train"]
    validation = [case for case in cases if case.split == "validation"]
    if len(train) < 2 or not validation:
        raise InputError(f"There are {len(train)} training and {len(validation)} validation cases.", "Give more cases.")
    run = _Run(settings, folder, choose_device(device))
    with TrainingLog(folder, LOG_COLUMNS, first=run.epoch + 1, tensorboard=False) as table:
        while run.epoch < settings.epochs and not run.is_over():
            progress(run.epoch / settings.epochs, f"epoch {run.epoch + 1} of {settings.epochs}")
            train_loss = run.train_epoch(train, cancelled)
            loss, accuracy = run.validate(validation)
            run.finish_epoch(loss, accuracy)
            table.write(dict(zip(LOG_COLUMNS, (run.epoch, train_loss, loss, accuracy), strict=True)))
    progress(1.0, "trained")
    return run.result()


def vary(maps: Tensor, settings: MapAugmentSettings, generator: torch.Generator) -> Tensor:
    """Shift maps along the intensities and cut slices off at both ends, each map on its own.

    Args:
        maps: ``[batch, 1, slices, bins]``.
        settings: How far.
        generator: CPU generator of the draws.
    """
    draws = torch.rand(len(maps), 3, generator=generator)
    top, bottom = draws[:, 0] * settings.crop, draws[:, 1] * settings.crop
    shift = (2 * draws[:, 2] - 1) * settings.shift
    matrix = torch.zeros(len(maps), 2, 3)
    matrix[:, 0, 0] = 1.0
    matrix[:, 0, 2] = 2 * shift
    matrix[:, 1, 1] = 1 - top - bottom
    matrix[:, 1, 2] = top - bottom
    grid = functional.affine_grid(matrix, list(maps.shape), align_corners=False).to(maps)
    return functional.grid_sample(maps, grid, padding_mode="border", align_corners=False)


class _Run:
    """The state of a training between epochs."""

    def __init__(self, settings: MapTrainingSettings, folder: Path, device: torch.device) -> None:
        seed_everything(settings.seed)
        self.settings, self.device = settings, device
        self.path = folder / CHECKPOINT_NAME
        self.network = make_network(settings.network, settings.width).to(device)
        self.optimizer = torch.optim.NAdam(
            self.network.parameters(),
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            decoupled_weight_decay=True,
        )
        self.epoch, self.best_epoch = 0, 0
        self.best_loss, self.best_accuracy = float("inf"), 0.0
        self.best = copy.deepcopy(self.network.state_dict())
        if self.path.is_file():
            self._continue(load_checkpoint(self.path, device))

    def is_over(self) -> bool:
        patience = self.settings.patience
        return patience > 0 and self.epoch - self.best_epoch >= patience

    def train_epoch(self, cases: Sequence[MapCase], cancelled: CancelCheck) -> float:
        """One epoch; its draws depend on seed and epoch alone, so that a continued run equals an uninterrupted one."""
        seed = derived_seed(self.settings.seed, self.epoch)
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # dropout
        order = np.random.default_rng(seed).permutation(len(cases))
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.network.train()
        total, seen = 0.0, 0
        for start in range(0, len(order), self.settings.batch):
            raise_if_cancelled(cancelled)
            chosen = [cases[i] for i in order[start : start + self.settings.batch]]
            if len(chosen) < 2:
                continue  # batch norm needs two
            maps = vary(as_batch([case.image for case in chosen]), self.settings.augment, generator).to(self.device)
            labels = torch.tensor([case.label for case in chosen], device=self.device)
            loss = functional.cross_entropy(self.network(maps), labels)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total, seen = total + float(loss.detach()) * len(chosen), seen + len(chosen)
        return total / seen

    def _learning_rate(self) -> float:
        if not self.settings.cosine:
            return self.settings.learning_rate
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * self.epoch / self.settings.epochs))

    def validate(self, cases: Sequence[MapCase]) -> tuple[float, float]:
        self.network.eval()
        total, right = 0.0, 0
        with torch.inference_mode():
            for start in range(0, len(cases), BATCH):
                chosen = cases[start : start + BATCH]
                logits = self.network(as_batch([case.image for case in chosen]).to(self.device))
                labels = torch.tensor([case.label for case in chosen], device=self.device)
                total += float(functional.cross_entropy(logits, labels, reduction="sum"))
                right += int((logits.argmax(dim=1) == labels).sum())
        return total / len(cases), right / len(cases)

    def finish_epoch(self, loss: float, accuracy: float) -> None:
        self.epoch += 1
        if loss < self.best_loss:
            self.best_loss, self.best_accuracy, self.best_epoch = loss, accuracy, self.epoch
            self.best = copy.deepcopy(self.network.state_dict())
        log.info("epoch %d: validation loss %.4f, accuracy %.3f", self.epoch, loss, accuracy)
        save_checkpoint(self.path, self._state())

    def result(self) -> TrainedMapNetwork:
        self.network.load_state_dict(self.best)
        return TrainedMapNetwork(self.network.eval(), self.best_epoch, self.epoch, self.best_loss, self.best_accuracy)

    def _identity(self) -> dict[str, Any]:
        """What must agree for a run to be continued; the number of epochs may change where nothing depends on it."""
        free = ("patience",) if self.settings.cosine else ("patience", "epochs")
        return {k: v for k, v in plain(self.settings).items() if k not in free}

    def _state(self) -> dict[str, Any]:
        return {
            "settings": self._identity(),
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "best_accuracy": self.best_accuracy,
        }

    def _continue(self, state: dict[str, Any]) -> None:
        if state.get("settings") != self._identity():
            raise InputError(
                f"{CHECKPOINT_NAME} belongs to a run with other settings.",
                "Choose another folder.",
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best, self.best_epoch, self.epoch = state["best"], state["best_epoch"], state["epoch"]
        self.best_loss, self.best_accuracy = state["best_loss"], state["best_accuracy"]
