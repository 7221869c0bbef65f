"""Two-stage training of DeepSC-COVID (section V-A): each subnet alone, then all three together."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ChestCTLib.learning.log import TrainingLog
from ChestCTLib.learning.seeding import derived_seed, seed_everything
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from LesionSegLib.losses.deepsc import DeepSCLossSettings, inverse_frequencies, total_loss
from LesionSegLib.networks.deepsc_covid import CLASSES, DeepSCCovid, DeepSCSettings
from LesionSegLib.training.run_state import RunState
from LesionSegLib.training.scans import DeepSCScan, mirrored, random_patch, sampled
from LesionSegLib.training.whole_scans import Triple, segment_scan

VOLUME_DIMENSIONS = 5  # of a 3D convolution's weights


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
        classification_rate: Of the classification in the first stage, instead of ``first_rate``; None takes that.
        seed: Of every random choice.
        mirror: Share of scans seen with left and right exchanged; the paper names no augmentation.
        true_lesions: Whether the classification, on its way to joint training, sees the true lesions in the first
            stage, where nothing is segmented for it yet; without, its lesion path starts unlearnt in the second.
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
    classification_rate: float | None = None
    seed: int = 0
    mirror: float = 0.0
    true_lesions: bool = True


@dataclass(frozen=True)
class _Run:
    """What both stages are given; see :func:`train_deepsc`."""

    scans: list[DeepSCScan]
    folder: Path
    settings: DeepSCTrainingSettings
    segment: bool
    classify: bool
    device: torch.device
    progress: Progress
    cancelled: CancelCheck


def train_deepsc(
    scans: list[DeepSCScan],
    folder: Path,
    settings: DeepSCTrainingSettings,
    segment: bool = True,
    classify: bool = True,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
    pretrained: DeepSCCovid | None = None,
) -> DeepSCCovid:
    """Train on scans with lesions and diagnoses, in two stages.

    Args:
        scans: Training scans; those without a label teach the segmentation alone.
        folder: Existing folder for the log and the checkpoints; an interrupted training in it is continued.
        settings: The recipe.
        segment: Train the segmentation; False leaves the classification alone (the paper's "w/o Seg.").
        classify: Likewise ("w/o Cls.").
        device: Where to compute; the CPU when None.
        progress: Told the share done.
        cancelled: Asked before each step.
        pretrained: What :func:`pretrain_deepsc` gave for the same recipe, whose first stage is then not repeated: in it
            the subnets share nothing, so a pair learns what each learns alone.

    Returns:
        The network in evaluation mode.
    """
    if pretrained is None:
        share = settings.first_epochs / max(settings.first_epochs + settings.second_epochs, 1)
        early, progress = part(progress, 0.0, share), part(progress, share, 1.0)
        pretrained = pretrain_deepsc(scans, folder, settings, segment, classify, device, early, cancelled)
    run = _Run(scans, folder, settings, segment, classify, device or torch.device("cpu"), progress, cancelled)
    network = copy.deepcopy(pretrained)
    rates = (settings.second_rate, settings.second_rate)
    return _train_stage(network, run, 2, settings.second_epochs, rates, together=segment and classify).eval()


def pretrain_deepsc(
    scans: list[DeepSCScan],
    folder: Path,
    settings: DeepSCTrainingSettings,
    segment: bool = True,
    classify: bool = True,
    device: torch.device | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> DeepSCCovid:
    """The first stage, each subnet alone; arguments as for :func:`train_deepsc`."""
    device = device or torch.device("cpu")
    seed_everything(settings.seed)
    network = DeepSCCovid(settings.network).to(device)
    for weight in network.parameters():  # a third faster on CPUs
        if weight.dim() == VOLUME_DIMENSIONS:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)
    run = _Run(scans, folder, settings, segment, classify, device, progress, cancelled)
    rates = (settings.first_rate, settings.classification_rate or settings.first_rate)
    return _train_stage(network, run, 1, settings.first_epochs, rates, together=False)


def _train_stage(
    network: DeepSCCovid, run: _Run, number: int, epochs: int, rates: tuple[float, float], together: bool
) -> DeepSCCovid:
    """Adam with rates (segmentation, classification) that fall linearly to 0; continues from its own checkpoint."""
    settings = run.settings
    labels = [scan.label for scan in run.scans if scan.label is not None]
    weights = inverse_frequencies(labels, len(CLASSES)).to(run.device)
    diagnosing = [*network.classification_features.parameters(), *network.classifier.parameters()]
    others = [weight for weight in network.parameters() if all(weight is not one for one in diagnosing)]
    groups = [{"params": others, "lr": rates[0]}, {"params": diagnosing, "lr": rates[1]}]
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.999))
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=max(epochs, 1))
    own = run.folder / f"stage-{number}"
    own.mkdir(exist_ok=True)
    asked = (settings, run.segment, run.classify, len(run.scans))
    state = RunState(own, asked, network=network, optimiser=optimiser, schedule=schedule)
    done = state.resume().get("epochs", 0)
    with TrainingLog(own, ("epoch", "loss"), done, tensorboard=False) as record:
        for epoch in range(done, epochs):
            draw = np.random.default_rng(derived_seed(settings.seed, 1000 * number + epoch))
            losses = []
            for chosen in _batches(run.scans, settings.batch, run.segment, draw):
                raise_if_cancelled(run.cancelled)
                batch = _Batch(chosen, settings, draw, run.device)
                for loss in _losses(network, batch, weights, settings, run.segment, run.classify, together):
                    optimiser.zero_grad(set_to_none=True)
                    loss.backward()
                    optimiser.step()
                    losses.append(float(loss.detach()))
            schedule.step()
            record.write({"epoch": epoch, "loss": float(np.mean(losses))})
            state.save(epochs=epoch + 1)
            run.progress((epoch + 1) / epochs, f"stage {number}, epoch {epoch + 1} of {epochs}, {np.mean(losses):.3f}")
    return network


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
    """Patches, places, sampled slices and classes of some scans.

    Patches that are the whole scans need no place.
    """

    def __init__(
        self, scans: list[DeepSCScan], settings: DeepSCTrainingSettings, draw: np.random.Generator, device: torch.device
    ) -> None:
        self.scans = [mirrored(scan) if draw.random() < settings.mirror else scan for scan in scans]
        parts = [random_patch(scan, settings.patch, draw) for scan in self.scans]
        self.patches, self.truth = (torch.stack([part[index] for part in parts]).to(device) for index in range(2))
        self.slices = torch.stack([sampled(scan, settings.slices) for scan in self.scans]).to(device)
        whole = self.patches.shape == self.slices.shape
        self.places = None if whole else torch.stack([part[2] for part in parts]).to(device)
        self.lesions = torch.stack(
            [sampled(replace(scan, volume=scan.lesions), settings.slices) for scan in self.scans]
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
    if together:
        rest = None if batch.places is None else _rest(network, batch, settings)
        output = network(batch.patches, batch.slices, None, batch.places, rest, settings.loss.stop_gradient)
        return [total_loss(network, output, batch.truth, batch.classes, weights, settings.loss, batch.places)]
    losses = []
    if segment:
        losses.append(total_loss(network, network(batch.patches, None), batch.truth, None, weights, settings.loss))
    if classify and batch.classes is not None:
        # alone, the classification has no segmented lesions to lean on
        output = network(None, batch.slices, batch.lesions if segment and settings.true_lesions else None)
        losses.append(total_loss(network, output, None, batch.classes, weights, settings.loss))
    return losses


def _rest(network: DeepSCCovid, batch: _Batch, settings: DeepSCTrainingSettings) -> Tensor:
    """What the network finds outside the patches now, so that the diagnosis learns with whole scans' lesions."""
    device = batch.slices.device
    with torch.no_grad():
        found = [
            segment_scan(network, scan, settings.patch, slices[None], device)
            for scan, slices in zip(batch.scans, batch.slices, strict=True)
        ]
    scans = [replace(scan, volume=lesions) for scan, lesions in zip(batch.scans, found, strict=True)]
    return torch.stack([sampled(scan, settings.slices) for scan in scans]).to(device)
