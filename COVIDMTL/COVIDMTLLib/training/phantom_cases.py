"""Phantoms as training cases: their labels, and the truth that explanations are measured against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ChestCTLib.phantom import Diagnosis, Phantom, PhantomSettings
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress
from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.phantom_sets import PreparedPhantom, prepare_phantoms
from COVIDMTLLib.training.cases import PreparedCase, Split
from COVIDMTLLib.training.data_table import save_prepared

# Of the cohort's 998 cases positive for radiologists, 237 were not confirmed by the nucleic acid test (Section 3).
NAT_MISSED_SHARE = 237 / 998
SEVERE_LESION_SHARE = 0.15  # of the lungs' volume; about a third of the COVID phantoms lie above
COVID_SHARE = 0.5  # of the phantoms; the rest is CAP and healthy in equal parts
# Scans of different grids, from thin to thick slices, so that a network does not learn one
SPACINGS_MM = ((3.0, 3.0, 3.0), (3.5, 2.8, 2.8), (5.0, 2.5, 2.5), (4.0, 3.5, 3.5))
MASK_ERROR_CHANCE = 0.3  # share of phantoms whose lung mask is drawn a voxel too wide or too narrow
FIRST_SEED = {"train": 1_000_000, "validation": 2_000_000, "test": 3_000_000}  # no phantom is in two splits


@dataclass(frozen=True)
class PhantomCase:
    """A phantom ready for training, with its truth.

    Attributes:
        case: The prepared case; ``nat`` holds the noisy label.
        settings: What it was made from.
        lesion_share: Lesion volume over lung volume.
    """

    case: PreparedCase
    settings: PhantomSettings
    lesion_share: float


def phantom_labels(diagnosis: Diagnosis, lesion_share: float, seed: int) -> dict[str, int]:
    """Labels of a phantom, as the cohort's are defined.

    ``ct`` is whether it is COVID-19; ``nat`` misses 24 % of those at random, as the cohort's tests did; ``severity`` is
    control for all others and, for COVID-19, mild below and severe above 15 % lesion volume.

    Args:
        diagnosis: Of the phantom.
        lesion_share: Lesion volume over lung volume.
        seed: Of the phantom; decides whether the test misses it.
    """
    covid = diagnosis == "covid"
    found = np.random.default_rng([seed, 5]).random() >= NAT_MISSED_SHARE
    severity = 0 if not covid else 2 if lesion_share >= SEVERE_LESION_SHARE else 1
    return {"ct": int(covid), "nat": int(covid and found), "severity": severity}


def phantom_settings(split: Split, number: int) -> PhantomSettings:
    """What the phantom of a split's number is made from."""
    seed = FIRST_SEED[split] + number
    rng = np.random.default_rng([seed, 3])
    draw = rng.random()
    other: Diagnosis = "cap" if draw < (1 + COVID_SHARE) / 2 else "none"
    spacing = SPACINGS_MM[int(rng.integers(len(SPACINGS_MM)))]
    return PhantomSettings(seed=seed, diagnosis="covid" if draw < COVID_SHARE else other, spacing_mm=spacing)


def make_phantom_cases(
    split: Split,
    count: int,
    input_settings: InputSettings,
    folder: Path,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[PhantomCase]:
    """Make a split's phantoms and prepare them; those in the folder already are not made again.

    Args:
        split: "train", "validation" or "test".
        count: Number of phantoms.
        input_settings: What the network sees.
        folder: Gets two small files a phantom.
        progress: Told the share made.
        cancelled: Asked between phantoms.
    """

    def prepare(phantom: Phantom, path: Path) -> dict[str, float]:
        lungs = imperfect_mask(phantom.lungs, phantom.settings.seed) if split == "train" else phantom.lungs
        save_prepared(path, phantom.volume, lungs, input_settings)
        return {"lesion_share": float((phantom.lesions > 0).sum() / max(1, int((phantom.lungs > 0).sum())))}

    wanted = [phantom_settings(split, number) for number in range(count)]
    made = prepare_phantoms(wanted, prepare, (input_settings, split), folder, ".npy", progress, cancelled)
    return [_case(f"{split}-{number:05d}", split, phantom) for number, phantom in enumerate(made)]


def _case(name: str, split: Split, phantom: PreparedPhantom) -> PhantomCase:
    share, settings = phantom.facts["lesion_share"], phantom.settings
    labels = phantom_labels(settings.diagnosis, share, settings.seed)
    return PhantomCase(PreparedCase(name, phantom.file, labels, split=split), settings, share)


def imperfect_mask(lungs: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.uint8]:
    """A lung mask a voxel too wide or too narrow for some seeds, as segmentations err; else the mask itself."""
    rng = np.random.default_rng([seed, 7])
    if rng.random() >= MASK_ERROR_CHANCE:
        return lungs
    inside = lungs > 0
    wide = rng.random() < 0.5
    return (ndimage.binary_dilation(inside) if wide else ndimage.binary_erosion(inside)).astype(np.uint8)
