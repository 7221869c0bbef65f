"""``covidmtl lesions`` and ``covidmtl measure`` on a phantom, from the shell's side."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ChestCTLib.io import read_labels, read_volume, write_labels
from ChestCTLib.io.images import write_image
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTLib.phantom import PhantomSettings, make_phantom
from COVIDMTLApp.cli import app


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a phantom's scan, lungs and lesions."""
    folder = tmp_path_factory.mktemp("case")
    phantom = make_phantom(PhantomSettings(seed=3, spacing_mm=(5.0, 3.0, 3.0)))
    write_image(phantom.volume.hu, phantom.volume, folder / "scan.nii.gz")
    write_labels(phantom.lungs, phantom.volume, folder / "lungs.nii.gz", LUNG_LABELS)
    write_labels(phantom.lesions, phantom.volume, folder / "lesions.seg.nrrd", LESION_LABELS)
    return folder


def test_lesions_writes_a_mask_on_the_scan_s_grid_inside_the_lungs(case: Path) -> None:
    out = case / "found.seg.nrrd"
    arguments = ["lesions", str(case / "scan.nii.gz"), "--lungs", str(case / "lungs.nii.gz"), "-o", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--method", "hu-bands", "--ground-glass-from-hu", "-760"])
    assert result.exit_code == 0, result.output
    volume = read_volume(case / "scan.nii.gz")
    mask = read_labels(out, volume, LESION_LABELS)
    assert mask.any()
    assert not mask[read_labels(case / "lungs.nii.gz", volume) == 0].any()


def test_an_unknown_method_fails_with_a_remedy_and_writes_nothing(case: Path) -> None:
    out = case / "never.nii.gz"
    arguments = ["lesions", str(case / "scan.nii.gz"), "--lungs", str(case / "lungs.nii.gz"), "-o", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--method", "crystal-ball"])
    assert result.exit_code == 1
    assert "crystal-ball" in result.output
    assert not out.exists()


def test_measure_tells_the_same_numbers_in_json_csv_and_html(case: Path) -> None:
    out = case / "measures"
    arguments = [str(case / "scan.nii.gz"), "--lungs", str(case / "lungs.nii.gz")]
    result = CliRunner().invoke(
        app, ["measure", *arguments, "--lesions", str(case / "lesions.seg.nrrd"), "-o", str(out)]
    )
    assert result.exit_code == 0, result.output
    report = json.loads((out / "report.json").read_text("utf-8"))
    measures = {m["key"]: m for s in report["sections"] for m in s["measures"]}
    with (out / "measures.csv").open(newline="", encoding="utf-8-sig") as stream:
        rows = {row["key"]: row for row in csv.DictReader(stream)}
    html = (out / "report.html").read_text("utf-8")
    for key in ("lesions.volume.total", "lesions.share.total", "lesions.peripheral_ratio"):
        assert float(rows[key]["value"]) == pytest.approx(measures[key]["value"])
        assert f"{measures[key]['value']:g}" in html
