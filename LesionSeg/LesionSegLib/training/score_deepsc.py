"""How well DeepSC-COVID segments and diagnoses scans that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from LesionSegLib.networks.deepsc_covid import DeepSCCovid
from LesionSegLib.training.scans import DeepSCScan, sampled
from LesionSegLib.training.train_deepsc import DeepSCTrainingSettings
from LesionSegLib.training.whole_scans import read_scan


@dataclass(frozen=True)
class DeepSCCase:
    """Scores of one scan.

    Attributes:
        dice: Of its lesions; None without lesions or without segmentation.
        right: Whether the diagnosis is; None without one.
        evidence_ratio: Share of the finest evidence mask (its positive part, of the true class; equation 5) in
            lesions over the lesions' share of the lungs: above 1 the diagnosis looks at lesions. None without
            lesions, classification or evidence.
    """

    dice: float | None
    right: bool | None
    evidence_ratio: float | None


@dataclass(frozen=True)
class DeepSCScores:
    """Means over scans; None where no scan has the score.

    Attributes:
        dice: See :class:`DeepSCCase`.
        accuracy: Share of right diagnoses.
        evidence_ratio: See :class:`DeepSCCase`.
    """

    dice: float | None
    accuracy: float | None
    evidence_ratio: float | None

    @classmethod
    def of(cls, cases: Sequence[DeepSCCase]) -> DeepSCScores:
        """The means."""
        return cls(
            _mean([case.dice for case in cases]),
            _mean([case.right for case in cases]),
            _mean([case.evidence_ratio for case in cases]),
        )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def score_deepsc(
    network: DeepSCCovid,
    scans: list[DeepSCScan],
    settings: DeepSCTrainingSettings,
    segment: bool = True,
    classify: bool = True,
    device: torch.device | None = None,
) -> list[DeepSCCase]:
    """Segment whole scans from non-overlapping patches and classify them with the lesions found.

    Args:
        network: The network.
        scans: Scans with their truth.
        settings: What it was trained with.
        segment: Whether the segmentation was trained.
        classify: Whether the classification was trained.
        device: Where to compute; the CPU when None.

    Returns:
        One row a scan, in order.
    """
    device = device or torch.device("cpu")
    network = network.to(device).eval()
    rows = []
    for scan in scans:
        said = read_scan(network, scan, settings.patch, settings.slices, segment, classify, device)
        dice = right = ratio = None
        truth = scan.lesions > 0.5
        if said.lesions is not None and truth.any():
            found = said.lesions > 0.5
            dice = 2.0 * float((found & truth).sum()) / float(found.sum() + truth.sum())
        if said.logits is not None and said.evidence is not None and scan.label is not None:
            right = bool(said.logits.argmax() == scan.label)
            ratio = _evidence_ratio(said.evidence[scan.label], scan, settings.slices)
        rows.append(DeepSCCase(dice, right, ratio))
    return rows


def _evidence_ratio(evidence: npt.NDArray[np.float32], scan: DeepSCScan, slices: int) -> float | None:
    lesions = sampled(replace(scan, volume=scan.lesions), slices)[0].numpy() > 0.5
    lungs = sampled(scan, slices)[0].numpy() > 0
    shown = np.maximum(evidence, 0.0)
    if not lesions.any() or not shown[lungs].any():
        return None
    return float(shown[lesions].mean() / shown[lungs].mean())
