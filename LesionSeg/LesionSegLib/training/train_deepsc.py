"""Two-stage training of DeepSC-COVID (section V-A): each subnet alone, then all three together."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ChestCTLib.learning.log import TrainingLog
from ChestCTLib.learning.seeding import derived_seed, seed_everything
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from LesionSegLib.losses.deepsc import DeepSCLossSettings, inverse_frequencies, total_loss
from LesionSegLib.networks.deepsc_covid import CLASSES, DeepSCCovid, DeepSCSettings
from LesionSegLib.training.scans import DeepSCScan, random_patch, sampled

log = logging.getLogger(__name__)

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class DeepSCTrainingSettings:
    """One training.

    Attributes:
        network: Shape and ablations.
        loss: Weights of the losses.
        patch: Voxels of a segmentation patch; the paper's 24 x 256 x 256 by default.
        slices: Equidistant slices for the classification (paper: 48).
        first_epochs: Rounds of the first stage, each subnet alone.
        second_epochs: Rounds of the second stage, together.
        batch: Scans per step.
        first_rate: Learning rate of the first stage (paper: 1e-3), falling linearly to 0.
        second_rate: Of the second (paper: 1e-4), likewise.
        seed: Of every random choice.
    """

    network: DeepSCSettings = field(default_factory=DeepSCSettings)
    loss: DeepSCLossSettings = field(default_factory=DeepSCLossSettings)
    patch: Triple = (24, 256, 256)
    slices: int = 48
    first_epochs: int = 40
    second_epochs: int = 40
    batch: int = 2
    first_rate: float = 1e-3
    second_rate: float = 1e-4
    seed: int = 0


@dataclass(frozen=True)
class DeepSCScores:
    """Scores on scans that were not trained on.

    Attributes:
        dice: Mean Dice over the scans with lesions; None without such scans or without segmentation.
        accuracy: Share of right diagnoses; None without classification.
    """

    dice: float | None
    accuracy: float | None


def train_deepsc(
    scans: list[DeepSCScan],
    folder: Path,
    settings: DeepSCTrainingSettings,
    segment: bool = True,
    classify: bool = True,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> DeepSCCovid:
    """Train on scans with lesions and diagnoses.

    Args:
        scans: Training scans.
        folder: Existing folder for the log.
        settings: The recipe.
        segment: Train the segmentation; False leaves the classification alone (the paper's "w/o Seg.").
        classify: Likewise ("w/o Cls.").
        device: Where to compute; the CPU when None.
        progress: Told the share done.
        cancelled: Asked before each step.

    Returns:
        The network in evaluation mode.
    """
    device = device or torch.device("cpu")
    seed_everything(settings.seed)
    network = DeepSCCovid(settings.network).to(device)
    weights = inverse_frequencies([scan.label for scan in scans], len(CLASSES)).to(device)
    joint = segment and classify
    stages = [
        (settings.first_epochs, settings.first_rate, False),
        (settings.second_epochs, settings.second_rate, joint),
    ]
    every = sum(epochs for epochs, _, _ in stages)
    done = 0
    with TrainingLog(folder, ("epoch", "stage", "loss"), tensorboard=False) as record:
        for stage, (epochs, rate, together) in enumerate(stages, start=1):
            optimiser = torch.optim.Adam(network.parameters(), rate, betas=(0.9, 0.999))
            schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=max(epochs, 1))
            for _ in range(epochs):
                draw = np.random.default_rng(derived_seed(settings.seed, done))
                losses = []
                order = draw.permutation(len(scans))
                for start in range(0, len(order), settings.batch):
                    raise_if_cancelled(cancelled)
                    chosen = [scans[row] for row in order[start : start + settings.batch]]
                    batch = _Batch(chosen, settings, draw, device)
                    for loss in _losses(network, batch, weights, settings, segment, classify, together):
                        optimiser.zero_grad(set_to_none=True)
                        loss.backward()
                        optimiser.step()
                        losses.append(float(loss.detach()))
                schedule.step()
                record.write({"epoch": done, "stage": stage, "loss": float(np.mean(losses))})
                done += 1
                progress(done / every, f"stage {stage}, epoch {done} of {every}, loss {np.mean(losses):.3f}")
    return network.eval()


class _Batch:
    """Patches, places, sampled slices and classes of some scans."""

    def __init__(
        self, scans: list[DeepSCScan], settings: DeepSCTrainingSettings, draw: np.random.Generator, device: torch.device
    ) -> None:
        parts = [random_patch(scan, settings.patch, draw) for scan in scans]
        self.patches, self.truth, self.places = (
            torch.stack([part[index] for part in parts]).to(device) for index in range(3)
        )
        self.slices = torch.stack([sampled(scan, settings.slices) for scan in scans]).to(device)
        self.lesions = torch.stack(
            [sampled(DeepSCScan(scan.lesions, scan.lesions, scan.label), settings.slices) for scan in scans]
        ).to(device)
        self.classes = torch.tensor([scan.label for scan in scans], device=device)


def _losses(
    network: DeepSCCovid,
    batch: _Batch,
    weights: Tensor,
    settings: DeepSCTrainingSettings,
    segment: bool,
    classify: bool,
    together: bool,
) -> list[Tensor]:
    """One loss a step: of the tasks apart (first stage), or of all subnets (second stage)."""
    if together:
        output = network(batch.patches, batch.slices, None, batch.places)
        return [total_loss(network, output, batch.truth, batch.classes, weights, settings.loss, batch.places)]
    losses = []
    if segment:
        losses.append(total_loss(network, network(batch.patches, None), batch.truth, None, weights, settings.loss))
    if classify:
        # alone, the classification has no segmented lesions to lean on
        output = network(None, batch.slices)
        losses.append(total_loss(network, output, None, batch.classes, weights, settings.loss))
    return losses


def score_deepsc(
    network: DeepSCCovid,
    scans: list[DeepSCScan],
    settings: DeepSCTrainingSettings,
    segment: bool = True,
    classify: bool = True,
    device: torch.device | None = None,
) -> DeepSCScores:
    """Segment whole scans from non-overlapping patches and classify them with the lesions found."""
    device = device or torch.device("cpu")
    network = network.to(device).eval()
    dices, right = [], []
    with torch.inference_mode():
        for scan in scans:
            slices = sampled(scan, settings.slices)[None].to(device)
            lesions = torch.zeros_like(slices)
            if segment:
                found = segment_scan(network, scan, settings.patch, slices if classify else None, device)
                truth = scan.lesions > 0.5
                if truth.any():
                    dices.append(2.0 * float((found & truth).sum()) / float(found.sum() + truth.sum()))
                as_scan = DeepSCScan(found.astype(np.float32), scan.lesions, scan.label)
                lesions = sampled(as_scan, settings.slices)[None].to(device)
            if classify:
                logits = network(None, slices, lesions).class_logits
                right.append(int(logits.argmax()) == scan.label)
    return DeepSCScores(float(np.mean(dices)) if dices else None, float(np.mean(right)) if right else None)


def segment_scan(
    network: DeepSCCovid, scan: DeepSCScan, patch: Triple, slices: Tensor | None, device: torch.device
) -> np.ndarray:
    """Lesions of a whole scan: non-overlapping patches put together again; the last of a row is moved inwards."""
    volume = torch.from_numpy(scan.volume)[None, None].to(device)
    found = np.zeros(scan.volume.shape, bool)
    size = [min(a, b) for a, b in zip(patch, scan.volume.shape, strict=True)]
    starts = [sorted({min(a, n - s) for a in range(0, n, s)}) for n, s in zip(scan.volume.shape, size, strict=True)]
    for z in starts[0]:
        for y in starts[1]:
            for x in starts[2]:
                box = (slice(z, z + size[0]), slice(y, y + size[1]), slice(x, x + size[2]))
                output = network(volume[(slice(None), slice(None), *box)], slices)
                found[box] = (output.lesion[0, 0] > 0.5).cpu().numpy()
    return found
