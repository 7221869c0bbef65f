"""The intensity map as a section of the case report, and as files."""

from __future__ import annotations

import io

import numpy as np

from ChestCTLib.case_report import Measure, Picture, Section, Status
from ChestCTLib.models import ONLY_PHANTOMS, SYNTHETIC
from COVIDMTLLib.intensity_map.classes import CLASS_KEYS, CLASSES
from COVIDMTLLib.intensity_map.classifier import MapPrediction
from COVIDMTLLib.intensity_map.map import Decomposition, IntensityMap
from COVIDMTLLib.intensity_map.pictures import decomposition_picture, map_picture

KEY = "intensity_map"
COLORS = "Red: few of the plane's voxels, through yellow and green to blue: many; black: none (logarithmic)."
SOURCE = "intensity map projection (Algorithm 1)"


def intensity_map_section(
    found: IntensityMap,
    decomposition: Decomposition | None = None,
    prediction: MapPrediction | None = None,
    why_no_prediction: str = "",
) -> Section:
    """The section of one scan.

    Args:
        found: The scan's map.
        decomposition: Its parts, if lungs and lesions are known.
        prediction: What the classifier says, if there is one.
        why_no_prediction: Why there is none.
    """
    pictures = [
        Picture(
            "map",
            "Intensity map",
            f"Each row is the histogram of one axial slice {_where(found)}, head at the top. {COLORS}",
            map_picture(found),
        )
    ]
    measures: list[Measure] = []
    if decomposition is not None:
        pictures.append(
            Picture(
                "parts",
                "Parts of the intensity map",
                f"The map {_where(decomposition.whole)} as the sum of lung without lesion, ground glass and "
                "consolidation, in the same colours; below, what each adds to the histogram of all slices.",
                decomposition_picture(decomposition),
            )
        )
        measures += _share_measures(decomposition)
    measures += _probability_measures(prediction, why_no_prediction)
    return Section(
        KEY,
        "Intensity map",
        tuple(measures),
        pictures=tuple(pictures),
        notes=("The map counts how many voxels of each slice have which intensity; it forgets where they lie.",),
        research_notice=prediction is not None and prediction.familiar,
    )


def map_csv(found: IntensityMap) -> str:
    """Counts as CSV: a row a slice, head first; columns are the bins' lower edges in HU."""
    stream = io.StringIO()
    edges = found.settings.edges_hu[:-1]
    stream.write(",".join(["slice", *(f"{edge:g}" for edge in edges)]) + "\n")
    for number, row in enumerate(found.counts, start=1):
        stream.write(f"{number}," + ",".join(map(str, row.tolist())) + "\n")
    return stream.getvalue()


def _where(found: IntensityMap) -> str:
    return "inside the lungs" if found.masked else "of the whole scan"


def _share_measures(decomposition: Decomposition) -> list[Measure]:
    total = float(decomposition.whole.counts.sum())
    measures = []
    for part in decomposition.parts:
        mean = _mean_hu(part.counts.sum(axis=0), decomposition.whole.settings.edges_hu)
        share = 100.0 * float(part.counts.sum()) / total if total else None
        name = part.name.capitalize()
        measures += [
            Measure(f"{KEY}.share.{part.key}", f"{name}: share of the map", share, "%", SOURCE, decimals=2),
            Measure(
                f"{KEY}.mean_hu.{part.key}",
                f"{name}: mean intensity within the map",
                mean,
                "HU",
                SOURCE,
                why="" if mean is not None else "The part is empty.",
                decimals=0,
            ),
        ]
    return measures


def _mean_hu(counts: np.ndarray, edges_hu: np.ndarray) -> float | None:
    middles = (edges_hu[:-1] + edges_hu[1:] - 1) / 2  # voxels are whole HU: [low, high) ends one below
    return float((counts * middles).sum() / counts.sum()) if counts.sum() else None


def _probability_measures(prediction: MapPrediction | None, why: str) -> list[Measure]:
    card = prediction.card if prediction else None
    probabilities: tuple[float | None, ...] = (None,) * len(CLASSES)
    status = Status.OK
    if prediction is None:
        why = why or "No map classifier was asked for."
    elif not prediction.familiar:
        why = (
            f"The scan's map is unlike the maps the model learned from ({prediction.strangeness:.2f} times the limit): "
            "its answer would mean nothing."
        )
    else:
        probabilities = prediction.probabilities
        status, why = (Status.WARNED, ONLY_PHANTOMS) if prediction.card.evidence == SYNTHETIC else (Status.OK, "")
    return [
        Measure(
            f"{KEY}.probability.{key}",
            f"Intensity map classifier: {name}",
            probability,
            "probability",
            card.title if card else "",
            status,
            why,
            decimals=3,
            evidence=card.evidence if card else "",
        )
        for key, name, probability in zip(CLASS_KEYS, CLASSES, probabilities, strict=True)
    ]
