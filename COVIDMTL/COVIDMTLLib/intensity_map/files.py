"""Files of an intensity map and of an evaluation, written whole or not at all; a classifier where there is one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from ChestCTLib.case_report import CaseReport, Section
from ChestCTLib.device import DeviceChoice
from ChestCTLib.errors import ModelError
from ChestCTLib.io.atomic import atomic_folder, atomic_path
from ChestCTLib.models import list_models
from ChestCTLib.reporting.csv_view import measures_csv, table_csv
from COVIDMTLLib.intensity_map.cases import MapCase
from COVIDMTLLib.intensity_map.classes import CLASS_KEYS
from COVIDMTLLib.intensity_map.classifier import TASK, MapClassifier, MapPrediction
from COVIDMTLLib.intensity_map.evaluation import MapEvaluation, comparison_table, evaluate_patients, evaluate_scans
from COVIDMTLLib.intensity_map.map import IntensityMap, MapSettings
from COVIDMTLLib.intensity_map.pictures import rgb
from COVIDMTLLib.intensity_map.section import map_csv
from COVIDMTLLib.prognosis.case_table import MAP_PREFIX

CASE_ID = "intensity-map"
COUNTS_FILE = "intensity-map.npy"
MAYBE_FILES = ("intensity-map-parts.png", "features.csv")  # not every map has them


def classify(
    found: IntensityMap, model: str, device: DeviceChoice = "auto", must: bool = True
) -> tuple[MapPrediction | None, str]:
    """Classify a map where that is possible.

    Args:
        found: The map.
        model: Id or card of a classifier, or "none".
        device: Where it computes.
        must: Raise where the classifier is missing; else say why there is no prediction.

    Returns:
        The prediction, or None and the reason.

    Raises:
        ModelError: The model is missing and ``must`` is set.
        InputError: The model learned from other maps and ``must`` is set.
    """
    if model == "none":
        return None, "No map classifier was asked for."
    if not must:
        cards = {card.id: card for card in list_models(TASK)}
        if model not in cards:
            return None, f"The map classifier '{model}' is not installed."
        learned = MapSettings(**cards[model].settings["map"])
        if learned != found.settings:
            return None, f"The map classifier '{model}' learned from maps with other settings ({learned})."
    try:
        return MapClassifier.load(model, device).predict(found), ""
    except ModelError as error:
        if must:
            raise
        return None, str(error)


def write_map(found: IntensityMap, section: Section, folder: Path, features: Mapping[str, float] | None = None) -> None:
    """Write a map as a folder: pictures, counts as CSV and NPY, the square picture, and the section's measures.

    Args:
        found: The map.
        section: What the report says about it.
        folder: Where.
        features: Features of the prognosis model, written as ``features.csv`` if there are any.

    Raises:
        OutputError: The folder cannot be written.
    """
    report = CaseReport(CASE_ID, (section,))
    earlier = MAYBE_FILES if (folder / COUNTS_FILE).is_file() else ()
    with atomic_folder(folder, replaces=earlier) as unfinished:
        for picture in section.pictures:
            name = "intensity-map.png" if picture.key == "map" else f"intensity-map-{picture.key}.png"
            (unfinished / name).write_bytes(picture.png)
        square = np.clip(found.image(), 0.0, None)
        Image.fromarray(np.rint(rgb(square) * 255).astype(np.uint8)).save(unfinished / "intensity-map-square.png")
        (unfinished / "intensity-map.csv").write_text(map_csv(found), encoding="utf-8")
        np.save(unfinished / COUNTS_FILE, found.counts)
        np.save(unfinished / "intensity-map-square.npy", square.astype(np.float32))
        (unfinished / "measures.csv").write_text(measures_csv(report), encoding="utf-8")
        (unfinished / "report.json").write_text(report.to_json(), encoding="utf-8")
        if features:
            lines = ",".join(features), ",".join(f"{value:.6g}" for value in features.values())
            (unfinished / "features.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def map_features(prediction: MapPrediction) -> dict[str, float]:
    """The classifier's features by name, as the prognosis model's table of cases holds them."""
    return {f"{MAP_PREFIX}{number:03d}": value for number, value in enumerate(prediction.features)}


def evaluate_and_write(
    classifier: MapClassifier, cases: Sequence[MapCase], folder: Path
) -> tuple[MapEvaluation, MapEvaluation]:
    """Score a classifier per scan and per patient and write tables 2 and 3, every prediction and a JSON summary.

    Returns:
        Scores per scan and per patient.

    Raises:
        InputError: There is no case, or a patient has several labels.
        OutputError: The folder cannot be written.
    """
    probabilities = np.zeros((0, len(CLASS_KEYS)))
    if cases:
        probabilities, _ = classifier.predict_images([case.image for case in cases])
    found = evaluate_scans(cases, probabilities), evaluate_patients(cases, probabilities)
    with atomic_folder(folder) as unfinished:
        for one in found:
            (unfinished / f"per_{one.level}.csv").write_text(table_csv(one.table()), encoding="utf-8")
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "patient", "label", *(f"p_{key}" for key in CLASS_KEYS)])
        for case, row in zip(cases, probabilities, strict=True):
            writer.writerow([case.id, case.patient, CLASS_KEYS[case.label], *(f"{p:.4f}" for p in row)])
        (unfinished / "predictions.csv").write_text(stream.getvalue(), encoding="utf-8")
        summary = {
            "model": classifier.card.id,
            "sha256": classifier.card.sha256,
            "evidence": classifier.card.evidence,
            **{f"per_{one.level}": asdict(one) for one in found},
        }
        (unfinished / "evaluation.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return found


def compare_and_write(
    classifiers: Sequence[MapClassifier], cases: Sequence[MapCase], folder: Path
) -> list[tuple[MapEvaluation, MapEvaluation]]:
    """Score classifiers on the same cases: a folder for each, and ``comparison.csv`` where there are several.

    Returns:
        Scores per scan and per patient of each.

    Raises:
        InputError: There is no case, or a patient has several labels.
        OutputError: The folder cannot be written.
    """
    if len(classifiers) == 1:
        return [evaluate_and_write(classifiers[0], cases, folder)]
    found = [evaluate_and_write(one, cases, folder / one.card.id) for one in classifiers]
    table = comparison_table(
        [(one.card.id, level) for one, both in zip(classifiers, found, strict=True) for level in both]
    )
    with atomic_path(folder / "comparison.csv") as temporary:
        temporary.write_text(table_csv(table), encoding="utf-8")
    return found
