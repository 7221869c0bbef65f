"""A training pair holds what a reader changed and nothing that names the patient."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.models import find_model
from ChestCTLib.phantom import Phantom
from LesionSegLib.corrections import RECORD, list_corrections, read_correction, save_correction


@pytest.fixture
def corrected(covid_phantom: Phantom) -> np.ndarray:
    """The phantom's lesions without those of the right lung, with a cube more in the left."""
    lesions = np.where(covid_phantom.lungs == 1, 0, covid_phantom.lesions).astype(np.uint8)
    z, y, x = (int(np.median(axis)) for axis in np.nonzero(covid_phantom.lungs == 2))
    lesions[z : z + 3, y : y + 5, x : x + 4] = 2
    return lesions


def save(folder: Path, phantom: Phantom, lesions: np.ndarray, reader: str = "", **more: object):  # type: ignore[no-untyped-def]
    return save_correction(
        folder, phantom.volume, phantom.lungs, lesions, phantom.lesions, "hu-bands", reader=reader, **more
    )


def test_it_counts_what_was_added_removed_and_reclassified(
    tmp_path: Path, covid_phantom: Phantom, corrected: np.ndarray
) -> None:
    saved = save(tmp_path, covid_phantom, corrected)
    before, after, ml = covid_phantom.lesions, corrected, covid_phantom.volume.voxel_ml
    assert saved.added_ml == pytest.approx(((before == 0) & (after > 0)).sum() * ml)
    assert saved.removed_ml == pytest.approx(((before > 0) & (after == 0)).sum() * ml)
    assert saved.reclassified_ml == pytest.approx(((before > 0) & (after > 0) & (before != after)).sum() * ml)
    moved = {(change.before, change.after): change.voxels for change in saved.changes}
    assert moved["ground glass", "none"] == ((before == 1) & (after == 0)).sum()
    assert sum(moved.values()) == (before != after).sum()


def test_a_saved_pair_is_read_back_voxel_for_voxel(
    tmp_path: Path, covid_phantom: Phantom, corrected: np.ndarray
) -> None:
    save(tmp_path, covid_phantom, corrected, reader="ab")
    (listed,) = list_corrections(tmp_path)
    case = read_correction(listed)
    assert listed.reader == "AB" and listed.method == "hu-bands"
    assert np.array_equal(case.volume.hu, covid_phantom.volume.hu)
    assert np.array_equal(case.lungs, covid_phantom.lungs)
    assert np.array_equal(case.lesions, corrected) and np.array_equal(case.original, covid_phantom.lesions)


def test_the_record_names_model_and_versions_but_no_reader_unless_given(
    tmp_path: Path, covid_phantom: Phantom, corrected: np.ndarray
) -> None:
    card = find_model("lesions-multidecoder")
    saved = save(tmp_path, covid_phantom, corrected, card=card)
    assert saved.folder is not None
    record = json.loads((saved.folder / RECORD).read_text(encoding="utf-8"))
    assert record["reader"] == "" and record["model"] == {"id": card.id, "sha256": card.sha256}
    assert record["versions"]["numpy"] == np.__version__
    assert str(tmp_path) not in json.dumps(record) and record["case"].startswith("case-")


def test_an_accepted_mask_is_a_correction_without_changes(tmp_path: Path, covid_phantom: Phantom) -> None:
    saved = save(tmp_path, covid_phantom, covid_phantom.lesions)
    assert saved.changes == () and saved.dice == 1.0 and saved.added_ml == saved.removed_ml == 0


def test_a_second_correction_of_a_case_replaces_the_readers_own_and_no_others(
    tmp_path: Path, covid_phantom: Phantom, corrected: np.ndarray
) -> None:
    save(tmp_path, covid_phantom, corrected, reader="AB")
    save(tmp_path, covid_phantom, covid_phantom.lesions, reader="CD")
    save(tmp_path, covid_phantom, covid_phantom.lesions, reader="AB")
    listed = {correction.reader: correction for correction in list_corrections(tmp_path)}
    assert set(listed) == {"AB", "CD"} and listed["AB"].changes == ()
    assert listed["AB"].case == listed["CD"].case


def test_names_instead_of_initials_and_foreign_masks_are_refused(tmp_path: Path, covid_phantom: Phantom) -> None:
    for reader in ("Miller", "A B", "../x"):
        with pytest.raises(InputError, match="initials"):
            save(tmp_path, covid_phantom, covid_phantom.lesions, reader=reader)
    with pytest.raises(InputError, match="voxels"):
        save(tmp_path, covid_phantom, covid_phantom.lesions[1:])
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_save_leaves_nothing(tmp_path: Path, covid_phantom: Phantom) -> None:
    with pytest.raises(CancelledError):
        save(tmp_path, covid_phantom, covid_phantom.lesions, cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_corrections_and_a_damaged_record_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no corrections"):
        list_corrections(tmp_path)
    (tmp_path / "case-1").mkdir()
    (tmp_path / "case-1" / RECORD).write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(InputError, match="case-1"):
        list_corrections(tmp_path)
