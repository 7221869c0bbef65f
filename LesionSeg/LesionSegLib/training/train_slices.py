"""Training of the multi-decoder network on labelled slices: one recipe, sized for a CPU or an accelerator."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ChestCTLib.learning.log import TrainingLog
from ChestCTLib.learning.seeding import derived_seed, seed_everything
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from LesionSegLib.losses.multi_label import MultiLabelLossSettings, label_alphas, multi_label_loss
from LesionSegLib.networks.multi_decoder import MultiDecoderNet, MultiDecoderSettings
from LesionSegLib.training.augment import AugmentSettings, augment
from LesionSegLib.training.labelled_slices import LEVELS, NO_CASE, LabelledSlices
from LesionSegLib.training.run_state import RunState

log = logging.getLogger(__name__)

FIRST_SHARE = 0.8  # of the progress, where there is a first stage


@dataclass(frozen=True)
class SliceTrainingSettings:
    """One training.

    Attributes:
        network: Shape of the network.
        loss: Weights of the loss.
        augmentation: Ranges of the random changes.
        slice_alphas: Weight each label by slices without it over slices with it (the paper's alpha). Off by default:
            every slice of covid19_ct_seg shows an infection, so the main label would weigh next to nothing.
        epochs: Rounds; one round draws ``slices_per_epoch`` slices.
        slices_per_epoch: Slices of volumes drawn per round, without putting back; neighbouring slices are alike.
        single_repeats: How often each single slice (medseg100) is drawn per round.
        batch: Slices per step.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: Of AdamW.
        average_decay: Per-step decay of the weights' moving average, which is what is kept.
        bfloat16: Compute in bfloat16 where the processor has it (about half the time on recent ones).
        channels_last: Memory layout; faster on CPUs.
        seed: Of every random choice.
    """

    network: MultiDecoderSettings = field(default_factory=MultiDecoderSettings)
    loss: MultiLabelLossSettings = field(default_factory=MultiLabelLossSettings)
    augmentation: AugmentSettings = field(default_factory=AugmentSettings)
    slice_alphas: bool = False
    epochs: int = 16
    slices_per_epoch: int = 480
    single_repeats: int = 2
    batch: int = 12
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    average_decay: float = 0.99
    bfloat16: bool = True
    channels_last: bool = True
    seed: int = 0


@dataclass(frozen=True)
class SliceRecipe:
    """A training of one stage or two.

    Attributes:
        settings: The training on all slices. After a first stage it keeps that stage's network.
        volumes_first: A training before it on the slices of volumes alone; None goes without.
    """

    settings: SliceTrainingSettings
    volumes_first: SliceTrainingSettings | None = None

    def each(self, change: Callable[[SliceTrainingSettings], SliceTrainingSettings]) -> SliceRecipe:
        """The same with every stage changed."""
        return SliceRecipe(change(self.settings), self.volumes_first and change(self.volumes_first))


def train_recipe(
    data: LabelledSlices,
    folder: Path,
    recipe: SliceRecipe,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> MultiDecoderNet:
    """Train in the recipe's stages; arguments as for :func:`train_slices`.

    The first stage keeps its log and checkpoint in ``volumes/``. Without any volume it is left out.
    """
    volumes = data.choose(np.flatnonzero(data.cases != NO_CASE))
    start = None
    if recipe.volumes_first is not None and len(volumes):
        own = folder / "volumes"
        own.mkdir(exist_ok=True)
        first, second = part(progress, 0.0, FIRST_SHARE), part(progress, FIRST_SHARE, 1.0)
        start = train_slices(volumes, own, recipe.volumes_first, device, first, cancelled)
        progress = second
    return train_slices(data, folder, recipe.settings, device, progress, cancelled, start)


def train_slices(
    data: LabelledSlices,
    folder: Path,
    settings: SliceTrainingSettings,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
    start: MultiDecoderNet | None = None,
) -> MultiDecoderNet:
    """Train on labelled slices.

    Args:
        data: Training rows only.
        folder: Existing folder for the log and the checkpoint; an interrupted training in it is continued.
        settings: The recipe.
        device: Where to compute; the CPU when None.
        progress: Told the share done and the last loss.
        cancelled: Asked before each step.
        start: A trained network to go on from (fine-tuning), whose shape is kept; new weights when None.

    Returns:
        The network with averaged weights, in evaluation mode, on the CPU.

    Raises:
        CancelledError: The user cancelled.
    """
    device = device or torch.device("cpu")
    seed_everything(settings.seed)
    shape = settings.network if start is None else start.settings
    network = MultiDecoderNet(shape)
    if start is not None:
        network.load_state_dict(start.state_dict())
    network = network.to(device)
    if settings.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.average_decay), use_buffers=True
    )
    epoch_rows = [_epoch_rows(data, settings, epoch) for epoch in range(settings.epochs)]
    steps = sum(-(-len(rows) // settings.batch) for rows in epoch_rows)
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps, pct_start=0.15)
    alphas = _alphas(data, settings, len(shape.labels))
    state = RunState(
        folder,
        (settings, len(data), start is None),
        network=network,
        averaged=averaged,
        optimiser=optimiser,
        schedule=schedule,
    )
    earlier = state.resume()
    done, step = earlier.get("epochs", 0), earlier.get("steps", 0)
    with TrainingLog(folder, ("epoch", "loss", "learning_rate", "seconds"), done, tensorboard=False) as record:
        for epoch in range(done, settings.epochs):
            rows = epoch_rows[epoch]
            generator = torch.Generator().manual_seed(derived_seed(settings.seed, 1, epoch))
            started, losses = time.monotonic(), []
            network.train()
            for first in range(0, len(rows), settings.batch):
                raise_if_cancelled(cancelled)
                batch = rows[first : first + settings.batch]
                loss = _loss(network, data, batch, alphas, settings, generator, device)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                averaged.update_parameters(network)
                losses.append(float(loss.detach()))
                step += 1
                progress(step / steps, f"epoch {epoch + 1} of {settings.epochs}, loss {losses[-1]:.3f}")
            record.write(
                {
                    "epoch": epoch,
                    "loss": float(np.mean(losses)),
                    "learning_rate": float(schedule.get_last_lr()[0]),
                    "seconds": round(time.monotonic() - started, 1),
                }
            )
            state.save(epochs=epoch + 1, steps=step)
            log.info("epoch %d: loss %.4f", epoch, np.mean(losses))
    result = MultiDecoderNet(shape)
    result.load_state_dict({name: value.cpu() for name, value in averaged.module.state_dict().items()})
    return result.eval()


def _epoch_rows(data: LabelledSlices, settings: SliceTrainingSettings, epoch: int) -> npt.NDArray[np.int64]:
    """Rows of one round: a draw from the volumes and all single slices, shuffled."""
    draw = np.random.default_rng(derived_seed(settings.seed, 2, epoch))
    volumes, single = np.flatnonzero(data.cases != NO_CASE), np.flatnonzero(data.cases == NO_CASE)
    drawn = draw.permutation(volumes)[: settings.slices_per_epoch]
    return draw.permutation(np.concatenate([drawn, np.repeat(single, settings.single_repeats)]))


def _alphas(data: LabelledSlices, settings: SliceTrainingSettings, count: int) -> list[float]:
    """Weight of each label: 1, or the paper's ratio over the slices annotated for it."""
    if not settings.slice_alphas:
        return [1.0] * count
    shown = data.targets.any(axis=(2, 3)) & data.known
    return [label_alphas([int(shown[:, i].sum())], int(data.known[:, i].sum()))[0] for i in range(count)]


def _loss(
    network: MultiDecoderNet,
    data: LabelledSlices,
    rows: npt.NDArray[np.int64],
    alphas: list[float],
    settings: SliceTrainingSettings,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    pictures, targets = augment(*_batch(data, rows), settings.augmentation, generator)
    known = torch.from_numpy(data.known[rows])
    labels = network.settings.labels
    pictures, targets, known = pictures.to(device), targets.to(device), known.to(device)
    if settings.channels_last:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.bfloat16):
        features = network.encoder(pictures)
        logits: list[Tensor | None] = []
        for index, label in enumerate(labels):
            rows_known = known[:, index]
            part = network.decode([level[rows_known] for level in features], label) if rows_known.any() else None
            logits.append(None if part is None else part.float())
    return multi_label_loss(logits, targets, known, alphas, settings.loss)


def _batch(data: LabelledSlices, rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Slices with their neighbours and lungs, and their targets."""
    stack = np.stack(
        [data.pictures[data.before[rows]], data.pictures[rows], data.pictures[data.after[rows]], data.lungs[rows]], 1
    )
    return torch.from_numpy(stack).float() / LEVELS, torch.from_numpy(data.targets[rows]).float()
