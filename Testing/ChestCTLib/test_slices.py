"""Labelled slice sets: layouts, upright masks, calibration of greys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ChestCTLib.errors import InputError
from ChestCTLib.io.equalisation import equalise
from ChestCTLib.io.slice_calibration import CalibrationSettings, calibrate
from ChestCTLib.io.slices import read_slice_set
from ChestCTLib.volume import CTVolume


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)


def window(hu: np.ndarray, level: float = -600.0, width: float = 1500.0) -> np.ndarray:
    """Greys of a lung window."""
    return (np.clip((hu - level) / width + 0.5, 0, 1) * 255).astype(np.uint8)


@pytest.fixture
def scans(tmp_path: Path, chest: CTVolume) -> Path:
    """Two cases in the layout with lung masks; the last slice of all has no infection mask."""
    lines = ["slice,case"]
    for number in range(4):
        hu = chest.hu[30 + number]
        save(tmp_path / "ct" / f"{number:04d}.png", window(hu))
        save(tmp_path / "lungs" / f"{number:04d}.png", 255 * (hu < -400))
        if number < 3:
            save(tmp_path / "covid" / f"{number:04d}.png", 255 * (hu > 100))
        lines.append(f"{number:04d},{number // 2}")
    (tmp_path / "cases.csv").write_text("\n".join(lines))
    return tmp_path


def test_slices_are_gathered_by_case_with_their_masks(scans: Path, chest: CTVolume) -> None:
    cases = read_slice_set(scans)
    assert [(case.name, [image.name for image in case.slices]) for case in cases] == [
        ("0", ["0000", "0001"]),
        ("1", ["0002", "0003"]),
    ]
    second = cases[0].slices[1]
    np.testing.assert_array_equal(second.grey(), window(chest.hu[31]))
    np.testing.assert_array_equal(second.lungs(), chest.hu[31] < -400)
    np.testing.assert_array_equal(second.lesions(), chest.hu[31] > 100)
    assert cases[1].slices[1].lesions() is None


def test_pictures_with_exchanged_axes_come_out_upright(tmp_path: Path, chest: CTVolume) -> None:
    hu = chest.hu[34, 10:100, 5:110]
    label = np.where(hu > 200, 2, np.where(hu > -300, 1, 0))
    for split in ("train", "test"):
        save(tmp_path / split / "image" / "7.jpg", window(hu).T)
        save(tmp_path / split / "label" / "7.png", label.T)
    cases = read_slice_set(tmp_path)
    assert [(case.name, case.split) for case in cases] == [("7", "train"), ("7", "test")]
    image = cases[0].slices[0]
    assert np.abs(image.grey().astype(int) - window(hu)).mean() < 6  # JPEG
    np.testing.assert_array_equal(image.lesions(), label)
    assert image.lungs() is None


def test_groups_of_classified_slices_are_cases_with_their_split(tmp_path: Path, chest: CTVolume) -> None:
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / "image" / name, window(chest.hu[30]))
    (tmp_path / "labels.csv").write_text("file,covid,group,split\na.png,1,g,train\nb.png,0,h,test\nc.png,1,g,train\n")
    cases = read_slice_set(tmp_path)
    assert [(case.name, len(case.slices), case.split, case.covid) for case in cases] == [
        ("g", 2, "train", True),
        ("h", 1, "test", False),
    ]


def test_equalised_scans_are_recognised_and_brought_to_hu(scans: Path, chest: CTVolume) -> None:
    assert read_slice_set(scans)[0].slices[0].equalisation is None
    large = [hu.repeat(2, axis=0).repeat(2, axis=1)[:224, :224] for hu in chest.hu[30:34]]
    for number, hu in enumerate(large):
        save(scans / "ct" / f"{number:04d}.png", equalise(window(hu)))
    image = read_slice_set(scans)[0].slices[0]
    assert image.equalisation is not None
    assert np.mean((image.hu() < -420) == (large[0] < -420)) > 0.98


def test_what_is_missing_is_named(scans: Path, tmp_path: Path) -> None:
    (scans / "lungs" / "0002.png").unlink()
    with pytest.raises(InputError, match="lungs/0002"):
        read_slice_set(scans)
    with pytest.raises(InputError, match="no slice set"):
        read_slice_set(scans / "ct")
    (scans / "cases.csv").write_text("file,patient\n")
    with pytest.raises(InputError, match="lacks the columns"):
        read_slice_set(scans)


def test_damaged_and_unfitting_pictures_are_refused_when_read(scans: Path) -> None:
    (scans / "ct" / "0000.png").write_bytes(b"no picture")
    save(scans / "lungs" / "0001.png", np.zeros((5, 5)))
    first, second = read_slice_set(scans)[0].slices
    with pytest.raises(InputError, match="missing or damaged"):
        first.grey()
    with pytest.raises(InputError, match=r"\(5, 5\) pixels"):
        second.lungs()


@pytest.mark.parametrize(("level", "width"), [(-600.0, 1500.0), (-500.0, 1200.0), (-300.0, 1400.0)])
def test_an_unknown_window_is_found_out(level: float, width: float, chest: CTVolume) -> None:
    hu = chest.hu[len(chest.hu) // 2]
    found = calibrate(window(hu, level, width))
    lung, tissue = (hu < -700) & (hu > -900), (hu > 0) & (hu < 80)
    assert abs(np.median(found[lung]) - np.median(hu[lung])) < 80
    assert abs(np.median(found[tissue]) - np.median(hu[tissue])) < 60
    agreement = np.mean((found < -420) == (hu < -420))
    assert agreement > 0.98


def test_following_the_anchors_undoes_a_drift_of_the_greys(chest: CTVolume) -> None:
    """As equalisation does: the same tissue is brighter at one side of the picture than at the other."""
    hu = chest.hu[len(chest.hu) // 2]
    drift = np.linspace(0.45, 1.0, hu.shape[1])[None, :]
    grey = (window(hu) * drift).astype(np.uint8)
    wrong = [
        np.mean((calibrate(grey, CalibrationSettings(local=local)) < -420) != (hu < -420)) for local in (True, False)
    ]
    assert wrong[0] < 0.6 * wrong[1]


def test_pictures_that_show_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="one grey"):
        calibrate(np.full((64, 64), 90, np.uint8))
    with pytest.raises(InputError, match="shape"):
        calibrate(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(InputError, match="scale"):
        CalibrationSettings(scale=0.0)


@pytest.mark.data
def test_the_real_slice_sets_are_read_whole(data_dir: Path) -> None:
    scans = read_slice_set(data_dir / "slices" / "covid19_ct_seg")
    assert len(scans) == 15 and sum(len(case.slices) for case in scans) == 1282
    classes = read_slice_set(data_dir / "slices" / "medseg100")
    assert len(classes) == 78
    values = {int(v) for case in classes[:5] for v in np.unique(case.slices[0].lesions())}
    assert values <= {0, 1, 2} and len(values) > 1
    covid = read_slice_set(data_dir / "slices" / "covid_ct")
    assert sum(len(case.slices) for case in covid if case.covid) == 316
    splits: dict[str, set[str | None]] = {}
    for case in covid:
        splits.setdefault(case.name, set()).add(case.split)
    assert all(len(found) == 1 for found in splits.values())
