"""``covidmtl reproduce`` and ``covidmtl train features`` on the released cohort."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ChestCTLib.models import file_sha256, read_card
from COVIDMTLApp.cli import app


def covidmtl(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["--progress", "json", *map(str, arguments)])


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "files"), [("table5", 72, 1), ("fig5", 70, 2), ("fig6", 24, 2), ("fig8", 20, 2)]
)
def test_a_reproduction_writes_its_table_and_figure(
    name: str, rows: int, files: int, data_dir: Path, tmp_path: Path
) -> None:
    done = covidmtl("reproduce", name, "--cohort", data_dir / "cohort", "-o", tmp_path)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output.splitlines()[-1])["result"]
    assert len(found["files"]) == len(list(tmp_path.iterdir())) == files
    with (tmp_path / f"{name}.csv").open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == rows


def test_a_folder_without_a_cohort_is_refused_with_a_remedy(tmp_path: Path) -> None:
    done = covidmtl("train", "features", "--cohort", tmp_path, "-o", tmp_path / "out", "--quick")
    assert done.exit_code == 1
    assert "Give the folder" in done.output
    assert not (tmp_path / "out").exists()


def test_a_single_scan_is_refused_before_it_is_measured(tmp_path: Path) -> None:
    done = covidmtl(
        "evaluate", "stability", tmp_path / "absent.nii.gz", "--cohort", tmp_path, "-o", tmp_path / "s.json"
    )
    assert done.exit_code == 1
    assert "Give two or more scans" in done.output


@pytest.mark.data
@pytest.mark.slow
def test_one_feature_model_is_trained_measured_and_written_with_its_card(data_dir: Path, tmp_path: Path) -> None:
    cohort = data_dir / "cohort"
    done = covidmtl("train", "features", "--cohort", cohort, "-o", tmp_path, "--quick", "--model", "features-robust")
    assert done.exit_code == 0, done.output
    assert {path.name for path in tmp_path.iterdir()} == {
        "features-robust.json",
        "features-robust.safetensors",
        "figures",
    }
    card = read_card((tmp_path / "features-robust.json").read_text(encoding="utf-8"))
    assert card.sha256 == file_sha256(tmp_path / card.file)
    figures = {figure.name: figure for figure in card.figures}
    assert figures["AUC ct of a forest that learned at the other hospital"].value < 0.85
    changes = [figure.value for figure in card.figures if figure.name == "largest change of the ct probability"]
    assert len(changes) == 3
    assert max(changes) <= 0.15
    in_test = [f for f in card.figures if f.name == "AUC ct" and f.measured_on.startswith("399")]
    assert in_test[0].value > 0.88
