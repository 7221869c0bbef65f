"""Weights learned from phantoms, measured on held-out ones and written with their card."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ChestCTLib.models import Figure, ModelCard
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part
from COVIDMTLLib.explanation import explain_phantoms, summarise_explanations
from COVIDMTLLib.predictions import predict
from COVIDMTLLib.statistics.bootstrap import bootstrap_interval
from COVIDMTLLib.statistics.scores import auc
from COVIDMTLLib.tasks import TASK_BY_NAME
from COVIDMTLLib.training.engine import TrainedNetwork
from COVIDMTLLib.training.phantom_cases import NAT_MISSED_SHARE, SEVERE_LESION_SHARE, PhantomCase
from COVIDMTLLib.training.recipes import Recipe
from COVIDMTLLib.training.weights import export_network, load_exported


def export_phantom_model(
    trained: TrainedNetwork,
    recipe: Recipe,
    held_out: Sequence[PhantomCase],
    folder: Path,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> ModelCard:
    """Measure a network on held-out phantoms, once, and write float16 weights with the card.

    The figures are those of the written weights, not of the float32 ones before rounding.

    Args:
        trained: The network.
        recipe: What it was trained by.
        held_out: Phantoms that neither training nor choosing has seen.
        folder: A ``weights`` folder.
        progress: Told the share done.
        cancelled: Asked between phantoms.

    Returns:
        The card as it was written.
    """
    place = next(trained.network.parameters()).device
    with tempfile.TemporaryDirectory() as temporary:  # what is in the folder stays until the figures are known
        card = export_network(trained, _card(trained, recipe), Path(temporary))
        shipped = load_exported(Path(temporary) / card.file, card, place)
    found = predict(card.id, shipped, [phantom.case for phantom in held_out], part(progress, 0.0, 0.3), cancelled)
    measured_on = f"{len(held_out)} held-out phantoms of their own seeds, volume only"
    figures = []
    for task in found.labels:
        labels, chances = found.known(task)
        figures.append(Figure(f"accuracy {task}", float((chances.argmax(axis=1) == labels).mean()), measured_on))
        if len(np.unique(labels)) < chances.shape[1]:
            continue  # too few phantoms for an area
        low, high = bootstrap_interval(
            lambda rows, labels=labels, chances=chances: auc(labels[rows], chances[rows]),  # type: ignore[misc]
            labels,
        )
        name = f"AUC {task}" if TASK_BY_NAME[task].n_classes == 2 else f"macro AUC {task}"
        figures.append(Figure(name, auc(labels, chances), measured_on, (low, high)))
    covid = [phantom.settings for phantom in held_out if phantom.settings.diagnosis == "covid"]
    step = part(progress, 0.3, 1.0)
    summary = summarise_explanations(explain_phantoms(shipped, card, covid, "ct", step, cancelled))
    measured_on = f"{summary.phantoms} of those phantoms with COVID-19, on the scans' own grid"
    for name, value in (
        ("CAM energy in lesions over their share of the scan, median", summary.ratio_in_box),
        ("CAM energy in lesions over their share of the lungs, median", summary.ratio_in_lungs),
        ("CAM pointing game", summary.pointing),
    ):
        if value is not None:
            figures.append(Figure(name, value, measured_on))
    return export_network(trained, _card(trained, recipe, tuple(figures)), folder)


def _card(trained: TrainedNetwork, recipe: Recipe, figures: tuple[Figure, ...] = ()) -> ModelCard:
    n_train, n_validation, n_test = recipe.phantoms
    z, y, x = recipe.input.size
    return ModelCard(
        id=f"covid-mtl-{recipe.name}",
        title="COVID-MTL over the volume, learned from synthetic scans",
        task="mtl",
        file=f"covid-mtl-{recipe.name}.safetensors",
        sha256="",
        evidence="synthetic",
        learned_from=(
            f"{n_train} phantoms of this project's generator (COVID-19, other pneumonia, none), no patient. "
            f"ct: COVID-19 or not; nat: the same, with {NAT_MISSED_SHARE:.0%} of the positive ones missed at random as "
            "in the cohort; severity: control for all without COVID-19, else mild below and severe from "
            f"{SEVERE_LESION_SHARE:.0%} lesion volume on."
        ),
        split=f"{n_train} / {n_validation} / {n_test} phantoms for training, watching and testing, by separate seeds.",
        input_contract=(
            f"Lung-masked HU + 1024 clipped to 0..2000 on a grid of {recipe.input.spacing_mm[0]:g} mm, {z} x {y} x {x} "
            f"voxels (z, y, x) around the lungs, minus {recipe.input.mean:g}, over {recipe.input.sd:g}. "
            "The paper's own grid is 1 mm and 200 x 250 x 250."
        ),
        licence="Apache-2.0",
        intended_use=(
            "Proof that the published networks run end to end, and a start for training on real labelled scans. "
            "Research only; never a diagnosis."
        ),
        limits=(
            "Learned from synthetic scans: its probabilities say nothing about a real patient. Scanners, artefacts and "
            "diseases that the generator does not make were never seen. The weights shipped in November 2026 call a "
            "real COVID-19 scan (RICORD-1A 000082) negative (ct 0.45; 0.68 with another outline of the same lungs, "
            "Dice 0.99) and a lung cancer scan positive (0.52)."
        ),
        figures=figures,
        settings={"recipe": recipe.name, "training": recipe.training.as_dict()},
        citation="Bao et al., COVID-MTL: Multitask learning with Shift3D and random-weighted loss, 2021.",
    )
