"""``covidmtl lungs`` and ``covidmtl evaluate lungs`` as the user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ChestCTLib.io import read_labels, read_volume, write_image, write_labels
from ChestCTLib.labels import LUNG_LABELS
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom

COMMAND = [sys.executable, "-m", "COVIDMTLApp"]


def covidmtl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(seed=23, diagnosis="covid", spacing_mm=(5.0, 3.0, 3.0)))


@pytest.fixture(scope="module")
def folder(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lungs")
    write_image(phantom.volume.hu, phantom.volume, folder / "ct.nii.gz")
    write_labels(phantom.lungs, phantom.volume, folder / "truth.nii.gz", LUNG_LABELS)
    return folder


def test_lungs_writes_the_mask_and_the_promised_figures(phantom: Phantom, folder: Path) -> None:
    mask, figures_file = folder / "out.nii.gz", folder / "out.json"
    done = covidmtl(
        "lungs", folder / "ct.nii.gz", "-o", mask, "--reference", folder / "truth.nii.gz", "--json", figures_file
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(figures_file.read_text())
    lungs = read_labels(mask, read_volume(folder / "ct.nii.gz"))
    assert set(np.unique(lungs)) == {0, 1, 2}
    for side, name in ((1, "right"), (2, "left")):
        assert figures["volume_ml"][name] == pytest.approx(np.sum(lungs == side) * phantom.volume.voxel_ml, rel=1e-3)
    assert figures["seconds"] > 0 and figures["method"] == "refined"
    assert figures["dice"] > 0.96
    assert {"jaccard", "mcc", "precision", "recall", "nsd", "rmsd_mm", "hd95_mm"} <= figures.keys()
    assert figures["recovered_hu"]["hu_counts"]


def test_a_reference_on_another_grid_is_refused_and_nothing_is_written(folder: Path) -> None:
    other = make_phantom(PhantomSettings(seed=23, diagnosis="none", spacing_mm=(6.0, 4.0, 4.0)))
    write_labels(other.lungs, other.volume, folder / "other.nii.gz", LUNG_LABELS)
    done = covidmtl(
        "lungs", folder / "ct.nii.gz", "-o", folder / "never.nii.gz", "--reference", folder / "other.nii.gz"
    )
    assert done.returncode == 1 and done.stderr.startswith("covidmtl: ")
    assert not (folder / "never.nii.gz").exists()


def test_a_missing_scan_is_an_error_of_one_line(folder: Path) -> None:
    done = covidmtl("lungs", folder / "nothing.nii.gz", "-o", folder / "never.nii.gz")
    assert done.returncode == 1 and "nothing" in done.stderr and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def slice_set(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom as pictures: 8 bit, lung window, in the layout of the labelled slice sets."""
    root = tmp_path_factory.mktemp("slices")
    rows = ["slice,case"]
    for kind in ("ct", "lungs", "covid"):
        (root / kind).mkdir()
    first = int(np.flatnonzero((phantom.lungs > 0).any(axis=(1, 2)))[14])
    for number, z in enumerate(range(first, first + 30)):
        grey = np.clip((phantom.volume.hu[z] + 1200) / 1600 * 255, 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(root / "ct" / f"{number:04}.png")
        Image.fromarray((phantom.lungs[z] > 0).astype(np.uint8) * 255).save(root / "lungs" / f"{number:04}.png")
        Image.fromarray((phantom.lesions[z] > 0).astype(np.uint8) * 255).save(root / "covid" / f"{number:04}.png")
        rows.append(f"{number:04},{number // 15}")
    (root / "cases.csv").write_text("\n".join(rows) + "\n")
    return root


def test_evaluate_lungs_gives_every_method_a_mean_and_every_case_a_row(slice_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = covidmtl("evaluate", "lungs", slice_set, "--json", out, "--method", "refined", "--method", "classical")
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert figures["set"]["slices"] == 30 and "snake" not in figures
    for method in ("refined", "classical"):
        assert set(figures[method]["cases"]) == {"0", "1"}
        assert 0.85 < figures[method]["dice_mean"] <= 1 and figures[method]["dice_std"] >= 0
    assert "all slices" in done.stdout


def test_evaluate_lungs_goes_on_from_the_cases_it_has_kept(slice_set: Path, tmp_path: Path) -> None:
    kept, first, whole = tmp_path / "kept", tmp_path / "first.json", tmp_path / "whole.json"
    classical = ("evaluate", "lungs", slice_set, "--method", "classical", "--keep", kept)
    assert covidmtl(*classical, "--case", "0", "--json", first).returncode == 0
    (file,) = kept.iterdir()
    rows = json.loads(file.read_text())
    rows[0]["measures"]["dice"] = 0.125
    file.write_text(json.dumps(rows))
    assert covidmtl(*classical, "--json", whole).returncode == 0
    before, after = json.loads(first.read_text())["classical"], json.loads(whole.read_text())["classical"]
    assert after["cases"]["0"]["dice_mean"] < before["cases"]["0"]["dice_mean"]  # taken from the file, not measured
    assert after["cases"]["1"]["slices"] == 15 and len(list(kept.iterdir())) == 2


def test_evaluate_lungs_names_a_case_that_is_not_there(slice_set: Path) -> None:
    done = covidmtl("evaluate", "lungs", slice_set, "--case", "77")
    assert done.returncode == 1 and "77" in done.stderr


@pytest.mark.data
@pytest.mark.slow
def test_a_real_low_dose_scan_has_two_lungs_without_airway_and_table(data_dir: Path, tmp_path: Path) -> None:
    scan = data_dir / "ct" / "tcga_de_a4ma_chest.nii.gz"
    done = covidmtl("lungs", scan, "-o", tmp_path / "lungs.nii.gz", "--airway", tmp_path / "airway.nii.gz")
    assert done.returncode == 0, done.stderr
    volume = read_volume(scan)
    lungs = read_labels(tmp_path / "lungs.nii.gz", volume)
    airway = read_labels(tmp_path / "airway.nii.gz", volume)
    right, left = (np.sum(lungs == side) * volume.voxel_ml for side in (1, 2))
    assert 1500 < right < 3000 and 1000 < left < 2500 and right > left
    assert 5 < np.sum(airway > 0) * volume.voxel_ml < 80 and not ((airway > 0) & (lungs > 0)).any()
    assert np.median(volume.hu[lungs > 0]) < -750
