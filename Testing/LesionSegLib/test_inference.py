"""Networks on volumes: what comes out of the shipped one, memory that runs out, and consistency along z."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ChestCTLib.errors import CancelledError, ModelError
from ChestCTLib.models import card_text, find_model, model_file
from ChestCTLib.phantom import Phantom
from LesionSegLib.inference import FIRST_BATCH, SliceRunner, consistent_mask
from LesionSegLib.segment import segment_lesions
from LesionSegLib.settings import SHIPPED_NETWORK, InferenceSettings, LesionSettings
from LesionSegLib.weights_files import build_multi_decoder, load_multi_decoder


class Counting(nn.Module):
    """Gives each slice's brightness back, and runs out of memory above a number of slices."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.seen: list[int] = []

    def forward(self, pictures: torch.Tensor, labels: tuple[str, ...]) -> torch.Tensor:
        if len(pictures) > self.most:
            raise torch.OutOfMemoryError("no memory left")
        self.seen.append(len(pictures))
        return pictures[:, 1:2] * 4.0


def test_when_memory_runs_out_smaller_batches_give_the_same_answer() -> None:
    stack = np.random.default_rng(0).random((20, 4, 8, 8), dtype=np.float32)
    roomy, tight = Counting(FIRST_BATCH), Counting(3)
    expected = SliceRunner(roomy, "lesion", False, torch.device("cpu")).run(stack)
    found = SliceRunner(tight, "lesion", False, torch.device("cpu")).run(stack)
    np.testing.assert_allclose(found, expected)
    assert max(tight.seen) <= 3 < max(roomy.seen)


def test_when_not_even_one_slice_fits_the_caller_hears_of_it() -> None:
    with pytest.raises(MemoryError):
        SliceRunner(Counting(0), "lesion", False, torch.device("cpu")).run(np.zeros((2, 4, 8, 8), np.float32))


def test_mirrored_slices_make_the_answer_symmetric() -> None:
    class LeftHalf(nn.Module):
        def forward(self, pictures: torch.Tensor, labels: tuple[str, ...]) -> torch.Tensor:
            logits = torch.full_like(pictures[:, :1], -20.0)
            logits[..., : logits.shape[-1] // 2] = 20.0
            return logits

    found = SliceRunner(LeftHalf(), "lesion", True, torch.device("cpu")).run(np.zeros((1, 4, 4, 8), np.float32))
    np.testing.assert_allclose(found, 0.5, atol=1e-6)


def test_a_flicker_in_one_slice_is_no_lesion_but_a_gap_in_one_slice_is() -> None:
    hu, lungs = np.full((21, 20, 20), -500, np.int16), np.ones((21, 20, 20), np.uint8)
    probability = np.zeros(hu.shape, np.float16)
    probability[3, 2:9, 2:9] = 1.0
    probability[8:19, 8:18, 8:18] = 1.0
    probability[13] = 0.0
    settings = InferenceSettings(threshold=0.5, z_sigma_mm=2.0, min_rise_over_lung_hu=0.0, min_island_ml=0.05)
    mask = consistent_mask(probability, hu, lungs, (1.0, 1.0, 1.0), settings)
    assert not mask[3].any()
    assert mask[13, 10:16, 10:16].all()


def test_lung_no_denser_than_the_scan_s_own_normal_lung_is_no_lesion() -> None:
    hu = np.full((20, 40, 40), -860, np.int16)
    hu[:, 25:38, 25:38] = -600
    lungs = np.zeros(hu.shape, np.uint8)
    lungs[2:18, 2:38, 2:38] = 1
    probability = (lungs * 0.9).astype(np.float16)
    mask = consistent_mask(probability, hu, lungs, (2.0, 2.0, 2.0), InferenceSettings())
    assert mask[8:12, 28:35, 28:35].all()
    assert not mask[:, 3:18, 3:18].any()
    off = consistent_mask(probability, hu, lungs, (2.0, 2.0, 2.0), InferenceSettings(min_rise_over_lung_hu=0.0))
    assert off[8:12, 6:15, 6:15].all()


def test_vessels_that_the_network_marks_are_taken_away_and_lesions_keep_their_margins() -> None:
    hu = np.full((40, 60, 60), -860, np.int16)
    hu[:, 18:21, 18:21] = -100  # a vessel of 6 mm
    hu[12:28, 36:54, 36:54] = -500  # a lesion
    lungs = np.zeros(hu.shape, np.uint8)
    lungs[2:38, 2:58, 2:58] = 1
    probability = ((hu > -800) * (lungs > 0) * 0.9).astype(np.float16)
    settings = InferenceSettings(z_sigma_mm=0.0)
    mask = consistent_mask(probability, hu, lungs, (2.0, 2.0, 2.0), settings)
    assert mask[13:27, 37:53, 37:53].all()
    assert not mask[:, 16:23, 16:23].any()
    kept = consistent_mask(probability, hu, lungs, (2.0, 2.0, 2.0), replace(settings, remove_vessels=False))
    assert kept[20, 19, 19]


def test_the_shipped_network_matches_its_card() -> None:
    card = find_model(SHIPPED_NETWORK)
    network, _ = load_multi_decoder(SHIPPED_NETWORK)
    assert model_file(card).stat().st_size < 20e6
    assert network.settings.labels[0] == "lesion"
    assert card.task == "lesions" and card.evidence == "real slices"
    assert not network.training


def test_weights_of_another_shape_are_refused() -> None:
    card = find_model(SHIPPED_NETWORK)
    with pytest.raises(ModelError, match="fit"):
        build_multi_decoder({**card.settings, "widths": [8, 16]}, model_file(card))


def test_a_network_of_an_earlier_preprocessing_is_refused(tmp_path: Path) -> None:
    card = replace(find_model(SHIPPED_NETWORK), settings={**find_model(SHIPPED_NETWORK).settings, "input": "earlier"})
    (tmp_path / "old.json").write_text(card_text(card), encoding="utf-8")
    with pytest.raises(ModelError, match="another input"):
        load_multi_decoder(str(tmp_path / "old.json"))


@pytest.mark.slow
def test_the_shipped_network_finds_lesions_inside_the_lungs_whatever_the_orientation(covid_phantom: Phantom) -> None:
    from ChestCTLib.volume import CTVolume

    volume, lungs = covid_phantom.volume, covid_phantom.lungs
    result = segment_lesions(volume, lungs)
    truth = covid_phantom.lesions > 0
    found = result.lesions > 0
    assert result.method == result.model_card_id == SHIPPED_NETWORK
    assert not found[lungs == 0].any()
    assert (found & truth).sum() / found.sum() > 2 * truth.sum() / (lungs > 0).sum()  # far better than chance
    affine = volume.ijk_to_lps.copy()
    affine[:3, 3] += affine[:3, 0] * (volume.shape[2] - 1)
    affine[:3, 0] *= -1
    turned = segment_lesions(CTVolume(volume.hu[:, :, ::-1], affine), lungs[:, :, ::-1])
    np.testing.assert_array_equal(turned.lesions[:, :, ::-1], result.lesions)


def test_cancelling_stops_the_network(covid_phantom: Phantom) -> None:
    with pytest.raises(CancelledError):
        segment_lesions(covid_phantom.volume, covid_phantom.lungs, LesionSettings(), cancelled=lambda: True)
