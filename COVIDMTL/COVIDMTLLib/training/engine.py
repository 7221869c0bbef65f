"""The training loop: SGD with Nesterov momentum along a cosine, resumable bit for bit on the CPU (Section 5.1)."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ChestCTLib.device import choose_device
from ChestCTLib.errors import InputError
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.learning.checkpoints import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from ChestCTLib.learning.log import TrainingLog
from ChestCTLib.learning.seeding import derived_seed, random_states, restore_random_states, seed_everything
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.losses import MultitaskLoss, make_loss, task_losses
from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.networks.build import NetworkSettings, build_network
from COVIDMTLLib.networks.feature_network import FeatureNetwork
from COVIDMTLLib.networks.shift3d import Shift3D
from COVIDMTLLib.tasks import MISSING_LABEL
from COVIDMTLLib.training.batches import Batch, CaseBatches, epoch_batches, load, ordered_batches
from COVIDMTLLib.training.cases import FeatureScale, PreparedCase
from COVIDMTLLib.training.distributed import Workers, workers
from COVIDMTLLib.training.settings import TrainSettings

RUN_NAME = "run.json"  # what a run was asked to do, beside its checkpoint
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedNetwork:
    """What a training leaves.

    Attributes:
        network: The trained network, in evaluation mode, on the device it was trained on.
        network_settings: To build it again.
        input_settings: What it sees.
        scale: Standardisation of its lung features; empty without.
        epochs: Epochs trained.
    """

    network: nn.Module
    network_settings: NetworkSettings
    input_settings: InputSettings
    scale: FeatureScale
    epochs: int


class _Step(nn.Module):
    """Network and loss as one module, so that several processes average the gradients of both."""

    def __init__(self, network: nn.Module, loss: MultitaskLoss) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(
        self, volume: Tensor, features: Tensor | None, labels: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        logits = predict_logits(self.network, Batch(volume, features, labels))
        losses = task_losses(logits, labels)
        if not losses:  # no case of the batch has a label: nothing to learn from
            return torch.stack([values.sum() * 0 for values in logits.values()]).sum(), losses
        return self.loss(losses), losses


def predict_logits(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Logits by task of one batch, whatever the network takes."""
    if isinstance(network, FeatureNetwork):
        if batch.features is None:
            raise InputError("The network learns from lung features, the cases have none.", "Add them to the table.")
        return network(batch.features)
    return network(batch.volume, batch.features)


def train(
    network_settings: NetworkSettings,
    input_settings: InputSettings,
    settings: TrainSettings,
    train_cases: Sequence[PreparedCase],
    validation_cases: Sequence[PreparedCase],
    folder: Path,
    network: nn.Module | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> TrainedNetwork:
    """Train a network, or continue the training that lies in the folder.

    Args:
        network_settings: The network.
        input_settings: What it sees.
        settings: How to train.
        train_cases: Cases to learn from; the features' standardisation is fitted on them alone.
        validation_cases: Cases to watch; may be empty.
        folder: Gets ``checkpoint.pt`` and ``log.csv`` after each epoch, and ``run.json``.
        network: Start from this network instead of new weights (transfer learning).
        progress: Told the share of epochs done.
        cancelled: Asked between steps; the last epoch's checkpoint stays, so that the run can be continued.

    Returns:
        The network after the last epoch, as the paper reports it.

    Raises:
        InputError: The folder holds another run, or the cases do not fit the network.
        CancelledError: The user cancelled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scale = FeatureScale.fit(train_cases) if network_settings.n_features else FeatureScale()
    if len(scale.mean) != network_settings.n_features:
        raise InputError(
            f"The cases have {len(scale.mean)} lung features, the network takes {network_settings.n_features}.",
            "Set the number of features, or add them to the table.",
        )
    kind = choose_device(settings.device)
    with workers(kind) as own:
        device = torch.device("cuda", own.local_rank) if kind.type == "cuda" else kind
        run = _Run(network_settings, input_settings, settings, scale, folder, own, device, network)
        first = run.resume()
        if own.leads:
            with atomic_path(folder / RUN_NAME) as temporary:
                temporary.write_text(json.dumps(run.description(), indent=2) + "\n", encoding="utf-8")
        run.epochs(first, train_cases, validation_cases, progress, cancelled)
        return TrainedNetwork(run.network.eval(), network_settings, input_settings, scale, settings.epochs)


def load_trained(folder: Path, device: torch.device | str = "cpu") -> TrainedNetwork:
    """The network of a run's last checkpoint.

    Raises:
        ModelError: There is no readable checkpoint.
    """
    state = load_checkpoint(folder / CHECKPOINT_NAME, device)
    network_settings = NetworkSettings.from_dict(state["network_settings"])
    network = build_network(network_settings).to(device)
    network.load_state_dict(state["step"]["network"])
    scale = FeatureScale(tuple(state["scale"]["mean"]), tuple(state["scale"]["sd"]))
    settings = InputSettings.from_dict(state["input_settings"])
    return TrainedNetwork(network.eval(), network_settings, settings, scale, int(state["epoch"]) + 1)


class _Run:
    """One training in one process."""

    def __init__(
        self,
        network_settings: NetworkSettings,
        input_settings: InputSettings,
        settings: TrainSettings,
        scale: FeatureScale,
        folder: Path,
        own: Workers,
        device: torch.device,
        network: nn.Module | None,
    ) -> None:
        self.network_settings, self.input_settings, self.settings = network_settings, input_settings, settings
        self.scale, self.folder, self.own, self.device = scale, folder, own, device
        seed_everything(settings.seed)
        self.network = (network if network is not None else build_network(network_settings)).to(device)
        seed_everything(derived_seed(settings.seed, own.rank))
        if own.count > 1:
            _seed_shifts(self.network, own.rank)
        loss = make_loss(settings.loss, network_settings.tasks, settings.draws, settings.seed).to(device)
        self.step = _Step(self.network, loss)
        learned = [parameter for parameter in self.step.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.SGD(
            learned,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.momentum > 0,
        )
        self.mixed = settings.mixed_precision and device.type == "cuda"
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.mixed)
        self.parallel: nn.Module = self.step
        if own.count > 1:
            ids = [own.local_rank] if device.type == "cuda" else None
            self.parallel = DistributedDataParallel(self.step, device_ids=ids, find_unused_parameters=True)

    def description(self) -> dict[str, Any]:
        """What the run was asked to do, as plain values."""
        return {
            "network": self.network_settings.as_dict(),
            "input": self.input_settings.as_dict(),
            "training": self.settings.as_dict(),
            "device": self.device.type,
            "processes": self.own.count,
        }

    def resume(self) -> int:
        """Load the folder's checkpoint, if there is one; returns the first epoch to train."""
        path = self.folder / CHECKPOINT_NAME
        if not path.is_file():
            return 0
        state = load_checkpoint(path, self.device)
        if state["network_settings"] != self.network_settings.as_dict() or state["decides"] != self.settings.decides():
            raise InputError(
                f"The folder {self.folder.name} holds a run with other settings.", "Choose another folder, or empty it."
            )
        self.step.network.load_state_dict(state["step"]["network"])
        self.step.loss.load_state_dict(state["step"]["loss"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        if self.own.leads:
            restore_random_states(state["random"])
        log.info("continuing %s after epoch %d", self.folder.name, state["epoch"])
        return int(state["epoch"]) + 1

    def save(self, epoch: int) -> None:
        """Write the checkpoint of a finished epoch."""
        save_checkpoint(
            self.folder / CHECKPOINT_NAME,
            {
                "epoch": epoch,
                "network_settings": self.network_settings.as_dict(),
                "input_settings": self.input_settings.as_dict(),
                "decides": self.settings.decides(),
                "scale": {"mean": list(self.scale.mean), "sd": list(self.scale.sd)},
                "step": {"network": self.step.network.state_dict(), "loss": self.step.loss.state_dict()},
                "optimiser": self.optimiser.state_dict(),
                "scaler": self.scaler.state_dict(),
                "random": random_states(),
            },
        )

    def epochs(
        self,
        first: int,
        train_cases: Sequence[PreparedCase],
        validation_cases: Sequence[PreparedCase],
        progress: Progress,
        cancelled: CancelCheck,
    ) -> None:
        """Train the remaining epochs, each with a log row and a checkpoint."""
        tasks, settings = self.network_settings.tasks, self.settings
        learn = CaseBatches(train_cases, tasks, self.input_settings, self.scale, settings.augment, settings.seed)
        watch = CaseBatches(validation_cases, tasks, self.input_settings, self.scale, None, settings.seed)
        watch.plan(0, ordered_batches(len(validation_cases), settings.batch))
        rows = TrainingLog(self.folder, log_columns(tasks), first) if self.own.leads else None
        try:
            for epoch in range(first, settings.epochs):
                started = time.monotonic()
                rate = cosine_rate(settings, epoch)
                for group in self.optimiser.param_groups:
                    group["lr"] = rate
                plan = epoch_batches(
                    len(train_cases), settings.batch, settings.seed, epoch, self.own.rank, self.own.count
                )
                learn.plan(epoch, plan)
                row: dict[str, float | int | None] = {"epoch": epoch, "learning_rate": rate}
                row |= self._train_epoch(learn, epoch, progress, cancelled)
                due = (epoch + 1) % settings.validate_every == 0 or epoch + 1 == settings.epochs
                if self.own.leads and rows is not None:
                    row |= self._validate(watch, cancelled) if due else dict.fromkeys(_validation_columns(tasks))
                    row["seconds"] = round(time.monotonic() - started, 2)
                    self.save(epoch)
                    rows.write(row)
                self.own.wait()
        finally:
            if rows is not None:
                rows.close()
        progress(1.0, "trained")

    def _train_epoch(
        self, batches: CaseBatches, epoch: int, progress: Progress, cancelled: CancelCheck
    ) -> dict[str, float | None]:
        self.parallel.train()
        totals: list[float] = []
        by_task: dict[str, list[float]] = {name: [] for name in self.network_settings.tasks}
        for number, cpu_batch in enumerate(load(batches, self.settings.loaders)):
            raise_if_cancelled(cancelled)
            done = (epoch + number / len(batches)) / self.settings.epochs
            progress(done, f"epoch {epoch + 1} of {self.settings.epochs}")
            self.optimiser.zero_grad(set_to_none=True)
            with torch.autocast(self.device.type, dtype=torch.float16, enabled=self.mixed):
                batch = cpu_batch.to(self.device)
                total, losses = self.parallel(batch.volume, batch.features, batch.labels)
            self.scaler.scale(total).backward()
            if self.settings.clip_gradient is not None:
                self.scaler.unscale_(self.optimiser)
                nn.utils.clip_grad_norm_(self.step.parameters(), self.settings.clip_gradient)
            self.scaler.step(self.optimiser)
            self.scaler.update()
            totals.append(float(total.detach()))
            for name, loss in losses.items():
                by_task[name].append(float(loss.detach()))
        row: dict[str, float | None] = {"train_loss": self.own.mean(float(np.mean(totals)))}
        row |= {f"train_{name}_loss": float(np.mean(v)) if v else None for name, v in by_task.items()}
        return row

    @torch.no_grad()
    def _validate(self, batches: CaseBatches, cancelled: CancelCheck) -> dict[str, float | None]:
        self.step.eval()
        tasks = self.network_settings.tasks
        logits: dict[str, list[Tensor]] = {name: [] for name in tasks}
        labels: dict[str, list[Tensor]] = {name: [] for name in tasks}
        for cpu_batch in load(batches, 0):
            raise_if_cancelled(cancelled)
            batch = cpu_batch.to(self.device)
            with torch.autocast(self.device.type, dtype=torch.float16, enabled=self.mixed):
                found = predict_logits(self.network, batch)
            for name in tasks:
                logits[name].append(found[name].float().cpu())
                labels[name].append(cpu_batch.labels[name])
        if not len(batches):
            return dict.fromkeys(_validation_columns(tasks))
        joined = {name: torch.cat(parts) for name, parts in logits.items()}
        truth = {name: torch.cat(parts) for name, parts in labels.items()}
        losses = task_losses(joined, truth)
        row: dict[str, float | None] = {
            # the plain mean, so that runs with different losses can be compared
            "validation_loss": float(torch.stack(list(losses.values())).mean()) if losses else None
        }
        for name in tasks:
            row[f"validation_{name}_loss"] = float(losses[name]) if name in losses else None
            row |= _scores(name, joined[name], truth[name])
        return row


def cosine_rate(settings: TrainSettings, epoch: int) -> float:
    """Learning rate of an epoch: from the first value in epoch 0 to the final one in the last epoch."""
    share = epoch / max(1, settings.epochs - 1)
    span = settings.learning_rate - settings.final_learning_rate
    return settings.final_learning_rate + span * 0.5 * (1 + math.cos(math.pi * share))


def log_columns(tasks: Sequence[str]) -> tuple[str, ...]:
    """Columns of a training's log."""
    learned = [f"train_{name}_loss" for name in tasks]
    return ("epoch", "learning_rate", "seconds", "train_loss", *learned, *_validation_columns(tasks))


def _validation_columns(tasks: Sequence[str]) -> tuple[str, ...]:
    kinds = ("loss", "accuracy", "auc")
    return ("validation_loss", *(f"validation_{name}_{kind}" for name in tasks for kind in kinds))


def _scores(name: str, logits: Tensor, labels: Tensor) -> dict[str, float | None]:
    known = labels != MISSING_LABEL
    truth, chances = labels[known].numpy(), logits[known].softmax(dim=1).double().numpy()
    scores: dict[str, float | None] = {f"validation_{name}_accuracy": None, f"validation_{name}_auc": None}
    if len(truth):
        scores[f"validation_{name}_accuracy"] = float((chances.argmax(axis=1) == truth).mean())
    if len(np.unique(truth)) == chances.shape[1]:
        binary = chances.shape[1] == 2
        scores[f"validation_{name}_auc"] = float(
            roc_auc_score(truth, chances[:, 1] if binary else chances, multi_class="ovr", average="macro")
        )
    return scores


def _seed_shifts(network: nn.Module, rank: int) -> None:
    """Give each process its own shifts."""
    for module in network.modules():
        if isinstance(module, Shift3D):
            module.reseed(derived_seed(module.settings.seed, rank))
