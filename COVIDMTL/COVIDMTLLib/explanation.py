"""How well the class activation maps point at the lesions of phantoms, whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ChestCTLib.models import ModelCard
from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.assessment import assess
from COVIDMTLLib.cam import ExplanationScore, score_explanation
from COVIDMTLLib.network_input import network_input
from COVIDMTLLib.training.engine import TrainedNetwork


@dataclass(frozen=True)
class PhantomExplanation:
    """Scores of one phantom's map of the task ``ct``, on the phantom's own grid.

    Attributes:
        seed: Of the phantom.
        probability: Of the positive class.
        score: How well the map points at the lesions.
    """

    seed: int
    probability: float
    score: ExplanationScore


@dataclass(frozen=True)
class ExplanationSummary:
    """Over all scored phantoms.

    Attributes:
        phantoms: Number with lesions and a map.
        ratio_in_box: Median of the energy in lesions over the lesions' share of the scan.
        ratio_in_lungs: The same, both inside the lungs only.
        pointing: Share whose highest voxel lies in a lesion.
    """

    phantoms: int
    ratio_in_box: float | None
    ratio_in_lungs: float | None
    pointing: float | None


def explain_phantoms(
    trained: TrainedNetwork,
    card: ModelCard,
    phantoms: Sequence[PhantomSettings],
    task: str = "ct",
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[PhantomExplanation]:
    """Make phantoms, classify them and score the maps of one task.

    Args:
        trained: The network.
        card: Its card.
        phantoms: What to make; those without lesions give no score.
        task: Whose map.
        progress: Told the share done.
        cancelled: Asked between phantoms.
    """
    found = []
    for number, settings in enumerate(phantoms):
        raise_if_cancelled(cancelled)
        progress(number / len(phantoms), f"explaining phantom {number + 1} of {len(phantoms)}")
        phantom = make_phantom(settings)
        crop = network_input(phantom.volume, phantom.lungs, trained.input_settings)
        result = assess(crop, trained, card).tasks[task]
        score = score_explanation(result.cam, phantom.lesions > 0, phantom.lungs > 0)
        found.append(PhantomExplanation(settings.seed, result.probabilities[1], score))
    return found


def summarise_explanations(found: Sequence[PhantomExplanation]) -> ExplanationSummary:
    """Medians over the phantoms with a score; None where there is none."""
    scored = [one.score for one in found if one.score.energy_in_lesions is not None]
    if not scored:
        return ExplanationSummary(0, None, None, None)
    inside = [score.ratio_in_lungs for score in scored if score.ratio_in_lungs is not None]
    return ExplanationSummary(
        len(scored),
        float(np.median([score.ratio_in_box for score in scored if score.ratio_in_box is not None])),
        float(np.median(inside)) if inside else None,
        float(np.mean([score.pointing_hit for score in scored])),
    )
