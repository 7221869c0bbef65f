"""What the multitask network says, as a section of the report: beside the feature models, never blended with them."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from ChestCTLib.case_report import Measure, Picture, Section, Status
from ChestCTLib.grid import canonical
from ChestCTLib.models import ONLY_PHANTOMS, SYNTHETIC, find_model
from ChestCTLib.reporting.pictures import heat_planes
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.assessment import NetworkAssessment, TaskAssessment
from COVIDMTLLib.tasks import TASK_BY_NAME

KEY = "network"
NO_ACTIVATION = "Nothing in the scan speaks for this class, so there is no map to show."


def network_section(volume: CTVolume, lungs: npt.NDArray[np.uint8], found: NetworkAssessment) -> Section:
    """Probabilities of each task with what the network learned from, and where it looked.

    Args:
        volume: The scan.
        lungs: Lung labels on the scan's grid.
        found: The network's answer.
    """
    card = find_model(found.model_id)
    measures = tuple(m for task in found.tasks.values() for m in _measures(task, found, card.title))
    coverage = Measure(
        f"{KEY}.coverage", "Share of the lungs the network saw", 100 * found.coverage, "%", card.title, decimals=0
    )
    view = canonical(volume)
    outlines = view.apply(lungs)
    pictures, notes = [], [f"{card.title}. Learned from: {card.evidence}. {card.limits}"]
    for task in found.tasks.values():
        title = TASK_BY_NAME[task.task].title
        if not task.cam.any():
            notes.append(f"{title}, class '{task.cam_class}': {NO_ACTIVATION}")
            continue
        heat = heat_planes(view.volume.hu, view.volume.spacing_mm, view.apply(task.cam), outlines)
        caption = (
            f"Where the network found what speaks for '{task.cam_class}' (bright: most); planes through the strongest "
            "place. A class activation map shows what a network used, not where disease is."
        )
        pictures.append(Picture(f"cam-{task.task}", f"Class activation: {title}", caption, heat))
    return Section(
        KEY,
        "Multitask network over the volume",
        (*measures, coverage),
        pictures=tuple(pictures),
        notes=tuple(notes),
        research_notice=True,
    )


def _measures(task: TaskAssessment, found: NetworkAssessment, source: str) -> list[Measure]:
    title = TASK_BY_NAME[task.task].title
    status, why = (Status.WARNED, ONLY_PHANTOMS) if found.evidence == SYNTHETIC else (Status.OK, "")
    return [
        Measure(
            f"{KEY}.{task.task}.{slug(name)}",
            f"{title}: {name}",
            probability,
            "probability",
            source,
            status,
            why,
            decimals=3,
            evidence=found.evidence,
        )
        for name, probability in zip(task.classes, task.probabilities, strict=True)
    ]


def slug(name: str) -> str:
    """A class name as part of a measure's key: "severe/critically ill" becomes "severe"."""
    return re.split(r"[^a-z]", name.lower())[0]
