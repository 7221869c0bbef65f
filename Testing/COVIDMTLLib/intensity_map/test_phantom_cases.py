"""Phantoms as cases of the map classifier, and the shipped classifier on phantoms it has never seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.models import list_models
from ChestCTLib.phantom import PhantomSettings
from COVIDMTLLib.intensity_map import cases as cases_module
from COVIDMTLLib.intensity_map.cases import PhantomCasesSettings, map_image, phantom_cases, phantom_settings
from COVIDMTLLib.intensity_map.classes import CLASS_OF_DIAGNOSIS
from COVIDMTLLib.intensity_map.classifier import TASK, MapClassifier
from COVIDMTLLib.intensity_map.map import MapSettings, project
from COVIDMTLLib.phantom_sets import PreparedPhantom

UNSEEN_SEED = 900_000  # far beyond the seeds of any training


def test_splits_hold_every_class_and_never_share_a_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = tmp_path / "blank.npz"
    np.savez(blank, plain=np.zeros((256, 256), np.float16))

    def prepared(wanted: Sequence[PhantomSettings], *_: object) -> list[PreparedPhantom]:
        return [PreparedPhantom(settings, blank, {}) for settings in wanted]

    monkeypatch.setattr(cases_module, "prepare_phantoms", prepared)  # anatomy plays no part here
    cases = phantom_cases(PhantomCasesSettings(count=54), MapSettings(), tmp_path)
    assert Counter((case.split, case.label) for case in cases) == {
        (split, label): number
        for split, number in (("train", 12), ("validation", 2), ("test", 4))
        for label in range(3)
    }
    assert len({case.patient for case in cases}) == 54


def test_grids_are_drawn_from_the_seed_alone_and_tell_nothing_of_the_class() -> None:
    spacings = [{phantom_settings(seed, kind).spacing_mm for kind in ("covid", "cap", "none")} for seed in range(5)]
    assert all(len(one) == 1 for one in spacings)
    assert len(set.union(*spacings)) == 5


def test_too_few_phantoms_and_a_cancel_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="5 phantoms"):
        PhantomCasesSettings(count=5)
    with pytest.raises(CancelledError):
        phantom_cases(PhantomCasesSettings(), MapSettings(), tmp_path, cancelled=lambda: True)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_the_shipped_classifier_tells_unseen_phantoms_apart() -> None:
    from ChestCTLib.phantom import make_phantom

    card = next(card for card in list_models(TASK) if card.settings["masked"])
    assert card.evidence == "synthetic"
    classifier = MapClassifier.load(card.id, "cpu")
    right = 0
    for number in range(9):
        diagnosis = ("covid", "cap", "none")[number % 3]
        phantom = make_phantom(phantom_settings(UNSEEN_SEED + number, diagnosis))
        found = project(phantom.volume, classifier.map_settings, phantom.lungs)
        assert map_image(found).shape == (256, 256)
        probabilities = classifier.predict(found).probabilities
        right += int(np.argmax(probabilities)) == CLASS_OF_DIAGNOSIS[diagnosis]
    assert right >= 7  # of 9; chance would be 3
