"""``covidmtl lesions`` and ``covidmtl measure``: segment lesions inside given lungs, and measure any lesion mask."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from COVIDMTLApp.options import Device, Scan, Series

SUMMARY_KEYS = (
    "lesions.finding",
    "lesions.volume.total",
    "lesions.share.total",
    "lesions.severity_score",
    "lesions.peripheral_ratio",
)

Lungs = Annotated[Path, typer.Option(help="Lung mask of the scan (1 right, 2 left), computed or corrected by hand.")]


def lesions(
    scan: Scan,
    lungs: Lungs,
    output: Annotated[Path, typer.Option("--output", "-o", help="Mask to write: .nii.gz, .nrrd or .seg.nrrd.")],
    method: Annotated[
        str | None, typer.Option(help="hu-bands, or the id of a network (see `covidmtl models`); the default network.")
    ] = None,
    device: Annotated[Device, typer.Option(help="What networks run on.")] = Device.auto,
    threshold: Annotated[float, typer.Option(help="Network: probability from which a voxel is a lesion.")] = 0.5,
    ground_glass_from_hu: Annotated[float, typer.Option(help="HU bands: lower limit of ground glass.")] = -700.0,
    consolidation_from_hu: Annotated[float, typer.Option(help="Lower limit of consolidation, HU.")] = -300.0,
    min_island_ml: Annotated[float | None, typer.Option(help="Smaller islands are removed, mL.")] = None,
    series: Series = None,
) -> None:
    """Segment ground glass and consolidation inside the lungs."""
    from COVIDMTLApp import console

    with console.running("Lesions") as (progress, cancelled):
        from dataclasses import replace

        from ChestCTLib.io import read_lungs, read_volume, write_labels
        from ChestCTLib.labels import LESION_LABELS
        from ChestCTLib.progress import part
        from LesionSegLib.segment import segment_lesions
        from LesionSegLib.settings import LesionSettings

        settings = LesionSettings(device=device.value)
        bands = replace(
            settings.hu_bands, ground_glass_from_hu=ground_glass_from_hu, consolidation_from_hu=consolidation_from_hu
        )
        inference = replace(settings.inference, threshold=threshold)
        if min_island_ml is not None:
            bands = replace(bands, min_island_ml=min_island_ml)
            inference = replace(inference, min_island_ml=min_island_ml)
        settings = replace(settings, method=method or settings.method, hu_bands=bands, inference=inference)

        volume = read_volume(scan, series, part(progress, 0.0, 0.1), cancelled)
        lung_mask = read_lungs(lungs, volume)
        result = segment_lesions(volume, lung_mask, settings, part(progress, 0.1, 0.95), cancelled)
        write_labels(result.lesions, volume, output, LESION_LABELS)

        lung_voxels = int((lung_mask > 0).sum())
        lesion_ml = float((result.lesions > 0).sum()) * volume.voxel_ml
        share = 100.0 * float((result.lesions > 0).sum()) / lung_voxels if lung_voxels else None
        told = {"file": str(output), "method": result.method, "lesion_ml": lesion_ml, "share": share}
        console.emit({"result": {**told, "warnings": list(result.warnings)}})
        for warning in result.warnings:
            console.say(f"warning: {warning}")
        share_text = f", {share:.2f} % of the lungs" if share is not None else ""
        console.say(f"{output}: {lesion_ml:.1f} mL{share_text} by {result.method}")


def measure(
    scan: Scan,
    lungs: Lungs,
    lesions: Annotated[Path, typer.Option(help="Lesion mask (1 ground glass, 2 consolidation).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for report.json, measures.csv, report.html, tables.")
    ] = None,
    peripheral_mm: Annotated[float, typer.Option(help="Thickness of the periphery, mm.")] = 10.0,
    smallest_lesion_ml: Annotated[float, typer.Option(help="Smaller pieces are no lesion of their own, mL.")] = 0.1,
    series: Series = None,
) -> None:
    """Measure lesions: volumes, shares, zones, score, periphery, single lesions, density."""
    from COVIDMTLApp import console

    with console.running("Measures") as (progress, cancelled):
        from ChestCTLib.case_report import CaseReport
        from ChestCTLib.io import read_labels, read_lungs, read_volume
        from ChestCTLib.io.atomic import atomic_folder
        from ChestCTLib.labels import LESION_LABELS
        from ChestCTLib.manifest import make_manifest, volume_sha256
        from ChestCTLib.progress import part
        from ChestCTLib.reporting.files import earlier_views, write_views
        from ChestCTLib.reporting.summary import SummaryGroup
        from LesionSegLib.lesion_section import lesion_section
        from LesionSegLib.measures import MeasureSettings, measure_lesions

        settings = MeasureSettings(peripheral_mm=peripheral_mm, smallest_lesion_ml=smallest_lesion_ml)
        volume = read_volume(scan, series, part(progress, 0.0, 0.3), cancelled)
        lung_mask = read_lungs(lungs, volume)
        lesion_mask = read_labels(lesions, volume, LESION_LABELS)
        measured = measure_lesions(volume, lung_mask, lesion_mask, settings, part(progress, 0.3, 0.8), cancelled)
        section = lesion_section(volume, lung_mask, lesion_mask, measured, f"the mask {lesions.name}")
        report = CaseReport(
            f"case-{volume_sha256(volume)[:8]}",
            (section,),
            volume.warnings,
            make_manifest(volume, settings, "cpu", seed=0),
        )
        if output is not None:
            with atomic_folder(output, replaces=earlier_views(output)) as folder:
                write_views(report, folder, (SummaryGroup("Lesions", SUMMARY_KEYS),))
        console.emit(
            {
                "result": {
                    "folder": str(output) if output else None,
                    "measures": {m.key: {"value": m.value, "unit": m.unit, "why": m.why} for m in section.measures},
                }
            }
        )
        for found in section.measures:
            console.say(f"{found.label}: {found.text} {found.unit}".rstrip())
        if output is not None:
            console.say(f"Report: {output / 'report.html'}")
