"""The parts of the refinement, each on a shape whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from LungRefineLib.attached import attached_lesions
from LungRefineLib.bowel_gas import bowel_gas
from LungRefineLib.candidates import with_haze
from LungRefineLib.classical import classical_mask
from LungRefineLib.energy import minimise
from LungRefineLib.morphology import closed, distance_to, enclosed, opened
from LungRefineLib.pleura import covered_by_pleura, fit_pleura
from LungRefineLib.rays import ANGLES, cast_rays
from LungRefineLib.separated import separated_lesions
from LungRefineLib.sides import label_sides, split
from LungRefineLib.snake import snake_mask
from LungRefineLib.working_grid import make_working_grid


def ball(shape: tuple[int, int, int], centre: tuple[float, float, float], radius: float) -> np.ndarray:
    grid = np.indices(shape)
    return sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True)) <= radius**2


def test_distances_follow_the_spacing() -> None:
    mask = np.zeros((5, 5, 5), bool)
    mask[2, 2, 2] = True
    distance = distance_to(mask, (4.0, 1.0, 2.0))
    assert distance[0, 2, 2] == pytest.approx(8.0) and distance[2, 2, 4] == pytest.approx(4.0)
    assert np.isinf(distance_to(np.zeros_like(mask), (1.0, 1.0, 1.0))).all()


def test_closing_fills_a_cleft_narrower_than_its_ball_and_no_wider_one() -> None:
    mask = np.ones((30, 40, 40), bool)
    mask[:, 10:14, 5:] = False
    mask[:, 24:36, 5:] = False
    found = closed(mask, 3.0, (1.0, 1.0, 1.0))
    assert found[15, 12, 20] and not found[15, 30, 20]


def test_opening_keeps_thick_parts_and_drops_thin_ones() -> None:
    mask = ball((30, 30, 30), (15, 15, 15), 8)
    mask[15, 15, :] = True
    found = opened(mask, 3.0, (1.0, 1.0, 1.0))
    assert found[15, 15, 15] and not found[15, 15, 1]


def test_a_lesion_inside_counts_as_enclosed_and_a_dome_from_below_does_not() -> None:
    lung = np.zeros((40, 60, 60), bool)
    lung[2:38, 5:55, 5:55] = True
    lesion = ball(lung.shape, (28, 30, 20), 8)
    dome = ball(lung.shape, (2, 30, 40), 14)
    found = enclosed(lung & ~lesion & ~dome, 50.0, (1.0, 1.0, 1.0))
    assert found[lesion].all()
    assert found[dome & (np.indices(lung.shape)[0] < 12)].mean() < 0.05


def test_a_second_look_finds_the_rod_that_the_first_leaves_inside_a_consolidation() -> None:
    lung = np.ones((40, 60, 60), bool)
    lung[0] = lung[-1] = False
    lung[:, 0] = lung[:, -1] = lung[:, :, 0] = lung[:, :, -1] = False
    rod = np.zeros_like(lung)
    rod[18:21, 26:32, 5:] = True  # open to the body at one end, so that two planes show no hole
    first = enclosed(lung & ~rod, 5.0, (1.0, 1.0, 1.0))
    assert not first[19, 29, 20]
    second = enclosed(lung & ~rod, 5.0, (1.0, 1.0, 1.0), thin_mm2=20.0, looks=2)
    assert second[19, 29, 20] and not (second & ~rod).any()


def gas_beside_lung(inside_lung: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """HU, air and a bubble: under the lung with a wall around, or within the lung."""
    hu = np.full((40, 60, 60), 40, np.float32)
    hu[20:, 5:55, 5:55] = -850
    bubble = ball(hu.shape, (30 if inside_lung else 10, 30, 30), 7)
    hu[bubble] = -1000
    return hu, hu < -500, bubble


def test_gas_under_the_dome_is_found_with_its_wall_and_a_bulla_is_not() -> None:
    hu, air, bubble = gas_beside_lung(inside_lung=False)
    found = bowel_gas(air, hu, (2.0, 2.0, 2.0))
    assert found[bubble].all() and np.count_nonzero(found) < 3 * np.count_nonzero(bubble)
    assert not found[hu == -850].any()
    hu, air, _ = gas_beside_lung(inside_lung=True)
    assert not bowel_gas(air, hu, (2.0, 2.0, 2.0)).any()


def test_thick_half_aerated_consolidation_joins_the_lung_and_fat_and_a_blurred_border_do_not() -> None:
    hu = np.full((30, 60, 60), 40, np.float32)
    hu[:, :, :30] = -850
    hu[:, :, 30] = -250  # the blurred border
    hu[5:25, 5:25, 30:45] = -170  # consolidation
    hu[5:25, 35:55, 30:45] = -100  # fat
    lungs = (hu < -500).astype(np.uint8)
    allowed = np.ones(hu.shape, bool)
    grown = with_haze(lungs, hu, -300.0, allowed, (1.0, 1.0, 1.0), exact_hu=True)
    assert grown[15, 15, 30:43].all()
    assert not grown[15, 45, 30:].any() and not grown[15, 30, 30:].any()
    assert not with_haze(lungs, hu, -300.0, allowed, (1.0, 1.0, 1.0))[:, :, 30:].any()


def test_the_pleura_bridges_a_dent_along_its_curve() -> None:
    z, angle = np.mgrid[:40, :ANGLES] * np.array([2.5, 2 * np.pi / ANGLES])[:, None, None]
    truth = (120 - 0.004 * (z - 50) ** 2 + 12 * np.cos(2 * angle)).astype(np.float32)
    seen = truth.copy()
    seen[12:26, 90:112] -= 9.0
    surface = fit_pleura(seen, np.ones(truth.shape, bool), 2.5)
    assert np.abs(surface - truth)[12:26, 90:112].max() < 1.5
    assert np.abs(surface - truth).mean() < 0.5


def test_the_pleura_is_believed_where_rays_meet_it_at_a_slant() -> None:
    """A chest far wider than deep, with a dent at its back."""
    z, y, x = np.mgrid[:30, :120, :160] * np.array([4.0, 2.0, 2.0])[:, None, None, None]
    across = ((y - 120) / 65) ** 2 + ((x - 160) / 140) ** 2
    inside = (across < 1) & (np.abs(x - 160) > 24)
    lesion = (np.hypot(x - 225, y - 178) < 24) & (z > 36) & (z < 80) & inside
    rays = cast_rays(inside & ~lesion, (4.0, 2.0, 2.0))
    found = covered_by_pleura(rays, inside.shape, (4.0, 2.0, 2.0))
    assert found[lesion].mean() > 0.6
    assert np.count_nonzero(found & ~inside) < 0.2 * np.count_nonzero(lesion)


def test_the_energy_fills_what_the_data_leaves_open_and_cuts_what_sticks_out() -> None:
    lung = ball((50, 50, 50), (25, 25, 25), 16)
    dent = ball(lung.shape, (25, 25, 41), 6)
    spike = np.zeros_like(lung)
    spike[25, 25, :9] = True
    start = lung | dent | spike
    force = np.where(start, 0.15, -0.6).astype(np.float32)
    force[lung & ~dent] = 0.6
    inside = minimise(start, force, (1.0, 1.0, 1.0)) > 0.5
    assert inside[dent & lung].mean() > 0.9 and not inside[25, 25, 2]


def test_lungs_that_touch_are_split_into_right_and_left() -> None:
    lungs = ball((40, 60, 120), (20, 30, 32), 18) | ball((40, 60, 120), (20, 30, 88), 18)
    lungs[20, 30, 32:88] = True
    halves = split(lungs, (2.0, 2.0, 2.0))
    assert halves is not None
    assert set(np.unique(halves[:, :, :50])) == {0, 1} and set(np.unique(halves[:, :, 70:])) == {0, 2}
    assert np.array_equal(halves > 0, lungs)
    assert split(ball((40, 60, 120), (20, 30, 60), 18), (2.0, 2.0, 2.0)) is None


def test_a_single_lung_gets_the_side_it_lies_on() -> None:
    lung = ball((30, 40, 80), (15, 20, 60), 12)
    assert set(np.unique(label_sides(lung, (2.0, 2.0, 2.0)))) == {0, 2}


def test_working_grid_returns_a_level_to_the_very_voxels_it_came_from() -> None:
    mask = np.zeros((31, 50, 47), bool)
    mask[6:24, 9:42, 12:36] = True
    grid = make_working_grid(np.where(mask, -850, 40).astype(np.int16), (1.0, 0.7, 0.7), 2.0)
    assert grid.factors == (2, 3, 3) and grid.full_shape == mask.shape
    level = (40 - grid.hu) / 890
    back = grid.bring_up(level, tuple(slice(0, size) for size in mask.shape)) >= 128
    # Edges and corners are rounded by interpolation; faces stay where they are.
    assert np.array_equal(back[15, 25], mask[15, 25]) and np.array_equal(back[:, 25, 20], mask[:, 25, 20])
    assert np.array_equal(back[15, :, 20], mask[15, :, 20])


def test_a_lesion_hanging_on_the_heart_by_a_neck_is_cut_off_and_a_dome_is_not() -> None:
    body = np.zeros((60, 80, 80), bool)
    body[:, :, :20] = True
    lesion = ball(body.shape, (30, 40, 32), 9)
    neck = ball(body.shape, (30, 40, 21), 5)
    dome = ball(body.shape, (0, 40, 60), 16)
    rim = np.ones_like(body)
    rim[2:-2, 2:-2, 2:-2] = False
    lung = ~(body | lesion | neck | dome | rim)
    found = attached_lesions(lung, (1.0, 1.0, 1.0))
    assert found[lesion].mean() > 0.9
    assert not found[dome & ~lesion].any() and found[body].mean() < 0.01


def heart_and_lesion(fat_mm: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Soft heart under a coat of fat, a consolidation lying broadly on it, lung, and an airway far away; 2 mm."""
    body = np.zeros((44, 60, 60), bool)
    body[:, :, :20] = True
    coat = np.zeros_like(body)
    coat[:, :, 20 - fat_mm // 2 : 20] = fat_mm > 0
    lesion = ball(body.shape, (22, 30, 22), 11) & ~body
    hu = np.where(coat, -100.0, np.where(body | lesion, 40.0, -850.0)).astype(np.float32)
    airway = np.zeros_like(body)
    airway[:, 2, 2] = True
    return hu, lesion, ~(body | lesion), airway


def test_a_consolidation_on_the_heart_is_told_from_it_by_the_fat_between_them() -> None:
    hu, lesion, lung, airway = heart_and_lesion(fat_mm=4)
    found = separated_lesions(lung, hu, airway, (2.0, 2.0, 2.0))
    assert found[lesion].mean() > 0.95
    assert (found & ~lesion).sum() < 0.05 * lesion.sum()


def test_what_the_body_holds_broadly_stays_body() -> None:
    hu, lesion, lung, airway = heart_and_lesion(fat_mm=0)
    assert not separated_lesions(lung, hu, airway, (2.0, 2.0, 2.0))[~lesion].any()
    bulge = ball(lesion.shape, (22, 30, 10), 22)
    hu[bulge] = 40.0
    assert not separated_lesions(lung & ~bulge, hu, airway, (2.0, 2.0, 2.0)).any()


def test_small_pieces_beside_the_main_bronchi_are_vessels() -> None:
    hu = np.full((40, 40, 40), -850.0, np.float32)
    vessel = ball(hu.shape, (20, 20, 20), 5)
    hu[vessel] = 40.0
    near, far = np.zeros(hu.shape, bool), np.zeros(hu.shape, bool)
    near[20, 20, 30], far[0, 0, 0] = True, True
    spacing = (2.0, 2.0, 2.0)
    assert not separated_lesions(~vessel, hu, near, spacing).any()
    assert separated_lesions(~vessel, hu, far, spacing)[vessel].mean() > 0.9


def chest() -> np.ndarray:
    """Two air-filled lungs of 1 mm voxels in a body on a table, with a dense lesion at the right lung's wall."""
    hu = np.full((12, 220, 300), -1000, np.int16)
    y, x = np.mgrid[:220, :300]
    hu[:, ((y - 110) / 95) ** 2 + ((x - 150) / 140) ** 2 < 1] = 40
    for middle in (85, 215):
        hu[:, ((y - 110) / 70) ** 2 + ((x - middle) / 52) ** 2 < 1] = -850
    hu[:, (y - 110) ** 2 + (x - 85) ** 2 < 25] = 40  # a vessel
    hu[:, (y - 110) ** 2 + (x - 36) ** 2 < 64] = 0  # consolidation at the wall
    hu[:, 212:214, 20:280] = 300
    return hu


def test_the_classical_method_fills_vessels_and_leaves_wall_lesions_out() -> None:
    mask = classical_mask(chest())
    assert mask[6, 110, 85] and mask[6, 110, 215]
    assert not mask[6, 110, 36] and not mask[6, 110, 150] and not mask[6, 5, 5]


def test_the_snake_takes_in_a_lesion_at_the_wall() -> None:
    hu = chest()
    initial = classical_mask(hu)
    refined = snake_mask(hu, initial)
    lesion = (hu[6] == 0) & (np.indices(hu[6].shape)[1] > 36)
    assert refined[6][lesion].mean() > initial[6][lesion].mean() + 0.2
    assert not refined[6, 110, 150]


def test_slices_with_little_lung_are_closed_and_not_refined() -> None:
    hu = chest()[:, ::2, ::2]
    initial = classical_mask(hu)
    assert initial[6].sum() < 15_000
    refined = snake_mask(hu, initial)
    assert (refined[6] >= initial[6]).all()
