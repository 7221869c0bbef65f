"""The main job, as the user runs it: a scan in, a case folder out, whole or not at all."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from ChestCTLib.case_report import report_from_json
from ChestCTLib.io.images import write_image
from ChestCTLib.io.labels import read_labels
from ChestCTLib.overlap import overlap_measures
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTLib.reporting.schema import report_schema

COMMAND = [sys.executable, "-m", "COVIDMTLApp"]
QUICK = ["--lesions", "hu-bands", "--without", "features", "--without", "network", "--without", "intensity-map"]
PROMISED = {
    "report.json", "report.html", "report.pdf", "measures.csv", "lungs.seg.nrrd", "lesions.seg.nrrd", "manifest.json",
    "scene.mrb",
}  # fmt: skip


def covidmtl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(seed=7, diagnosis="covid", spacing_mm=(4.0, 2.2, 2.2)))


@pytest.fixture(scope="module")
def scan(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "Müller scan.nii.gz"  # no name may leave with the results
    write_image(phantom.volume.hu, phantom.volume, path)
    return path


@pytest.fixture(scope="module")
def case(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "case"
    done = covidmtl("--progress", "json", "run", scan, "-o", folder, *QUICK)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    fractions = [line["fraction"] for line in lines if "fraction" in line]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert any("result" in line for line in lines)
    return folder


def test_a_case_holds_every_promised_file(case: Path) -> None:
    assert {entry.name for entry in case.iterdir()} >= PROMISED


def test_the_masks_lie_on_the_scans_own_grid_and_hit_the_phantoms_truth(case: Path, phantom: Phantom) -> None:
    lungs = read_labels(case / "lungs.seg.nrrd", phantom.volume)
    lungs[lungs == 3] = 0
    for side in (1, 2):
        found = overlap_measures(lungs == side, phantom.lungs == side, phantom.volume.spacing_mm)
        assert found["dice"] is not None and found["dice"] > 0.95
    lesions = read_labels(case / "lesions.seg.nrrd", phantom.volume)
    assert (lesions[lungs == 0] == 0).all()


def test_report_csv_and_page_agree_and_name_no_one(case: Path) -> None:
    report = report_from_json((case / "report.json").read_text("utf-8"))
    in_csv = {row["key"]: row["value"] for row in csv.DictReader((case / "measures.csv").open(encoding="utf-8"))}
    html = (case / "report.html").read_text("utf-8")
    measures = [m for s in report.sections for m in s.measures]
    assert len(measures) > 10
    for measure in measures:
        assert in_csv[measure.key] == measure.text
        assert re.search(rf'data-key="{re.escape(measure.key)}">{re.escape(measure.text)}', html)
    for name in ("report.json", "report.html", "measures.csv", "manifest.json"):
        assert "Müller" not in (case / name).read_text("utf-8")


def test_a_second_run_gives_identical_numbers_and_replaces_the_case(case: Path, scan: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(case, again)
    (again / "measures.csv").write_text("old")
    done = covidmtl("run", scan, "-o", again, *QUICK)
    assert done.returncode == 0, done.stderr
    assert (again / "measures.csv").read_bytes() == (case / "measures.csv").read_bytes()
    assert (again / "lesions.seg.nrrd").read_bytes() == (case / "lesions.seg.nrrd").read_bytes()


def test_a_folder_that_holds_something_else_is_refused_and_untouched(scan: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    done = covidmtl("run", scan, "-o", tmp_path, *QUICK)
    assert done.returncode == 1
    assert "no case" in done.stderr and "Traceback" not in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_ctrl_c_in_the_middle_leaves_nothing_behind(scan: Path, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    command = [*COMMAND, "--progress", "json", "run", str(scan), "-o", str(folder), *QUICK]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background shells start tests deaf to Ctrl-C
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Lesions" in line:
            break
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Cancelled" in errors and "Traceback" not in errors
    assert time.monotonic() - asked < 30
    assert list(tmp_path.iterdir()) == []


def test_a_missing_scan_is_named_with_a_remedy(tmp_path: Path) -> None:
    done = covidmtl("run", tmp_path / "no-such-scan.nii", "-o", tmp_path / "case")
    assert done.returncode == 1
    assert "no-such-scan" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "case").exists()


@pytest.mark.data
@pytest.mark.slow
def test_the_main_job_runs_on_a_real_scan(data_dir: Path, tmp_path: Path) -> None:
    scan = data_dir / "ct" / "lungdx_A0002"
    if not scan.is_dir():
        pytest.skip(f"{scan} is not here")
    done = covidmtl("run", scan, "-o", tmp_path / "case")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "case" / "report.json").read_text("utf-8")
    jsonschema.validate(json.loads(text), report_schema())
    report = report_from_json(text)
    for side in ("right", "left"):
        volume = report.measure(f"lungs.volume.{side}").value
        assert isinstance(volume, float) and 700 < volume < 4500
