"""Training of the reconstruction multitask network and its baselines (sections 2.2 and 3 of its paper)."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from ChestCTLib.learning.log import TrainingLog
from ChestCTLib.learning.seeding import derived_seed, seed_everything
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from LesionSegLib.losses.reconstruction_mtl import reconstruction_mtl_loss
from LesionSegLib.networks.reconstruction_mtl import EightLayerCNN, ReconstructionMTL, ReconstructionMTLSettings
from LesionSegLib.training.augment import AugmentSettings, augment
from LesionSegLib.training.pictures import LabelledPictures
from LesionSegLib.training.run_state import RunState

log = logging.getLogger(__name__)

Kind = Literal["reconstruction-mtl", "cnn"]


@dataclass(frozen=True)
class PictureTrainingSettings:
    """One training.

    Attributes:
        kind: The multitask network (with the tasks of ``network``) or the 8-layer CNN.
        network: Shape and tasks of the multitask network; segmentation alone is the U-Net baseline.
        epochs: At most; the paper: 500 (multitask), 1500 (CNN).
        patience: Epochs without a better validation loss before it ends (paper: 35).
        batch: Pictures per step (paper: 4).
        learning_rate: Of Adam (paper: 1e-4).
        flip: Mirror pictures left to right at random; the paper names no augmentation.
        augmentation: Further random changes of the training pictures, on top of ``flip``; none when None.
        weight_decay: Of the optimiser; above 0 it is AdamW.
        average_decay: Per-step decay of a moving average of the weights, which is then what is validated and kept;
            0 keeps the weights themselves, as the paper does.
        bfloat16: Compute in bfloat16 where the processor has it.
        seed: Of every random choice.
    """

    kind: Kind = "reconstruction-mtl"
    network: ReconstructionMTLSettings = field(default_factory=ReconstructionMTLSettings)
    epochs: int = 500
    patience: int = 35
    batch: int = 4
    learning_rate: float = 1e-4
    flip: bool = True
    augmentation: AugmentSettings | None = None
    weight_decay: float = 0.0
    average_decay: float = 0.0
    bfloat16: bool = False
    seed: int = 0


@dataclass(frozen=True)
class PictureScores:
    """Scores on pictures that were not trained on; None where the network or the pictures lack the task.

    Attributes:
        auc: Area under the ROC curve of COVID-19 against not.
        accuracy: At probability 0.5.
        dice: Mean Dice over the pictures with a mask that shows a lesion.
    """

    auc: float | None
    accuracy: float | None
    dice: float | None


def train_pictures(
    train: LabelledPictures,
    validation: LabelledPictures,
    folder: Path,
    settings: PictureTrainingSettings,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> nn.Module:
    """Train until the validation loss stops falling; the best epoch's weights are kept.

    Args:
        train: Training pictures.
        validation: Chooses the epoch; never the test pictures.
        folder: Existing folder for the log and the checkpoint; an interrupted training in it is continued.
        settings: The recipe.
        device: Where to compute; the CPU when None.
        progress: Told the share of the largest number of epochs.
        cancelled: Asked before each step.

    Returns:
        The network in evaluation mode.
    """
    device = device or torch.device("cpu")
    seed_everything(settings.seed)
    network = build(settings, train.pictures.shape[-1]).to(device)
    averaged = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.average_decay), use_buffers=True
    )
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    asked = (replace(settings, epochs=0), len(train), len(validation))  # more epochs go on with the same training
    state = RunState(folder, asked, network=network, averaged=averaged, optimiser=optimiser)
    earlier = state.resume()
    first, waited = earlier.get("epochs", 0), earlier.get("waited", 0)
    best_loss = earlier.get("best_loss", float("inf"))
    best = earlier.get("best", copy.deepcopy(averaged.module.state_dict()))
    with TrainingLog(folder, ("epoch", "loss", "validation_loss"), first, tensorboard=False) as record:
        for epoch in range(first, settings.epochs):
            if waited >= settings.patience:
                log.info("validation loss stopped falling before epoch %d", epoch)
                break
            loss = _train_epoch(network, averaged, optimiser, train, settings, epoch, device, cancelled)
            found = validation_loss(averaged.module, validation, settings.batch, device, cancelled)
            record.write({"epoch": epoch, "loss": loss, "validation_loss": found})
            progress((epoch + 1) / settings.epochs, f"epoch {epoch + 1}, validation loss {found:.3f}")
            waited += 1
            if found < best_loss:
                best, best_loss, waited = copy.deepcopy(averaged.module.state_dict()), found, 0
            state.save(epochs=epoch + 1, best=best, best_loss=best_loss, waited=waited)
    network.load_state_dict(best)
    return network.eval()


def _train_epoch(
    network: nn.Module,
    averaged: torch.optim.swa_utils.AveragedModel,
    optimiser: torch.optim.Optimizer,
    train: LabelledPictures,
    settings: PictureTrainingSettings,
    epoch: int,
    device: torch.device,
    cancelled: CancelCheck,
) -> float:
    """One round over the training pictures; the mean loss."""
    network.train()
    losses = []
    draw = np.random.default_rng(derived_seed(settings.seed, epoch))
    generator = torch.Generator().manual_seed(derived_seed(settings.seed, epoch, 1))
    order = draw.permutation(len(train))
    for start in range(0, len(order), settings.batch):
        raise_if_cancelled(cancelled)
        rows = order[start : start + settings.batch]
        if len(rows) == 1 and len(order) > 1:
            continue  # a single picture has no batch statistics
        mirrored = settings.flip and bool(draw.random() < 0.5)
        pictures, masks = _changed(train, rows, mirrored, settings.augmentation, generator)
        loss = _loss(network, train, rows, pictures, masks, device, settings.bfloat16)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        averaged.update_parameters(network)
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _changed(
    data: LabelledPictures,
    rows: np.ndarray,
    mirrored: bool,
    augmentation: AugmentSettings | None,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures and masks of some rows, mirrored and changed at random."""
    pictures, masks = torch.from_numpy(data.pictures[rows]), torch.from_numpy(data.masks[rows])
    if mirrored:
        pictures, masks = pictures.flip(-1), masks.flip(-1)
    if augmentation is None:
        return pictures, masks
    stack = torch.cat([pictures, torch.ones_like(pictures)], 1)  # no lung mask is known
    stack, masks = augment(stack, masks, augmentation, generator)
    return stack[:, :1].contiguous(), masks


def build(settings: PictureTrainingSettings, side: int) -> nn.Module:
    """The network a recipe names."""
    return EightLayerCNN(side) if settings.kind == "cnn" else ReconstructionMTL(settings.network)


def validation_loss(
    network: nn.Module,
    data: LabelledPictures,
    batch: int,
    device: torch.device,
    cancelled: CancelCheck = never_cancelled,
) -> float:
    """Mean loss over pictures, without training."""
    network.eval()
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(data), batch):
            raise_if_cancelled(cancelled)
            rows = np.arange(start, min(len(data), start + batch))
            pictures, masks = torch.from_numpy(data.pictures[rows]), torch.from_numpy(data.masks[rows])
            total += float(_loss(network, data, rows, pictures, masks, device)) * len(rows)
    return total / len(data)


def score_pictures(
    network: nn.Module, data: LabelledPictures, batch: int = 8, device: torch.device | None = None
) -> PictureScores:
    """Score a network once on held-out pictures; each is looked at twice, also mirrored, and the outputs averaged."""
    device = device or torch.device("cpu")
    network = network.to(device).eval()
    probabilities: list[float] = []
    dices: list[float] = []
    with torch.inference_mode():
        for start in range(0, len(data), batch):
            rows = slice(start, start + batch)
            pictures = torch.from_numpy(data.pictures[rows]).to(device)
            output, other = network(pictures), network(pictures.flip(-1))
            if output.classification is not None:
                both = torch.sigmoid(output.classification) + torch.sigmoid(other.classification)
                probabilities += (both / 2).tolist()
            if output.segmentation is not None:
                both = torch.sigmoid(output.segmentation) + torch.sigmoid(other.segmentation).flip(-1)
                found = (both / 2 >= 0.5).cpu().numpy()
                for mask, truth, known in zip(found, data.masks[rows] > 0, data.has_mask[rows], strict=True):
                    if known and truth.any():
                        dices.append(2.0 * float((mask & truth).sum()) / float(mask.sum() + truth.sum()))
    return PictureScores(*_class_scores(probabilities, data), float(np.mean(dices)) if dices else None)


def _class_scores(probabilities: list[float], data: LabelledPictures) -> tuple[float | None, float | None]:
    known = data.has_class
    if not probabilities or not known.any():
        return None, None
    found, truth = np.asarray(probabilities)[known], data.classes[known]
    auc = float(roc_auc_score(truth, found)) if len(set(truth.tolist())) == 2 else None
    return auc, float(((found >= 0.5) == (truth == 1)).mean())


def _loss(
    network: nn.Module,
    data: LabelledPictures,
    rows: np.ndarray,
    pictures: torch.Tensor,
    masks: torch.Tensor,
    device: torch.device,
    bfloat16: bool = False,
) -> torch.Tensor:
    pictures = pictures.to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        output = network(pictures)
    return reconstruction_mtl_loss(
        output.float(),
        pictures,
        masks.to(device),
        torch.from_numpy(data.has_mask[rows]).to(device),
        torch.from_numpy(data.classes[rows]).to(device),
        torch.from_numpy(data.has_class[rows]).to(device),
    )
