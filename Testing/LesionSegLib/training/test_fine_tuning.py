"""Fine-tuning on corrections of phantoms: whole cases are held out, and the network comes nearer to the readers."""

from __future__ import annotations

import csv
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from LesionSegLib.corrections import Correction, list_corrections, read_correction, save_correction
from LesionSegLib.networks.multi_decoder import MultiDecoderNet, MultiDecoderSettings
from LesionSegLib.settings import InferenceSettings
from LesionSegLib.training.augment import AugmentSettings
from LesionSegLib.training.fine_tuning import (
    CORRECTION_RECIPE,
    FineTuningSettings,
    fine_tune,
    rows_of_correction,
    split_by_case,
)

SPACING = (8.0, 4.0, 4.0)
STILL = AugmentSettings(*[0.0] * len(fields(AugmentSettings)))  # so that few steps suffice
SMALL = MultiDecoderSettings(widths=(8, 12, 16, 24))


def phantom(seed: int) -> Phantom:
    return make_phantom(PhantomSettings(seed=seed, spacing_mm=SPACING))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corrections of three phantoms: the masks were empty before, the readers drew the truth."""
    path = tmp_path_factory.mktemp("corrections")
    for seed in (3, 4, 5):
        made = phantom(seed)
        save_correction(path, made.volume, made.lungs, made.lesions, np.zeros_like(made.lesions), "none")
    return path


def correction(case: str, reader: str) -> Correction:
    return Correction(case, "hu-bands", {}, reader, (), 1.0, 0.0, 0.0, 0.0)


def test_all_corrections_of_a_case_are_on_one_side_of_the_split() -> None:
    corrections = [correction(f"case-{n}", reader) for n in range(5) for reader in ("AB", "CD")]
    learned, apart = split_by_case(corrections, 0.25, seed=0)
    sides = [{c.case for c in part} for part in (learned, apart)]
    assert not sides[0] & sides[1] and len(sides[1]) == 1 and len(apart) == 2
    assert len(learned) + len(apart) == len(corrections)
    assert split_by_case(corrections, 0.25, seed=0)[1] == apart
    assert split_by_case(corrections[:2], 0.25, seed=0) == (corrections[:2], [])  # one case leaves none to hold out


def test_rows_show_the_corrected_mask_with_its_classes(folder: Path) -> None:
    case = read_correction(list_corrections(folder)[0])
    rows = rows_of_correction(case, 7)
    slices = np.flatnonzero(case.lungs.any(axis=(1, 2)))
    assert len(rows) == slices[-1] - slices[0] + 1 and set(rows.cases) == {7}
    assert rows.known.all() and (rows.targets[:, 1] <= rows.targets[:, 0]).all()
    drawn = case.lesions[slices[0] : slices[-1] + 1].any(axis=(1, 2))
    assert (rows.targets[:, 0].any(axis=(1, 2)) <= drawn).all() and rows.targets[:, 0].any()


@pytest.mark.slow
def test_the_network_comes_nearer_to_held_out_corrections(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    quick = {
        "epochs": 10,
        "slices_per_epoch": 40,
        "learning_rate": 1e-2,
        "batch": 4,
        "average_decay": 0.8,
        "augmentation": STILL,
    }
    training = replace(CORRECTION_RECIPE, **quick)  # type: ignore[arg-type]
    # without the density rule, which alone would find most of a phantom's lesions
    inference = InferenceSettings(mirrored=False, min_rise_over_lung_hu=0.0)
    settings = FineTuningSettings(training=training, inference=inference)
    tuned = fine_tune(MultiDecoderNet(SMALL).eval(), list_corrections(folder), tmp_path, settings)
    (score,) = tuned.scores
    assert len(tuned.trained) == 2 and score.case not in tuned.trained
    before, after = tuned.mean("before"), tuned.mean("after")
    assert after is not None and after > (before or 0.0) + 0.1
    with (tmp_path / "held-out.csv").open(encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert row["case"] == score.case and float(row["dice after"]) == pytest.approx(after, abs=1e-4)
