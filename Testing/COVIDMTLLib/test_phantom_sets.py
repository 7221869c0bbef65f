"""Phantoms of a training are made once, and anew when anything that shapes them changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ChestCTLib.errors import CancelledError
from ChestCTLib.phantom import Phantom, PhantomSettings
from COVIDMTLLib import phantom_sets
from COVIDMTLLib.phantom_sets import prepare_phantoms

WANTED = [PhantomSettings(seed=seed, spacing_mm=(8.0, 6.0, 6.0)) for seed in (1, 2)]


class Recorder:
    """Prepares phantoms and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, phantom: Phantom, path: Path) -> dict[str, float]:
        self.calls += 1
        np.save(path, phantom.lungs)
        return {"seed": float(phantom.settings.seed)}


def test_prepared_phantoms_are_kept_with_their_facts(tmp_path: Path) -> None:
    prepare, told = Recorder(), []
    first = prepare_phantoms(WANTED, prepare, "grid", tmp_path, ".npy", lambda share, _: told.append(share))
    again = prepare_phantoms(WANTED, prepare, "grid", tmp_path, ".npy")
    assert prepare.calls == 2 and again == first
    assert [one.facts for one in first] == [{"seed": 1.0}, {"seed": 2.0}]
    assert all(np.load(one.file).any() for one in first)
    assert told == [0.0, 0.5, 1.0]


def test_other_settings_and_another_generator_prepare_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = Recorder()
    files = {prepare_phantoms(WANTED[:1], prepare, shape, tmp_path, ".npy")[0].file for shape in ("fine", "coarse")}
    monkeypatch.setattr(phantom_sets, "_generator_version", lambda: "newer")
    files.add(prepare_phantoms(WANTED[:1], prepare, "fine", tmp_path, ".npy")[0].file)
    assert prepare.calls == len(files) == 3


def test_a_cancel_leaves_only_whole_phantoms(tmp_path: Path) -> None:
    prepare = Recorder()
    with pytest.raises(CancelledError):
        prepare_phantoms(WANTED, prepare, "grid", tmp_path, ".npy", cancelled=lambda: prepare.calls == 1)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npy"]
