"""The shipped kind of prognosis model."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ChestCTLib.models import find_model
from COVIDMTLLib.prognosis.model import PrognosisModel, load_prognosis
from COVIDMTLLib.prognosis.patients import Patients


@pytest.fixture(scope="module")
def patients() -> Patients:
    """Only the old die."""
    rng = np.random.default_rng(0)
    died = np.repeat([1, 0], [10, 30])
    demographics = np.column_stack([np.where(died == 1, 85, 45) + rng.integers(0, 5, 40), np.ones(40)]).astype(float)
    return Patients(died, rng.normal(size=(40, 375)), demographics, np.empty((40, 0)))


def test_a_score_rises_with_what_the_deceased_had_and_is_placed_among_survivors(patients: Patients) -> None:
    model = PrognosisModel.fit(patients)
    features = patients.features[0]
    old, young = model.score(features, (88.0, 1.0)), model.score(features, (40.0, 1.0))
    assert old > young
    assert model.percentile(old) > model.percentile(young)


def test_a_written_model_gives_the_same_score(
    patients: Patients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = PrognosisModel.fit(patients)
    model.save(tmp_path / "own.safetensors")
    monkeypatch.setattr("COVIDMTLLib.prognosis.model.model_file", lambda card: tmp_path / card.file)
    read = load_prognosis(replace(find_model("features-prognosis"), file="own.safetensors"))
    for age in (40.0, 60.0, 88.0):
        assert read.score(patients.features[3], (age, 0.0)) == model.score(patients.features[3], (age, 0.0))


@pytest.mark.skipif(os.name != "posix", reason="only POSIX files have a mode")
def test_written_weights_can_be_read_by_all_who_may_read_the_users_other_files(
    patients: Patients, tmp_path: Path
) -> None:
    PrognosisModel.fit(patients).save(tmp_path / "own.safetensors")
    (tmp_path / "other").touch()
    assert (tmp_path / "own.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
