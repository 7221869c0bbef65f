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
from LesionSegLib.networks.deepsc_covid import CLASSES, DeepSCCovid, DeepSCOutput, DeepSCSettings
from LesionSegLib.training.run_state import RunState
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
        evidence_ratio: Mean of the finest evidence mask (its positive part, of the true class; equation 5) in lesions
            over its mean in the lungs, mean over the scans with lesions: above 1 the diagnosis looks at lesions.
            None without classification.
    """

    dice: float | None
    accuracy: float | None
    evidence_ratio: float | None = None


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
        scans: Training scans; those without a label teach the segmentation alone.
        folder: Existing folder for the log and the checkpoint; an interrupted training in it is continued.
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
    weights = inverse_frequencies([scan.label for scan in scans if scan.label is not None], len(CLASSES)).to(device)
    stages = (
        _Stage(1, settings.first_epochs, settings.first_rate, together=False),
        _Stage(2, settings.second_epochs, settings.second_rate, together=segment and classify),
    )
    every = sum(stage.epochs for stage in stages)
    asked = (settings, segment, classify, len(scans))
    first = 0  # epochs of earlier stages
    for stage in stages:
        optimiser = torch.optim.Adam(network.parameters(), stage.rate, betas=(0.9, 0.999))
        schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=max(stage.epochs, 1))
        own = folder / f"stage-{stage.number}"
        own.mkdir(exist_ok=True)
        state = RunState(own, asked, network=network, optimiser=optimiser, schedule=schedule)
        done = state.resume().get("epochs", first)
        with TrainingLog(folder, ("epoch", "stage", "loss"), done, tensorboard=False) as record:
            for epoch in range(done, first + stage.epochs):
                draw = np.random.default_rng(derived_seed(settings.seed, epoch))
                losses = []
                for chosen in _batches(scans, settings.batch, segment, draw):
                    raise_if_cancelled(cancelled)
                    batch = _Batch(chosen, settings, draw, device)
                    for loss in _losses(network, batch, weights, settings, segment, classify, stage.together):
                        optimiser.zero_grad(set_to_none=True)
                        loss.backward()
                        optimiser.step()
                        losses.append(float(loss.detach()))
                schedule.step()
                record.write({"epoch": epoch, "stage": stage.number, "loss": float(np.mean(losses))})
                state.save(epochs=epoch + 1)
                progress(
                    (epoch + 1) / every, f"stage {stage.number}, epoch {epoch + 1} of {every}, {np.mean(losses):.3f}"
                )
        first += stage.epochs
    return network.eval()


@dataclass(frozen=True)
class _Stage:
    """One of the two stages: its number, epochs, learning rate, and whether both subnets learn from one loss."""

    number: int
    epochs: int
    rate: float
    together: bool


def _batches(scans: list[DeepSCScan], size: int, segment: bool, draw: np.random.Generator) -> list[list[DeepSCScan]]:
    """The scans of one epoch in random order; a batch has labels or none, never some."""
    batches = []
    for labelled in (True, False):
        rows = [row for row, scan in enumerate(scans) if (scan.label is not None) == labelled]
        if labelled or segment:
            order = draw.permutation(rows)
            batches += [[scans[row] for row in order[start : start + size]] for start in range(0, len(order), size)]
    return [batches[index] for index in draw.permutation(len(batches))]


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
        labels = [scan.label for scan in scans]
        self.classes = None if None in labels else torch.tensor(labels, device=device)


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
    if together and batch.classes is not None:
        output = network(batch.patches, batch.slices, None, batch.places)
        return [total_loss(network, output, batch.truth, batch.classes, weights, settings.loss, batch.places)]
    losses = []
    if segment:
        losses.append(total_loss(network, network(batch.patches, None), batch.truth, None, weights, settings.loss))
    if classify and batch.classes is not None:
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
    dices, right, ratios = [], [], []
    with torch.inference_mode():
        for scan in scans:
            slices = sampled(scan, settings.slices)[None].to(device)
            lesions = torch.zeros_like(slices)
            truth = scan.lesions > 0.5
            if segment:
                found = segment_scan(network, scan, settings.patch, slices if classify else None, device)
                if truth.any():
                    dices.append(2.0 * float((found & truth).sum()) / float(found.sum() + truth.sum()))
                as_scan = DeepSCScan(found.astype(np.float32), scan.lesions, scan.label)
                lesions = sampled(as_scan, settings.slices)[None].to(device)
            if classify and scan.label is not None:
                output = network(None, slices, lesions)
                right.append(int(output.class_logits.argmax()) == scan.label)
                ratio = _evidence_ratio(network, output, scan, settings.slices)
                if ratio is not None:
                    ratios.append(ratio)
    return DeepSCScores(*[float(np.mean(values)) if values else None for values in (dices, right, ratios)])


def _evidence_ratio(network: DeepSCCovid, output: DeepSCOutput, scan: DeepSCScan, slices: int) -> float | None:
    """Mean positive evidence of the true class in lesions over that in the lungs; None without lesions or evidence."""
    lesions = sampled(DeepSCScan(scan.lesions, scan.lesions, scan.label), slices)[0].numpy() > 0.5
    lungs = sampled(scan, slices)[0].numpy() > 0
    evidence = network.evidence(output, torch.tensor([scan.label], device=output.encoded[0].device))[0]
    raised = torch.nn.functional.interpolate(evidence, lesions.shape, mode="trilinear", align_corners=False)
    shown = raised[0, 0].clamp(min=0).cpu().numpy()
    if not lesions.any() or not shown[lungs].any():
        return None
    return float(shown[lesions].mean() / shown[lungs].mean())


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
