"""The lesions' part of the case report: the measures with their units, as measures, tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ChestCTLib.case_report import Column, Measure, Picture, Section, Table, Value
from ChestCTLib.grid import canonical
from ChestCTLib.labels import CONSOLIDATION, GROUND_GLASS
from ChestCTLib.reporting.curve_pictures import curve_picture
from ChestCTLib.reporting.pictures import hu_histogram
from ChestCTLib.volume import CTVolume
from LesionSegLib.distribution import distribution_words
from LesionSegLib.measures.result import NO_LESION, LesionMeasures, LesionRow, RegionMeasure

KEY = "lesions"
LUNG_COLOR = "#5b6777"


def lesion_section(
    volume: CTVolume,
    lungs: npt.NDArray[np.uint8],
    lesions: npt.NDArray[np.uint8],
    measured: LesionMeasures,
    source: str,
    corrected: bool = False,
    with_pictures: bool = True,
) -> Section:
    """Everything measured about a scan's lesions.

    Args:
        volume: The scan.
        lungs: Lung labels on its grid.
        lesions: Lesion labels on its grid.
        measured: Their measures.
        source: What made the lesion mask, such as "HU bands".
        corrected: Whether a person corrected the mask; the report then says so.
        with_pictures: Whether to draw the pictures, which takes longer than all the rest.
    """
    notes = [f"Lesions by {source}{', corrected by hand' if corrected else ''}: {measured.finding}."]
    if measured.outside_ml > 0:
        notes.append(f"{measured.outside_ml:.1f} mL are marked outside the lungs and counted nowhere.")
    return Section(
        KEY,
        "Lesions",
        tuple(_measures(measured, source)),
        (_zone_table(measured), _class_table(measured), _lesion_table(measured), _curve_table(measured)),
        _pictures(volume, lungs, lesions, measured) if with_pictures else (),
        tuple(notes),
    )


def _measures(found: LesionMeasures, source: str) -> Iterable[Measure]:
    why = found.why

    def measure(key: str, label: str, value: Value, unit: str, reason: str, decimals: int = 1) -> Measure:
        return Measure(f"{KEY}.{key}", label, value, unit, source, why=why.get(reason, ""), decimals=decimals)

    yield measure("finding", "Finding", found.finding, "", "finding")
    yield measure("count", "Number of lesions", found.lesion_count, "", "lesion_count", 0)
    yield Measure(
        f"{KEY}.distribution",
        "Where the lesion volume lies",
        distribution_words(found),
        "",
        source,
        why="" if found.total.lesion_ml else found.finding,
    )
    for region in (found.total, found.right, found.left):
        yield from _region_measures(region, source)
    label = "Six-zone severity score (0 to 24)"
    yield measure("severity_score", label, found.severity_score, "points", "severity_score", 0)
    thickness = found.settings.peripheral_mm
    label = f"Peripheral lesion ratio (outer {thickness:g} mm)"
    yield measure("peripheral_ratio", label, found.peripheral_percent, "%", "peripheral_percent")
    yield measure("spread", "Spread of the lesions' centres", found.spread_mm, "mm", "spread_mm")
    density = found.density
    yield measure("mean_hu", "Mean density of lesions", density.mean_lesion_hu, "HU", "mean_lesion_hu", 0)
    yield measure("sd_hu", "Spread (SD) of lesion density", density.sd_lesion_hu, "HU", "sd_lesion_hu", 0)
    peaks = ", ".join(f"{peak:.0f}" for peak in density.peaks_hu) or None
    yield measure("peaks", "Peaks of the lesions' histogram", peaks, "HU", "peaks_hu")
    yield measure("lung_mean_hu", "Mean lung density", density.mean_lung_hu, "HU", "mean_lung_hu", 0)
    yield from _aeration(found, source)


def _region_measures(region: RegionMeasure, source: str) -> Iterable[Measure]:
    name, where = region.key, "both lungs" if region.key == "total" else region.name.lower()
    for part, label, ml, percent in (
        ("", "Lesion", region.lesion_ml, region.lesion_percent),
        (".ground_glass", "Ground glass", region.ground_glass_ml, region.ground_glass_percent),
        (".consolidation", "Consolidation", region.consolidation_ml, region.consolidation_percent),
    ):
        yield Measure(f"{KEY}.volume.{name}{part}", f"{label} volume, {where}", ml, "mL", source)
        yield Measure(
            f"{KEY}.share.{name}{part}",
            f"{label} share of {where}",
            percent,
            "%",
            source,
            why="" if percent is not None else f"There is no lung: {where}.",
            decimals=2,
        )


def _aeration(found: LesionMeasures, source: str) -> Iterable[Measure]:
    limits, density = found.settings, found.density
    low, middle, high = limits.over_inflated_below_hu, limits.well_aerated_below_hu, limits.poorly_aerated_below_hu
    for key, label, value in (
        ("over_inflated", f"Over-inflated lung (below {low:g} HU)", density.over_inflated_ml),
        ("well_aerated", f"Well-aerated lung ({low:g} to {middle:g} HU)", density.well_aerated_ml),
        ("poorly_aerated", f"Poorly aerated lung ({middle:g} to {high:g} HU)", density.poorly_aerated_ml),
        ("non_aerated", f"Non-aerated lung (from {high:g} HU; vessels included)", density.non_aerated_ml),
    ):
        known = value if density.mean_lung_hu is not None else None
        yield Measure(
            f"aeration.{key}", label, known, "mL", "lung mask", why="" if known is not None else found.finding
        )


def _zone_table(found: LesionMeasures) -> Table:
    columns = (
        Column("zone", "Zone"),
        Column("lung", "Lung", "mL"),
        Column("lesion", "Lesion", "mL"),
        Column("share", "Lesion share", "%", 2),
        Column("ground_glass", "Ground glass", "mL"),
        Column("consolidation", "Consolidation", "mL"),
        Column("score", "Score 0 to 4", decimals=0),
    )
    rows = tuple(
        (z.name, z.lung_ml, z.lesion_ml, z.lesion_percent, z.ground_glass_ml, z.consolidation_ml, z.score)
        for z in found.zones
    )
    return Table("zones", "Six zones (thirds of each lung's height)", columns, rows)


def _class_table(found: LesionMeasures) -> Table:
    columns = (
        Column("class", "Class"),
        Column("volume", "Volume", "mL"),
        Column("lung_share", "Share of the lungs", "%", 2),
        Column("lesion_share", "Share of the lesions", "%"),
    )
    total = found.total

    def of_lesions(ml: float) -> float | None:
        return 100.0 * ml / total.lesion_ml if total.lesion_ml else None

    rows = tuple(
        (name, ml, percent, of_lesions(ml))
        for name, ml, percent in (
            (GROUND_GLASS.name, total.ground_glass_ml, total.ground_glass_percent),
            (CONSOLIDATION.name, total.consolidation_ml, total.consolidation_percent),
            ("both", total.lesion_ml, total.lesion_percent),
        )
    )
    return Table("classes", "Classes of lesion", columns, rows)


def _lesion_table(found: LesionMeasures) -> Table:
    columns = (
        Column("number", "Lesion", decimals=0),
        Column("volume", "Volume", "mL"),
        Column("width", "Width", "mm"),
        Column("length", "Length", "mm"),
        Column("height", "Height", "mm"),
        Column("left", "Centre L", "mm"),
        Column("posterior", "Centre P", "mm"),
        Column("superior", "Centre S", "mm"),
        Column("mean_hu", "Mean", "HU", 0),
        Column("sd_hu", "SD", "HU", 0),
        Column("consolidation", "Consolidation", "%"),
        Column("peripheral", "In the periphery", "%"),
        Column("place", "Place"),
        Column("zone", "Zone"),
    )
    rows = tuple(_lesion_row(row, found) for row in found.lesions)
    title = f"Lesions of at least {found.settings.smallest_lesion_ml:g} mL, largest first"
    return Table("single", title, columns, rows, NO_LESION.capitalize() + ".")


def _lesion_row(row: LesionRow, found: LesionMeasures) -> tuple[Value, ...]:
    names = {zone.key: zone.name for zone in found.zones}
    return (
        row.number, row.volume_ml, row.width_mm, row.length_mm, row.height_mm, *row.centre_lps_mm, row.mean_hu,
        row.sd_hu, row.consolidation_percent, row.peripheral_percent,
        "peripheral" if row.peripheral else "central", names.get(row.zone, row.zone),
    )  # fmt: skip


def _curve_table(found: LesionMeasures) -> Table:
    columns = (Column("thickness", "Thickness of the periphery", "mm", 0), Column("ratio", "Lesion within", "%"))
    rows = tuple(zip(found.curve_mm, found.curve_percent, strict=True)) if found.curve_percent else ()
    return Table("periphery", "Peripheral lesion ratio by thickness", columns, rows, NO_LESION.capitalize() + ".")


def _pictures(
    volume: CTVolume, lungs: npt.NDArray[np.uint8], lesions: npt.NDArray[np.uint8], found: LesionMeasures
) -> tuple[Picture, ...]:
    if not found.curve_percent:
        return ()
    view = canonical(volume)
    hu, lungs, lesions = view.volume.hu, view.apply(lungs), view.apply(lesions)
    groups = [("lungs without lesion", (lungs > 0) & (lesions == 0), LUNG_COLOR)]
    groups += [
        (label.name, (lungs > 0) & (lesions == label.value), _hex(label.color))
        for label in (GROUND_GLASS, CONSOLIDATION)
    ]
    histogram = hu_histogram(hu, groups, "Intensity of lungs and lesions")
    thickness = found.settings.peripheral_mm
    curve = curve_picture(
        found.curve_mm,
        found.curve_percent,
        "thickness of the periphery [mm]",
        "lesion within the periphery [%]",
        (thickness, found.peripheral_percent or 0.0),
    )
    return (
        Picture("histogram", "Intensity of lungs and lesions", "Shares are of each mask's own voxels.", histogram),
        Picture(
            "periphery",
            "Peripheral lesion ratio",
            f"Share of the lesion volume nearer to the lungs' surface than a thickness; marked: {thickness:g} mm.",
            curve,
        ),
    )


def _hex(color: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in color)
