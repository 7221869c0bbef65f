"""``covidmtl intensity-map``, ``train|evaluate intensity-map`` and ``compare`` as a user types them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from ChestCTLib.io.images import write_image
from ChestCTLib.io.labels import write_labels
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from COVIDMTLApp.cli import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(seed=4, spacing_mm=(6.0, 4.0, 4.0)))


@pytest.fixture(scope="module")
def scan(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scan and its masks, named as a case folder's."""
    folder = tmp_path_factory.mktemp("scan")
    write_image(phantom.volume.hu, phantom.volume, folder / "ct.nii.gz")
    write_labels(phantom.lungs, phantom.volume, folder / "lungs.seg.nrrd", LUNG_LABELS)
    write_labels(phantom.lesions, phantom.volume, folder / "lesions.seg.nrrd", LESION_LABELS)
    return folder


def test_a_scan_becomes_png_csv_and_npy_that_agree(scan: Path, phantom: Phantom, tmp_path: Path) -> None:
    out = tmp_path / "map"
    done = run("intensity-map", scan / "ct.nii.gz", "-o", out, "--model", "none", "--bins", 128)
    assert done.exit_code == 0, done.output
    counts = np.load(out / "intensity-map.npy")
    wanted = [np.histogram(plane, bins=128, range=(-1024, 512))[0] for plane in phantom.volume.hu[::-1]]
    np.testing.assert_array_equal(counts, wanted)
    with (out / "intensity-map.csv").open() as stream:
        rows = list(csv.reader(stream))
    assert rows[0][:2] == ["slice", "-1024"]
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], dtype=np.int64), counts)
    assert (out / "intensity-map.png").read_bytes().startswith(b"\x89PNG")
    assert np.load(out / "intensity-map-square.npy").shape == (256, 256)


def test_with_masks_the_parts_are_drawn_and_their_shares_sum_to_100_percent(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "map"
    masks = ("--lungs", scan / "lungs.seg.nrrd", "--lesions", scan / "lesions.seg.nrrd")
    done = run("intensity-map", scan / "ct.nii.gz", "-o", out, *masks, "--model", "none")
    assert done.exit_code == 0, done.output
    assert (out / "intensity-map-parts.png").is_file()
    header = (out / "features.csv").read_text().splitlines()[0]
    assert header == "extent_all,extent_ground_glass,extent_consolidation"
    measures = json.loads((out / "report.json").read_text())["sections"][0]["measures"]
    shares = [m["value"] for m in measures if ".share." in m["key"]]
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(100.0, abs=0.02)


def test_lesions_without_lungs_and_unknown_models_are_refused_with_a_remedy(scan: Path, tmp_path: Path) -> None:
    done = run("intensity-map", scan / "ct.nii.gz", "-o", tmp_path / "x", "--lesions", scan / "lesions.seg.nrrd")
    assert done.exit_code == 1
    assert "--lungs" in done.output
    done = run("intensity-map", scan / "ct.nii.gz", "-o", tmp_path / "x", "--model", "no-such-model")
    assert done.exit_code == 1
    assert "no-such-model" in done.output
    assert not (tmp_path / "x").exists()


def test_a_table_of_scans_is_learned_from_and_scored_per_scan_and_per_patient(scan: Path, tmp_path: Path) -> None:
    rows = ["scan,label,patient,lungs,split"]
    splits = {"train": ("covid", "cap"), "validation": ("none",), "test": ("covid", "cap", "none")}
    for split, labels in splits.items():
        rows += [f"ct.nii.gz,{label},{split}-{label},lungs.seg.nrrd,{split}" for label in labels]
    table = scan / "cases.csv"
    table.write_text("\n".join(rows) + "\n")
    options = ("--masked", "--epochs", 1, "--device", "cpu", "--model-id", "mine")
    done = run("train", "intensity-map", table, "-o", tmp_path / "run", *options)
    assert done.exit_code == 0, done.output
    card = json.loads((tmp_path / "run" / "mine.json").read_text())
    assert card["settings"]["masked"] is True
    assert card["settings"]["training"]["epochs"] == 1  # what it takes to train it again
    out = tmp_path / "scores"
    card_file = tmp_path / "run" / "mine.json"
    done = run("evaluate", "intensity-map", table, "-o", out, "--model", card_file, "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {
        "per_scan.csv",
        "per_patient.csv",
        "predictions.csv",
        "evaluation.json",
    }
    with (out / "predictions.csv").open() as stream:
        assert [row["label"] for row in csv.DictReader(stream)] == ["covid", "cap", "none"]

    shutil.copy(tmp_path / "run" / "mine.safetensors", tmp_path / "run" / "other.safetensors")
    other = card | {"id": "other", "file": "other.safetensors"}
    (tmp_path / "run" / "other.json").write_text(json.dumps(other))
    both = ("--model", card_file, "--model", tmp_path / "run" / "other.json")
    done = run("evaluate", "intensity-map", table, "-o", tmp_path / "two", *both, "--device", "cpu")
    assert done.exit_code == 0, done.output
    with (tmp_path / "two" / "comparison.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert [(line["Model"], line["Per"], line["n"]) for line in lines] == [
        ("mine", "scan", "3"), ("mine", "patient", "3"), ("other", "scan", "3"), ("other", "patient", "3"),
    ]  # fmt: skip
    accuracies = [line["Accuracy, three classes [%]"] for line in lines]
    assert accuracies == accuracies[:1] * 4  # the same weights on the same scans, one scan a patient


def test_a_table_with_an_unknown_label_names_it(scan: Path, tmp_path: Path) -> None:
    table = scan / "wrong.csv"
    table.write_text("scan,label\nct.nii.gz,influenza\n")
    done = run("train", "intensity-map", table, "-o", tmp_path / "run")
    assert done.exit_code == 1
    assert "influenza" in done.output


def test_two_case_folders_are_compared_into_a_report(scan: Path, tmp_path: Path) -> None:
    done = run("compare", scan, scan, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "Change of the lesion volume: 0.0 mL" in done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["case_id"].startswith("follow-up-")
    assert (tmp_path / "out" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_prognosis_is_evaluated_on_a_table_of_cases(tmp_path: Path) -> None:
    table = tmp_path / "cases.csv"
    rows = [f"p{n},{int(n < 4)},{70 - n},{'male' if n % 2 else 'female'},{20 - n}" for n in range(12)]
    table.write_text("\n".join(["patient,deceased,age,sex,extent_all", *rows]) + "\n")
    done = run("evaluate", "map-prognosis", table, "-o", tmp_path / "out", "--repeats", 1, "--trees", 10)
    assert done.exit_code == 0, done.output
    assert "Only 4 patients died" in done.output
    with (tmp_path / "out" / "prognosis.csv").open() as stream:
        written = {row["Input feature sets"]: row for row in csv.DictReader(stream)}
    assert len(written) == 9
    assert written["Map features (top 3 PCA)"]["AUC"] == "n/a"
    assert float(written["Lesion extent"]["AUC"]) > 0.5
