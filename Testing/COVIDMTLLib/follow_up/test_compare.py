"""Two time points with a known change: volumes, matched lesions, a mirrored answer, and warnings."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk
from scipy import ndimage

from ChestCTLib.errors import InputError
from ChestCTLib.grid import canonical
from ChestCTLib.io.labels import write_labels
from ChestCTLib.labels import AIRWAY, LESION_LABELS, LUNG_LABELS
from ChestCTLib.manifest import make_manifest, volume_sha256
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTLib.volume import Acquisition
from ChestCTLib.zones import ZONES
from COVIDMTLLib.follow_up import FollowUp, FollowUpSettings, TimePoint, compare, read_time_point
from COVIDMTLLib.follow_up.lesions import follow, link, number_lesions
from COVIDMTLLib.follow_up.section import SUMMARY_KEYS, follow_up_section, write_follow_up
from LesionSegLib.settings import LesionSettings

MIRROR = {"new": "resolved", "resolved": "new", "persisting": "persisting"}
SECOND_SPACING = (3.0, 2.2, 2.2)  # z, y, x, mm: another grid than the first scan's
NEW_RADIUS_MM = 12.0


@dataclass(frozen=True)
class Pair:
    """A phantom at two time points: one lesion gone, the largest shrunk, a new one, and the patient lies elsewhere."""

    first: TimePoint
    second: TimePoint
    resolved_ml: float
    shrunk_ml: tuple[float, float]
    new_ml: float
    true_change_ml: float
    turn_deg: float


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(seed=1, diagnosis="covid", spacing_mm=(2.5, 2.0, 2.0)))


@pytest.fixture(scope="module")
def pair(phantom: Phantom) -> Pair:
    first = TimePoint(phantom.lungs, phantom.lesions, phantom.volume.ijk_to_lps)
    ids, ml = phantom.lesion_ids, first.voxel_ml
    largest, second = np.argsort(-np.bincount(ids.ravel())[1:])[:2] + 1
    later = phantom.lesions.copy()
    later[ids == second] = 0
    shrunk = ndimage.binary_erosion(ids == largest, iterations=1)
    later[(ids == largest) & ~shrunk] = 0
    room = ndimage.distance_transform_edt((phantom.lungs > 0) & (phantom.lesions == 0), sampling=first.spacing_mm)
    centre = np.unravel_index(room.argmax(), room.shape)
    away = np.ones(later.shape, dtype=bool)
    away[centre] = False
    ball = ndimage.distance_transform_edt(away, sampling=first.spacing_mm) <= min(NEW_RADIUS_MM, room.max() - 1)
    later[ball] = 2
    motion = sitk.Euler3DTransform()
    motion.SetCenter(first.image(later).TransformContinuousIndexToPhysicalPoint([n / 2 for n in later.shape[::-1]]))
    motion.SetRotation(0.06, -0.03, 0.08)
    motion.SetTranslation((12.0, -18.0, 25.0))
    turn = np.degrees(np.arccos((np.trace(np.array(motion.GetMatrix()).reshape(3, 3)) - 1) / 2))
    return Pair(
        first,
        moved(first, later, motion),
        resolved_ml=int((ids == second).sum()) * ml,
        shrunk_ml=(int((ids == largest).sum()) * ml, int(shrunk.sum()) * ml),
        new_ml=int(ball.sum()) * ml,
        true_change_ml=(int((later > 0).sum()) - int((phantom.lesions > 0).sum())) * ml,
        turn_deg=float(turn),
    )


@pytest.fixture(scope="module")
def found(pair: Pair) -> FollowUp:
    return compare(pair.first, pair.second)


def moved(point: TimePoint, lesions: npt.NDArray[np.uint8], motion: sitk.Transform) -> TimePoint:
    """The patient in another place, scanned on another grid."""
    spacing = SECOND_SPACING[::-1]
    source = point.image(lesions)
    extent = np.array(source.GetSize()) * source.GetSpacing()
    grid = sitk.Image(np.ceil((extent + 60) / spacing).astype(int).tolist(), sitk.sitkUInt8)
    grid.SetSpacing(spacing)
    grid.SetOrigin((np.array(source.GetOrigin()) - 30).tolist())
    masks = [
        sitk.GetArrayFromImage(sitk.Resample(point.image(array), grid, motion, sitk.sitkNearestNeighbor))
        for array in (point.lungs, lesions)
    ]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = grid.GetOrigin()
    return TimePoint(masks[0], masks[1], affine)


def by_status(found: FollowUp, status: str) -> list:
    return [lesion for lesion in found.lesions if lesion.status == status]


def test_the_change_of_volume_is_known_to_5_percent_and_the_motion_is_found(pair: Pair, found: FollowUp) -> None:
    assert abs(pair.true_change_ml) > 10
    assert found.region("total").change_ml == pytest.approx(pair.true_change_ml, rel=0.05)
    assert found.motion.turn_deg == pytest.approx(pair.turn_deg, abs=1.0)
    assert found.motion.lung_dice > 0.97


def test_resolved_new_and_shrunk_lesions_are_matched_with_their_volumes(
    phantom: Phantom, pair: Pair, found: FollowUp
) -> None:
    resolved, new = by_status(found, "resolved"), by_status(found, "new")
    assert [lesion.before_ml for lesion in resolved] == [pytest.approx(pair.resolved_ml)]
    assert [lesion.after_ml for lesion in new] == [pytest.approx(pair.new_ml, rel=0.05)]
    largest = by_status(found, "persisting")[0]
    assert largest.before_ml == pytest.approx(pair.shrunk_ml[0])
    assert largest.after_ml == pytest.approx(pair.shrunk_ml[1], rel=0.05)
    total = int(phantom.lesion_ids.max())
    assert sum(lesion.pieces[0] for lesion in found.lesions) == total


def test_zones_and_kinds_add_up_to_the_whole(found: FollowUp) -> None:
    whole = found.region("total")
    for time in range(2):
        sides = sum(found.region(key).lesion_ml[time] for key in ("right", "left"))
        kinds = sum(found.region(key).lesion_ml[time] for key in ("ground_glass", "consolidation"))
        zones = sum(found.region(zone.key).lesion_ml[time] for zone in ZONES)
        assert sides == pytest.approx(whole.lesion_ml[time])
        assert kinds == pytest.approx(whole.lesion_ml[time])
        assert zones <= whole.lesion_ml[time] + 1e-9


def test_exchanged_scans_give_the_mirrored_answer(pair: Pair, found: FollowUp) -> None:
    back = compare(pair.second, pair.first)
    forth = [(MIRROR[one.status], one.pieces[::-1], one.after_ml, one.before_ml) for one in found.lesions]
    assert [(one.status, one.pieces, one.before_ml, one.after_ml) for one in back.lesions] == forth
    for first, second in zip(found.regions, back.regions, strict=True):
        assert second.lesion_ml == first.lesion_ml[::-1]
        assert second.change_ml == -first.change_ml
    np.testing.assert_array_equal(back.before, found.after)
    np.testing.assert_array_equal(back.after, found.before)


def test_the_same_scan_twice_shows_no_change(pair: Pair) -> None:
    found = compare(replace(pair.first, input_sha256="abc"), replace(pair.first, input_sha256="abc"))
    assert found.region("total").change_ml == 0
    assert {lesion.status for lesion in found.lesions} == {"persisting"}
    assert "kernel" in found.notes[0] and "thickness" in found.notes[1]  # neither scan says its own
    assert any("same scan" in text for text in found.warnings)


def test_mixed_slices_kernels_methods_and_breath_are_warned_of(pair: Pair) -> None:
    thick = np.array(pair.first.ijk_to_lps)
    thick[2, 2] *= 1.6  # the same masks with thicker slices: also larger lungs
    other = TimePoint(pair.first.lungs, pair.first.lesions, thick, "B70f", "hu-bands", slice_thickness_mm=4.0)
    found = compare(replace(pair.first, kernel="B30f", lesion_method="network", slice_thickness_mm=1.25), other)
    text = " ".join(found.warnings)
    for expected in (
        "2.50 and 4.00 mm",
        "1.25 and 4.00 mm",
        "B30f and B70f",
        "network and hu-bands",
        "lung volumes differ",
    ):
        assert expected in text
    assert found.notes == ()


def test_without_lesions_nothing_is_divided_by_zero(pair: Pair) -> None:
    clear = replace(pair.first, lesions=np.zeros_like(pair.first.lesions))
    found = compare(clear, clear)
    assert found.lesions == ()
    assert found.region("total").change_percent is None
    section = follow_up_section(found)
    assert {m.key: m for m in section.measures}["follow_up.lesion.change_percent"].text == "n/a"
    assert section.tables[1].empty_text == "No lesion in either scan."


def test_lesions_that_merge_are_followed_as_one() -> None:
    first, second = np.zeros((9, 20, 20), dtype=np.uint8), np.zeros((9, 20, 20), dtype=np.uint8)
    first[2:5, 2:6, 2:6], first[2:5, 12:16, 2:6] = 1, 2
    second[2:5, 2:16, 2:6] = 1
    links = link(first, second, reach_mm=2.0, spacing_mm=2.0, min_share=0.2)
    assert links == [(1, 1), (2, 1)]
    merged = follow(np.array([3.0, 2.0]), np.array([8.0]), links, (np.array([1, 2]), np.array([1])))
    assert [(one.status, one.pieces, one.change_ml) for one in merged] == [("persisting", (2, 1), 3.0)]


def test_specks_below_the_smallest_volume_are_not_followed(pair: Pair) -> None:
    lesions = np.zeros_like(pair.first.lesions)
    lesions[tuple(np.argwhere(pair.first.lungs > 0)[100])] = 1
    point = replace(pair.first, lesions=lesions)
    assert number_lesions(point, min_ml=0.1).max() == 0
    assert number_lesions(point, min_ml=0.0).max() == 1


def test_a_case_folder_is_read_on_canonical_axes_even_when_a_mask_was_cropped(phantom: Phantom, tmp_path: Path) -> None:
    flipped = make_phantom(
        PhantomSettings(spacing_mm=(5.0, 4.0, 4.0), ijk_to_lps_directions=((-1, 0, 0), (0, 1, 0), (0, 0, -1)))
    )
    lungs = flipped.lungs.copy()
    lungs[flipped.airway & (lungs == 0)] = AIRWAY.value
    write_labels(lungs, flipped.volume, tmp_path / "lungs.seg.nrrd", (*LUNG_LABELS, AIRWAY))
    write_labels(flipped.lesions, flipped.volume, tmp_path / "whole.seg.nrrd", LESION_LABELS)
    image = sitk.ReadImage(str(tmp_path / "whole.seg.nrrd"))
    sitk.WriteImage(image[3:-4, 2:-1, 1:], str(tmp_path / "lesions.seg.nrrd"))
    scan = replace(flipped.volume, acquisition=Acquisition("B30f", 5.0))
    manifest = make_manifest(scan, {"lesions": LesionSettings(method="hu-bands")}, "cpu", seed=0)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    point = read_time_point(tmp_path)
    view = canonical(flipped.volume)
    np.testing.assert_array_equal(point.lungs, view.apply(flipped.lungs))
    np.testing.assert_array_equal(point.lesions, view.apply(flipped.lesions))
    np.testing.assert_allclose(point.ijk_to_lps, view.volume.ijk_to_lps, atol=1e-3)
    assert (point.kernel, point.slice_thickness_mm, point.lesion_method) == ("B30f", 5.0, "hu-bands")
    assert point.input_sha256 == volume_sha256(scan)


def test_a_folder_without_masks_and_masks_of_another_grid_are_refused(phantom: Phantom, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lungs\.seg\.nrrd"):
        read_time_point(tmp_path)
    coarse = make_phantom(PhantomSettings(spacing_mm=(5.0, 4.0, 4.0)))
    write_labels(coarse.lungs, coarse.volume, tmp_path / "lungs.seg.nrrd", LUNG_LABELS)
    write_labels(phantom.lesions, phantom.volume, tmp_path / "lesions.seg.nrrd", LESION_LABELS)
    with pytest.raises(InputError, match="different grids"):
        read_time_point(tmp_path)


def test_the_report_of_a_comparison_is_written_whole_with_every_number_and_unit(
    pair: Pair, found: FollowUp, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    report = write_follow_up(found, (pair.first, pair.second), FollowUpSettings(), folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {"report.json", "report.html", "report.pdf", "measures.csv", "tables", "pictures"}
    for key in SUMMARY_KEYS:
        assert report.measure(key).value is not None
    zones = (folder / "tables" / "follow_up-zones.csv").read_text().splitlines()
    assert len(zones) == 1 + 5 + 6
    assert (folder / "pictures" / "follow_up-difference.png").read_bytes().startswith(b"\x89PNG")
