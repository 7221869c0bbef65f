"""The report's first section: what scan it is, and its lesions in three planes, in a mosaic and from the front."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ChestCTLib.case_report import Measure, Picture, Section
from ChestCTLib.reporting.pictures import axial_mosaic, frontal_projection, three_planes
from ChestCTLib.volume import CTVolume

Mask = npt.NDArray[np.uint8]

SOURCE = "the scan's file"
OUTLINE_COLORS = "Right lung outlined in blue, left lung in green"
LESION_COLORS = "ground glass filled in yellow, consolidation in red"


def overview_section(scan: CTVolume, lungs: Mask, lesions: Mask) -> Section:
    """The scan and its lesions at a glance.

    Args:
        scan: On canonical axes.
        lungs: Lung labels on its grid.
        lesions: Lesion labels on its grid.
    """
    hu, spacing = scan.hu, scan.spacing_mm
    colors = f"{OUTLINE_COLORS}; {LESION_COLORS}. The patient's right is on the left."
    pictures = [
        Picture("planes", "Three planes through the largest lesion", colors, three_planes(hu, spacing, lungs, lesions)),
        Picture("mosaic", "Axial slices from apex to base", colors, axial_mosaic(hu, spacing, lungs, lesions)),
    ]
    if lesions.any():
        caption = "Lungs in grey by their depth; lesions coloured by their depth along the line of sight."
        projection = frontal_projection(lungs, lesions, spacing)
        pictures.append(Picture("projection", "Where the lesions lie", caption, projection))
    else:
        pictures[0] = replace(pictures[0], title="Three planes through the lungs (no lesion found)")
    return Section("overview", "Overview", _scan_measures(scan), pictures=tuple(pictures))


def _scan_measures(scan: CTVolume) -> tuple[Measure, ...]:
    """What a reader must know of the scan itself; the file may keep silent about kernel and thickness."""
    made, silent = scan.acquisition, "The scan's file does not say."
    slices, rows, columns = scan.shape
    apart, height, width = scan.spacing_mm
    pixel = f"{height:.2f} x {width:.2f}"
    return (
        Measure("scan.slices", "Slices", slices, "", SOURCE, decimals=0),
        Measure("scan.matrix", "Pixels a slice", f"{rows} x {columns}", "", SOURCE),
        Measure("scan.pixel", "Pixel", pixel, "mm", SOURCE),
        Measure("scan.slice_distance", "Distance of the slices", apart, "mm", SOURCE, decimals=2),
        Measure(
            "scan.slice_thickness",
            "Nominal slice thickness",
            made.slice_thickness_mm,
            "mm",
            SOURCE,
            why="" if made.slice_thickness_mm else silent,
            decimals=2,
        ),
        Measure(
            "scan.kernel", "Reconstruction kernel", made.kernel or None, "", SOURCE, why="" if made.kernel else silent
        ),
    )
