"""The peripheral lesion ratio of one distance transform is that of eroding with every disc in turn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ChestCTLib.phantom import Phantom
from LesionSegLib.measures.periphery import border_distance_mm, peripheral_curve, peripheral_percent


def eroded_ratio(lungs: np.ndarray, lesions: np.ndarray, spacing: tuple[float, float], sigma: float) -> float:
    """Equation 1 as it is written: erode every slice with a disc, and count."""
    rows, columns = (int(sigma / step + 1e-9) for step in spacing)
    y, x = np.mgrid[-rows : rows + 1, -columns : columns + 1]
    disc = np.hypot(y * spacing[0], x * spacing[1]) <= sigma + 1e-6
    inner = np.stack([ndimage.binary_erosion(lung, disc) for lung in lungs])
    if sigma == 0:
        inner = lungs
    return 100 * (lesions & lungs & ~inner).sum() / lesions.sum()


@pytest.mark.parametrize("sigma", [0, 1, 2.5, 5, 10, 17, 35])
def test_it_equals_erosion_with_a_disc_where_pixels_are_not_square(covid_phantom: Phantom, sigma: float) -> None:
    chosen = np.argsort((covid_phantom.lesions > 0).sum((1, 2)))[-6:]
    lungs, lesions = covid_phantom.lungs[chosen] > 0, covid_phantom.lesions[chosen] > 0
    spacing = (2.5, 1.9)
    distances = border_distance_mm(lungs, lesions, spacing)
    assert peripheral_percent(distances, sigma) == pytest.approx(eroded_ratio(lungs, lesions, spacing, sigma))


def test_a_lung_cut_by_the_image_edge_ends_there() -> None:
    lungs = np.ones((1, 40, 40), dtype=bool)
    lesions = np.zeros_like(lungs)
    lesions[0, :, 3] = True
    distances = border_distance_mm(lungs, lesions, (1.0, 1.0))
    for sigma in (2, 3, 4):
        assert peripheral_percent(distances, sigma) == pytest.approx(eroded_ratio(lungs, lesions, (1.0, 1.0), sigma))


def test_the_curve_rises_from_nothing_and_holds_the_single_ratios(covid_phantom: Phantom) -> None:
    distances = border_distance_mm(covid_phantom.lungs > 0, covid_phantom.lesions > 0, (2.5, 2.5))
    curve = peripheral_curve(distances, range(36))
    assert curve[0] == 0
    assert (np.diff(curve) >= 0).all()
    assert curve[10] == peripheral_percent(distances, 10)


def test_without_lesions_there_is_no_ratio() -> None:
    lungs = np.ones((3, 9, 9), dtype=bool)
    distances = border_distance_mm(lungs, np.zeros_like(lungs), (1.0, 1.0))
    assert peripheral_percent(distances, 10) is None
    assert peripheral_curve(distances, range(36)) == ()
