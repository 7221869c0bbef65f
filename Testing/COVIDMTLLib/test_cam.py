"""Class activation maps and their score against the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ChestCTLib.errors import InputError
from COVIDMTLLib.cam import class_activation, explain, gradient_activation, scaled, score_explanation
from COVIDMTLLib.networks.build import NetworkSettings, build_network

SMALL = NetworkSettings(width=0.25, pools=(True, False, False))


def shared_maps(network):
    volume = torch.randn(1, 1, 32, 40, 40, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        return network.trunk(volume)


def test_the_map_of_a_linear_head_averages_to_the_logit_margin():
    network = build_network(SMALL).eval()
    shared = shared_maps(network)
    layers = network.tasks["ct"]
    # make every position speak for the class, so that nothing is cut off at 0
    with torch.no_grad():
        layers.head.weight[1].abs_()
        layers.head.weight[0].zero_()
        cam = class_activation(network, shared, "ct", 1)
        logits = network.from_shared(shared)["ct"][0]
    assert cam.mean().item() == pytest.approx((logits[1] - logits[0]).item(), rel=1e-4)


def test_grad_cam_equals_cam_up_to_scale_where_the_head_is_linear_in_the_maps():
    network = build_network(SMALL).eval()
    shared = shared_maps(network)
    with torch.no_grad():
        # positive weights keep the task's ReLU open: the head is then linear in the trunk's maps
        for parameter in network.tasks["ct"].maps.parameters():
            parameter.abs_()
    cam = class_activation(network, shared, "ct", 1).detach()
    grad = gradient_activation(network, shared, "ct", 1)
    if cam.max() == 0:
        cam = class_activation(network, shared, "ct", 0).detach()
        grad = gradient_activation(network, shared, "ct", 0)
    assert torch.allclose(cam / cam.max(), grad / grad.max(), atol=1e-3)


@pytest.mark.parametrize("settings", [NetworkSettings("decovnet"), NetworkSettings(width=0.25, transferred=True)])
def test_heads_that_are_not_linear_are_explained_by_gradients(settings):
    network = build_network(settings).eval()
    shared = shared_maps(network)
    with pytest.raises(InputError, match="Grad-CAM"):
        class_activation(network, shared, "severity", 2)
    cam = explain(network, shared, "severity", 2)
    assert cam.shape == (1, *shared.shape[2:])
    assert cam.min() >= 0


def test_scaled_maps_reach_one_and_an_empty_one_stays_zero():
    values = torch.zeros(4, 4, 4)
    assert not scaled(values, (8, 8, 8)).any()
    values[1, 2, 3] = 7.0
    cam = scaled(values, (8, 8, 8))
    assert cam.shape == (8, 8, 8)
    assert cam.max() == 1.0
    assert np.unravel_index(cam.argmax(), cam.shape)[0] in (2, 3)


def truth():
    lungs = np.zeros((4, 4, 4), dtype=bool)
    lungs[:2] = True  # 32 of 64 voxels
    lesions = np.zeros_like(lungs)
    lesions[0, 0, :] = True  # 4 voxels
    return lesions, lungs


def test_a_map_on_the_lesion_alone_scores_the_inverse_of_its_share():
    lesions, lungs = truth()
    score = score_explanation(lesions.astype(np.float32), lesions, lungs)
    assert score.energy_in_lesions == 1.0
    assert score.ratio_in_box == pytest.approx(64 / 4)
    assert score.ratio_in_lungs == pytest.approx(32 / 4)
    assert score.pointing_hit is True


def test_an_even_map_scores_one():
    lesions, lungs = truth()
    score = score_explanation(np.ones(lungs.shape, dtype=np.float32), lesions, lungs)
    assert (score.ratio_in_box, score.ratio_in_lungs) == pytest.approx((1.0, 1.0))


def test_a_map_beside_the_lesion_scores_zero_and_misses():
    lesions, lungs = truth()
    score = score_explanation((lungs & ~lesions).astype(np.float32), lesions, lungs)
    assert (score.ratio_in_box, score.ratio_in_lungs, score.pointing_hit) == (0.0, 0.0, False)


def test_without_lesion_or_map_there_is_no_score():
    lesions, lungs = truth()
    assert score_explanation(np.ones(lungs.shape, np.float32), lesions & False, lungs).ratio_in_box is None
    assert score_explanation(np.zeros(lungs.shape, np.float32), lesions, lungs).pointing_hit is None
    with pytest.raises(InputError, match="different grids"):
        score_explanation(np.zeros((1, 1, 1), np.float32), lesions, lungs)
