"""Training of the reconstruction multitask network and its baselines (sections 2.2 and 3 of its paper)."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, field
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
from LesionSegLib.training.pictures import LabelledPictures

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
        seed: Of every random choice.
    """

    kind: Kind = "reconstruction-mtl"
    network: ReconstructionMTLSettings = field(default_factory=ReconstructionMTLSettings)
    epochs: int = 500
    patience: int = 35
    batch: int = 4
    learning_rate: float = 1e-4
    flip: bool = True
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
        folder: Existing folder for the log.
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
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate)
    best, best_loss, waited = copy.deepcopy(network.state_dict()), float("inf"), 0
    with TrainingLog(folder, ("epoch", "loss", "validation_loss"), tensorboard=False) as record:
        for epoch in range(settings.epochs):
            network.train()
            losses = []
            draw = np.random.default_rng(derived_seed(settings.seed, epoch))
            order = draw.permutation(len(train))
            for start in range(0, len(order), settings.batch):
                raise_if_cancelled(cancelled)
                rows = order[start : start + settings.batch]
                if len(rows) == 1 and len(order) > 1:
                    continue  # a single picture has no batch statistics
                mirrored = settings.flip and bool(draw.random() < 0.5)
                loss = _loss(network, train, rows, device, mirrored)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                losses.append(float(loss.detach()))
            found = validation_loss(network, validation, settings.batch, device, cancelled)
            record.write({"epoch": epoch, "loss": float(np.mean(losses)), "validation_loss": found})
            progress((epoch + 1) / settings.epochs, f"epoch {epoch + 1}, validation loss {found:.3f}")
            waited += 1
            if found < best_loss:
                best, best_loss, waited = copy.deepcopy(network.state_dict()), found, 0
            if waited >= settings.patience:
                log.info("validation loss stopped falling after epoch %d", epoch)
                break
    network.load_state_dict(best)
    return network.eval()


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
            total += float(_loss(network, data, rows, device, False)) * len(rows)
    return total / len(data)


def score_pictures(
    network: nn.Module, data: LabelledPictures, batch: int = 8, device: torch.device | None = None
) -> PictureScores:
    """Score a network once on held-out pictures."""
    device = device or torch.device("cpu")
    network = network.to(device).eval()
    probabilities: list[float] = []
    dices: list[float] = []
    with torch.inference_mode():
        for start in range(0, len(data), batch):
            rows = slice(start, start + batch)
            output = network(torch.from_numpy(data.pictures[rows]).to(device))
            if output.classification is not None:
                probabilities += torch.sigmoid(output.classification).tolist()
            if output.segmentation is not None:
                found = (output.segmentation > 0).cpu().numpy()
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
    network: nn.Module, data: LabelledPictures, rows: np.ndarray, device: torch.device, mirrored: bool
) -> torch.Tensor:
    pictures, masks = torch.from_numpy(data.pictures[rows]), torch.from_numpy(data.masks[rows])
    if mirrored:
        pictures, masks = pictures.flip(-1), masks.flip(-1)
    pictures = pictures.to(device)
    return reconstruction_mtl_loss(
        network(pictures),
        pictures,
        masks.to(device),
        torch.from_numpy(data.has_mask[rows]).to(device),
        torch.from_numpy(data.classes[rows]).to(device),
        torch.from_numpy(data.has_class[rows]).to(device),
    )
