"""The one entry to lesion segmentation: orientation, fallback, empty lungs."""

from __future__ import annotations

import numpy as np
import pytest

from ChestCTLib.errors import InputError, ModelError
from ChestCTLib.phantom import Phantom
from ChestCTLib.volume import CTVolume
from LesionSegLib.segment import segment_lesions
from LesionSegLib.settings import HU_BANDS, LesionSettings


def flipped(volume: CTVolume) -> CTVolume:
    """The same scan stored with all three axes running the other way."""
    affine = volume.ijk_to_lps.copy()
    last = np.array([*(np.array(volume.hu.shape[::-1]) - 1), 1.0])
    affine[:3, 3] = (volume.ijk_to_lps @ last)[:3]
    affine[:3, :3] *= -1
    return CTVolume(volume.hu[::-1, ::-1, ::-1], affine)


def test_turning_the_input_round_turns_the_lesions_and_changes_nothing_else(covid_phantom: Phantom) -> None:
    settings = LesionSettings(method=HU_BANDS)
    straight = segment_lesions(covid_phantom.volume, covid_phantom.lungs, settings)
    turned = segment_lesions(flipped(covid_phantom.volume), covid_phantom.lungs[::-1, ::-1, ::-1], settings)
    assert straight.lesions.any()
    np.testing.assert_array_equal(turned.lesions[::-1, ::-1, ::-1], straight.lesions)
    assert straight.method == HU_BANDS
    assert straight.model_card_id is None


def test_empty_lungs_give_empty_lesions_with_a_warning(covid_phantom: Phantom) -> None:
    result = segment_lesions(covid_phantom.volume, np.zeros_like(covid_phantom.lungs))
    assert not result.lesions.any()
    assert "empty" in result.warnings[0]


def test_lungs_on_another_grid_are_refused(covid_phantom: Phantom) -> None:
    with pytest.raises(InputError, match="lung mask"):
        segment_lesions(covid_phantom.volume, covid_phantom.lungs[:-1])


def test_an_unknown_network_is_an_error_that_names_it(covid_phantom: Phantom) -> None:
    with pytest.raises(ModelError, match="no-such-network"):
        segment_lesions(covid_phantom.volume, covid_phantom.lungs, LesionSettings(method="no-such-network"))
