"""``covidmtl save-correction`` and ``covidmtl train lesions --corrections`` on phantoms, as one would type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ChestCTLib.io import write_image, write_labels
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTLib.models import file_sha256, read_card
from ChestCTLib.phantom import PhantomSettings, make_phantom


def covidmtl(*arguments: str) -> tuple[int, dict[str, Any], str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "COVIDMTLApp", "--progress", "json", *arguments],
        capture_output=True, encoding="utf-8", env=environment, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    results = [line for line in lines if "result" in line or "error" in line]
    return done.returncode, results[-1] if results else {}, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corrected phantoms, saved by the command."""
    path = tmp_path_factory.mktemp("pairs")
    for seed in (1, 2):
        made = make_phantom(PhantomSettings(seed=seed, spacing_mm=(8.0, 5.0, 5.0)))
        write_image(made.volume.hu, made.volume, path / "ct.nii.gz")
        write_labels(made.lungs, made.volume, path / "lungs.nii.gz", LUNG_LABELS)
        write_labels(made.lesions, made.volume, path / "lesions.nii.gz", LESION_LABELS)
        write_labels(np.zeros_like(made.lesions), made.volume, path / "empty.nii.gz", LESION_LABELS)
        masks = ("--lungs", str(path / "lungs.nii.gz"), "--lesions", str(path / "lesions.nii.gz"))
        more = ("--original", str(path / "empty.nii.gz"), "--method", "hu-bands", "--reader", "ab")
        code, line, text = covidmtl("save-correction", str(path / "ct.nii.gz"), *masks, *more, "-f", str(path / "all"))
        assert code == 0, text
        ml = (made.lesions > 0).sum() * made.volume.voxel_ml
        assert line["result"]["added_ml"] == pytest.approx(ml) and line["result"]["removed_ml"] == 0
    return path / "all"


@pytest.mark.slow
def test_a_shipped_network_is_fine_tuned_and_its_card_tells_before_and_after(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "tuned"
    code, line, text = covidmtl(
        "train", "lesions", "--corrections", str(folder), "-o", str(out), "--epochs", "1", "--device", "cpu"
    )
    assert code == 0, text
    (held_out,) = line["result"]["held_out"]
    card = read_card((out / line["result"]["card"]).read_text(encoding="utf-8"))
    assert [figure.name for figure in card.figures] == ["lesion Dice before fine-tuning", "lesion Dice"]
    assert card.figures[1].value == pytest.approx(held_out["after"], abs=1e-4)
    assert held_out["case"] in card.split and "1 held-out" in card.figures[0].measured_on
    assert file_sha256(out / card.file) == card.sha256 and (out / "held-out.csv").is_file()


def test_a_folder_without_corrections_is_refused_with_a_remedy(tmp_path: Path) -> None:
    code, line, _text = covidmtl("train", "lesions", "--corrections", str(tmp_path), "-o", str(tmp_path / "out"))
    assert code != 0 and "no corrections" in line["error"] and "Lesion Seg" in line["remedy"]
