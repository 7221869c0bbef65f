"""DeepSC-COVID's losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from LesionSegLib.losses.deepsc import (
    DeepSCLossSettings,
    activation,
    classification_loss,
    dice_loss,
    focal_loss,
    inverse_frequencies,
    task_aware_loss,
    total_loss,
)
from LesionSegLib.networks.deepsc_covid import DeepSCCovid, DeepSCOutput, DeepSCSettings


class Shows(DeepSCCovid):
    """Its evidence is a given volume."""

    shown: torch.Tensor

    def evidence(self, output: DeepSCOutput, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.shown, self.shown, self.shown


def test_dice_loss_by_hand() -> None:
    probability, truth = torch.tensor([0.5, 0.5, 0.0, 1.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    assert float(dice_loss(probability, truth)) == pytest.approx(1 - 2 * 1.5 / (2.0 + 2.0), abs=1e-5)
    assert float(dice_loss(torch.zeros(4), torch.zeros(4))) == pytest.approx(0.0)


def test_focal_loss_by_hand() -> None:
    probability, truth = torch.tensor([0.8, 0.3]), torch.tensor([1.0, 0.0])
    lesion = -0.75 * 0.2**2 * math.log(0.8)
    background = -0.25 * 0.3**2 * math.log(0.7)
    assert float(focal_loss(probability, truth, 0.75, 2.0)) == pytest.approx((lesion + background) / 2, rel=1e-5)
    assert torch.isfinite(focal_loss(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]), 0.75, 2.0))


def test_rarer_classes_weigh_more_and_absent_ones_nothing() -> None:
    weights = inverse_frequencies([0, 0, 0, 1], 3)
    assert float(weights[1] / weights[0]) == pytest.approx(3.0)
    assert float(weights[2]) == 0.0
    assert float(weights[:2].mean()) == pytest.approx(1.0)


def test_classification_loss_is_weighted_cross_entropy() -> None:
    logits, weights = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([0.5, 1.0, 1.0])
    by_hand = -0.5 * math.log(math.exp(2) / (math.exp(2) + 2))
    assert float(classification_loss(logits, torch.tensor([0]), weights)) == pytest.approx(by_hand, rel=1e-5)


def test_task_aware_loss_pulls_both_subnets_and_single_scale_is_one_of_its_terms() -> None:
    network = DeepSCCovid(DeepSCSettings(width=0.125))
    output = network(torch.rand(1, 1, 8, 16, 16), torch.rand(1, 1, 8, 32, 32))
    place = torch.tensor([[[0.0, 1.0], [0.25, 0.75], [0.25, 0.75]]])
    loss = task_aware_loss(network, output, torch.tensor([1]), place)
    single = task_aware_loss(network, output, torch.tensor([1]), place, multi_scale=False)
    assert 0 < float(single.detach()) < float(loss.detach())
    loss.backward()
    assert network.classifier.head.weight.grad is not None
    assert network.segmenter.outputs[0].weight.grad is not None


def test_task_aware_loss_is_small_where_evidence_and_segmentation_agree_and_leaves_scans_without_lesions_out() -> None:
    network = Shows(DeepSCSettings(width=0.125))
    lesion = torch.zeros(1, 1, 4, 8, 8)
    lesion[..., 2:5, 2:5] = 1.0
    network.shown = 3.0 * lesion - 1.0
    output = DeepSCOutput(None, (20.0 * lesion - 10.0,) * 4, torch.zeros(1, 3), (lesion,))
    assert float(task_aware_loss(network, output, torch.tensor([0]))) == pytest.approx(0.0, abs=1e-6)
    network.shown = 1.0 - 3.0 * lesion
    assert float(task_aware_loss(network, output, torch.tensor([0]))) == pytest.approx(0.1 + 0.2 + 0.3, abs=1e-3)
    assert float(task_aware_loss(network, output, torch.tensor([2]))) == 0.0


def test_an_activation_map_is_the_positive_evidence_over_its_maximum() -> None:
    evidence = torch.tensor([-3.0, 0.0, 1.0, 4.0]).reshape(1, 1, 1, 1, 4)
    assert activation(evidence).flatten().tolist() == [0.0, 0.0, 0.25, 1.0]
    assert activation(-evidence.abs()).max() == 0.0


def test_the_total_has_only_the_parts_whose_labels_are_there() -> None:
    network = DeepSCCovid(DeepSCSettings(width=0.125))
    patch, slices = torch.rand(1, 1, 8, 16, 16), torch.rand(1, 1, 8, 32, 32)
    weights, settings = torch.ones(3), DeepSCLossSettings(task_aware=0.0)
    truth, classes = (patch > 0.7).float(), torch.tensor([0])
    output = network(patch, slices)
    both = total_loss(network, output, truth, classes, weights, settings)
    lesions = total_loss(network, output, truth, None, weights, settings)
    diagnosis = total_loss(network, output, None, classes, weights, settings)
    torch.testing.assert_close(both, lesions + diagnosis)
    assert float(total_loss(network, output, None, None, weights, settings)) == 0.0


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_with_the_gradient_stopped_the_diagnosis_teaches_the_lesion_subnet_nothing(stop_gradient: bool) -> None:
    torch.manual_seed(0)
    network = DeepSCCovid(DeepSCSettings(width=0.125))
    output = network(torch.rand(1, 1, 8, 16, 16), torch.rand(1, 1, 8, 16, 16), stop_gradient=stop_gradient)
    settings = DeepSCLossSettings(stop_gradient=stop_gradient)
    total_loss(network, output, None, torch.tensor([1]), torch.ones(3), settings).backward()
    taught = [weight for weight in network.segmenter.parameters() if weight.grad is not None and weight.grad.any()]
    assert bool(taught) != stop_gradient
    assert network.classifier.lesion_path.weight.grad is not None and network.classifier.lesion_path.weight.grad.any()


def test_the_network_overfits_two_small_scans() -> None:
    torch.manual_seed(0)
    network = DeepSCCovid(DeepSCSettings(width=0.125))
    scan = torch.rand(2, 1, 8, 16, 16) * 0.1
    truth = torch.zeros_like(scan)
    truth[0, :, 2:6, 4:12, 4:12] = 1.0
    scan = scan + 0.6 * truth
    classes, weights = torch.tensor([0, 2]), torch.ones(3)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(40):
        output = network(scan, scan)
        loss = total_loss(network, output, truth, classes, weights, DeepSCLossSettings(task_aware=0.1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    output = network(scan, scan)
    assert output.lesion is not None and output.class_logits is not None
    assert float(dice_loss((output.lesion > 0.5).float(), truth)) < 0.3
    assert output.class_logits.argmax(1).tolist() == [0, 2]
