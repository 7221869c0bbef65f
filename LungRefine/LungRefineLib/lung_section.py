"""The lungs' part of the case report."""

from __future__ import annotations

import numpy as np

from ChestCTLib.case_report import Column, Measure, Picture, Section, Table
from ChestCTLib.grid import canonical
from ChestCTLib.labels import LUNG_LABELS, RECOVERED
from ChestCTLib.reporting.pictures import hu_histogram, three_planes
from ChestCTLib.volume import CTVolume
from LungRefineLib.segmentation import LungResult

NO_LUNG = "No lung was found."
NOTHING_RECOVERED = "The classical method left nothing out."
LUNGS_GIVEN = "The lungs were given, not refined from the classical ones."
AIRWAY_NOT_SOUGHT = "This method does not look for the airway."
OUTLINES = "Right lung outlined in blue, left lung in green."


def lung_section(volume: CTVolume, result: LungResult) -> Section:
    """Volumes of the lungs and what refinement recovered, with pictures.

    Args:
        volume: The scan.
        result: Its lungs, on the scan's grid.
    """
    source = f"lung mask, method {result.method}"
    total = sum(result.volume_ml.values())
    measures = [
        Measure("lungs.volume.total", "Lung volume, both", total or None, "mL", source, why="" if total else NO_LUNG)
    ]
    for label in LUNG_LABELS:
        side = label.name.split()[0]
        value = result.volume_ml.get(label.value) or None
        why = "" if value else f"No {label.name} was found."
        measures.append(Measure(f"lungs.volume.{side}", f"Lung volume, {side}", value, "mL", source, why=why))
    airway_ml = float(result.airway.sum()) * volume.voxel_ml if result.airway.any() else None
    given = result.method == "given"
    why = "" if airway_ml else (AIRWAY_NOT_SOUGHT if result.method != "refined" else "No airway was found.")
    measures.append(Measure("airway.volume", "Trachea and main bronchi", airway_ml, "mL", source, why=why))
    compared = "lung mask less the classical one (threshold at -420 HU)"
    recovered_ml = None if given else result.recovered_ml
    why = LUNGS_GIVEN if given else ""
    measures.append(Measure("lungs.recovered", "Recovered by refinement", recovered_ml, "mL", compared, why=why))
    median = result.comparison.hu_percentiles.get(50)
    why = "" if median is not None else (LUNGS_GIVEN if given else NOTHING_RECOVERED)
    measures.append(
        Measure(
            "lungs.recovered_median",
            "Median intensity of the recovered lung",
            median,
            "HU",
            compared,
            why=why,
            decimals=0,
        )
    )
    return Section(
        "lungs",
        "Lungs",
        tuple(measures),
        (_recovered_table(volume, result),),
        _pictures(volume, result),
        notes=("Volumes include vessels and lesions inside the lungs; trachea and main bronchi are left out.",),
    )


def _recovered_table(volume: CTVolume, result: LungResult) -> Table:
    edges, counts = result.comparison.hu_edges, result.comparison.hu_counts
    rows = tuple(
        (f"{low} to {high}", count * volume.voxel_ml)
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )
    columns = (Column("band", "Intensity", "HU"), Column("volume", "Recovered volume", "mL"))
    title = "What refinement recovered, by intensity"
    empty = LUNGS_GIVEN if result.method == "given" else NOTHING_RECOVERED
    return Table("recovered", title, columns, rows if result.recovered.any() else (), empty)


def _pictures(volume: CTVolume, result: LungResult) -> tuple[Picture, ...]:
    if not result.lungs.any():
        return ()
    view = canonical(volume)
    hu, spacing = view.volume.hu, view.volume.spacing_mm
    lungs, recovered = view.apply(result.lungs), view.apply(result.recovered)
    pictures = [Picture("planes", "Lungs in three planes", OUTLINES, three_planes(hu, spacing, lungs))]
    if recovered.any():
        shown = three_planes(hu, spacing, lungs, recovered.astype(np.uint8), fill=(RECOVERED,))
        caption = (
            f"{OUTLINES} Filled in pink: lung that the classical method leaves out; planes through its largest part."
        )
        pictures.append(Picture("recovered", "Recovered lung", caption, shown))
        groups = (
            ("classical lungs", view.apply(result.classical) > 0, "#5b6777"),
            ("recovered", recovered, "#b0307f"),
        )
        histogram = hu_histogram(hu, groups, "Intensity of the classical lungs and of what refinement recovered")
        caption = "Ground glass lies at about -700 to -300 HU, consolidation and vessels around 0 to 60 HU."
        pictures.append(Picture("recovered-hu", "Intensity of the recovered lung", caption, histogram))
    return tuple(pictures)
