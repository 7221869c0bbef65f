"""A phantom on disk is the phantom in memory, with its truth beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ChestCTLib.io.labels import read_labels
from ChestCTLib.io.reader import read_volume
from ChestCTLib.phantom import PhantomSettings, make_phantom
from COVIDMTLApp.cli import app


def test_the_command_writes_scan_masks_and_truth(tmp_path: Path) -> None:
    folder = tmp_path / "phantom"
    result = CliRunner().invoke(
        app, ["phantom", "-o", str(folder), "--diagnosis", "cap", "--seed", "3", "--spacing", "5", "4", "4"]
    )
    assert result.exit_code == 0, result.output
    made = make_phantom(PhantomSettings(seed=3, diagnosis="cap", spacing_mm=(5, 4, 4)))
    volume = read_volume(folder / "ct.nii.gz")
    assert np.array_equal(volume.hu, made.volume.hu)
    assert np.allclose(volume.ijk_to_lps, made.volume.ijk_to_lps, atol=1e-3)
    assert np.array_equal(read_labels(folder / "lungs.nii.gz", volume), made.lungs)
    assert np.array_equal(read_labels(folder / "lesions.nii.gz", volume), made.lesions)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert truth["diagnosis"] == "cap"
    assert truth["lesion_count"] == len(truth["lesions"]) == made.lesion_ids.max()
    assert sum(lesion["volume_ml"] for lesion in truth["lesions"]) == pytest.approx(truth["lesion_ml"]["total"])
    assert truth["lesion_volume_ratio_percent"] == pytest.approx(
        100 * (made.lesions > 0).sum() / (made.lungs > 0).sum()
    )


def test_the_command_refuses_a_spacing_no_scanner_has(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["phantom", "-o", str(tmp_path / "p"), "--spacing", "50", "4", "4"])
    assert result.exit_code == 1
    assert "50" in result.output
    assert not (tmp_path / "p").exists()
