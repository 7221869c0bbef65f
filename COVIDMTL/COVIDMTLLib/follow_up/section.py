"""The follow-up as a report of its own: what changed, by zone and by lesion, with the difference picture."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ChestCTLib.case_report import CaseReport, Column, Measure, Picture, Section, Status, Table
from ChestCTLib.io.atomic import atomic_folder
from ChestCTLib.manifest import library_versions, plain
from ChestCTLib.reporting.files import earlier_views, write_views
from ChestCTLib.reporting.summary import SummaryGroup
from ChestCTLib.zones import ZONES
from COVIDMTLLib.follow_up.compare import FollowUp, FollowUpSettings, RegionChange
from COVIDMTLLib.follow_up.pictures import COLORS, difference_picture
from COVIDMTLLib.follow_up.time_point import TimePoint

KEY = "follow_up"
TITLE = "Chest CT follow-up: two scans of one patient"
VOLUME_SOURCE = "lesion masks, each on its own scan's voxels"
MATCH_SOURCE = "lesions matched after rigid registration of the lungs"
SUMMARY = (
    SummaryGroup(
        "Lesion volume",
        (
            f"{KEY}.lesion.before",
            f"{KEY}.lesion.after",
            f"{KEY}.lesion.change",
            f"{KEY}.lesion.change_percent",
        ),
    ),
    SummaryGroup(
        "Lesions and lungs",
        (
            f"{KEY}.lesions.new",
            f"{KEY}.lesions.resolved",
            f"{KEY}.lesions.persisting",
            f"{KEY}.share.before",
            f"{KEY}.share.after",
        ),
    ),
)
SUMMARY_KEYS = tuple(key for group in SUMMARY for key in group.keys)


def write_follow_up(
    found: FollowUp, points: tuple[TimePoint, TimePoint], settings: FollowUpSettings, folder: Path
) -> CaseReport:
    """Write the comparison as a report of its own, whole or not at all.

    Args:
        found: The comparison.
        points: The two time points.
        settings: How they were compared.
        folder: Where the report's views go.

    Returns:
        The report as written.

    Raises:
        OutputError: The folder cannot be written.
    """
    provenance = {
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "inputs": [_input(point) for point in points],
        "settings": plain(settings),
        "versions": library_versions(),
    }
    names = "-".join(p.input_sha256[:8] or "unknown" for p in points)
    report = CaseReport(f"follow-up-{names}", (follow_up_section(found),), found.warnings, provenance, TITLE)
    with atomic_folder(folder, replaces=earlier_views(folder)) as unfinished:
        write_views(report, unfinished, SUMMARY)
    return report


def _input(point: TimePoint) -> dict[str, Any]:
    return {
        "sha256": point.input_sha256,
        "spacing_zyx_mm": [round(s, 5) for s in point.spacing_mm],
        "kernel": point.kernel,
        "slice_thickness_mm": point.slice_thickness_mm,
        "lesion_method": point.lesion_method,
    }


def follow_up_section(found: FollowUp) -> Section:
    """The comparison as one section of a report."""
    picture = Picture(
        "difference",
        "Change of the lesions",
        f"{COLORS} Above, the deeper the lesion along the line of sight, the stronger its colour.",
        difference_picture(found),
    )
    return Section(
        KEY,
        "Follow-up: what changed from the first to the second scan",
        _measures(found),
        (_zone_table(found), _lesion_table(found)),
        (picture,),
        (
            "The first scan is the one named first. Volumes are measured on each scan's own voxels; registration "
            "serves to match lesions and to draw the picture.",
            *found.notes,
        ),
    )


def _measures(found: FollowUp) -> tuple[Measure, ...]:
    total = found.region("total")
    shares = total.share_percent
    lungs = total.lung_ml or (None, None)
    no_lesion = "There was no lesion in the first scan."
    doubtful = Status.WARNED if found.warnings else Status.OK
    return (
        Measure(f"{KEY}.lesion.before", "Lesion volume, first scan", total.lesion_ml[0], "mL", VOLUME_SOURCE),
        Measure(f"{KEY}.lesion.after", "Lesion volume, second scan", total.lesion_ml[1], "mL", VOLUME_SOURCE),
        Measure(f"{KEY}.lesion.change", "Change of the lesion volume", total.change_ml, "mL", VOLUME_SOURCE),
        Measure(
            f"{KEY}.lesion.change_percent",
            "Change relative to the first scan",
            total.change_percent,
            "%",
            VOLUME_SOURCE,
            why="" if total.change_percent is not None else no_lesion,
        ),
        Measure(f"{KEY}.share.before", "Lesion share of the lungs, first scan", shares[0], "%", VOLUME_SOURCE),
        Measure(f"{KEY}.share.after", "Lesion share of the lungs, second scan", shares[1], "%", VOLUME_SOURCE),
        Measure(f"{KEY}.lungs.before", "Lung volume, first scan", lungs[0], "mL", "lung masks", decimals=0),
        Measure(f"{KEY}.lungs.after", "Lung volume, second scan", lungs[1], "mL", "lung masks", decimals=0),
        *(
            Measure(
                f"{KEY}.lesions.{status}",
                f"{status.capitalize()} lesions",
                found.count(status),
                "",
                MATCH_SOURCE,
                doubtful,
                "See the warnings." if found.warnings else "",
                decimals=0,
            )
            for status in ("new", "resolved", "persisting")
        ),
        Measure(
            f"{KEY}.registration.dice", "Lung overlap after registration (Dice)", found.motion.lung_dice, decimals=3
        ),
        Measure(f"{KEY}.registration.shift", "Shift between the scans", found.motion.shift_mm, "mm"),
        Measure(f"{KEY}.registration.turn", "Turn between the scans", found.motion.turn_deg, "degrees"),
    )


def _zone_table(found: FollowUp) -> Table:
    columns = (
        Column("region", "Region"),
        Column("before_ml", "Lesion, first", "mL"),
        Column("after_ml", "Lesion, second", "mL"),
        Column("change_ml", "Change", "mL"),
        Column("change_percent", "Change", "%"),
        Column("before_share", "Share, first", "%"),
        Column("after_share", "Share, second", "%"),
    )
    return Table("zones", "Lesion volume by region", columns, tuple(_zone_row(region) for region in found.regions))


def _zone_row(region: RegionChange) -> tuple[Any, ...]:
    return (region.name, *region.lesion_ml, region.change_ml, region.change_percent, *region.share_percent)


def _lesion_table(found: FollowUp) -> Table:
    columns = (
        Column("number", "Lesion", decimals=0),
        Column("status", "Status"),
        Column("zone", "Zone"),
        Column("before_ml", "First", "mL", 2),
        Column("after_ml", "Second", "mL", 2),
        Column("change_ml", "Change", "mL", 2),
        Column("pieces_before", "Pieces, first", decimals=0),
        Column("pieces_after", "Pieces, second", decimals=0),
    )
    names = {zone.value: zone.name for zone in ZONES}
    rows = tuple(
        (
            number,
            one.status,
            names.get(one.zone, "outside the lungs"),
            one.before_ml,
            one.after_ml,
            one.change_ml,
            *one.pieces,
        )
        for number, one in enumerate(found.lesions, start=1)
    )
    return Table("lesions", "Lesions", columns, rows, "No lesion in either scan.")
