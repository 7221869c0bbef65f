"""The multitask losses against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ChestCTLib.errors import InputError
from COVIDMTLLib.losses import MeanLoss, RandomWeightedLoss, UncertaintyLoss, make_loss, task_losses

TASKS = ("ct", "nat", "severity")
LOSSES = {"ct": torch.tensor(1.0), "nat": torch.tensor(2.0), "severity": torch.tensor(6.0)}


def test_cross_entropy_of_known_logits_is_the_value_computed_by_hand():
    logits = {"ct": torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])}
    losses = task_losses(logits, {"ct": torch.tensor([1, 0])})
    assert losses["ct"].item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2, rel=1e-6)


def test_missing_labels_neither_count_nor_give_a_gradient():
    logits = torch.tensor([[0.0, math.log(3.0)], [5.0, -5.0]], requires_grad=True)
    loss = task_losses({"ct": logits}, {"ct": torch.tensor([1, -1])})["ct"]
    loss.backward()
    assert loss.item() == pytest.approx(math.log(4 / 3), rel=1e-6)
    assert logits.grad is not None
    assert logits.grad[1].abs().sum() == 0
    assert logits.grad[0].abs().sum() > 0


def test_a_task_without_any_label_is_left_out():
    logits = {"ct": torch.zeros(2, 2), "nat": torch.zeros(2, 2), "severity": torch.zeros(2, 3)}
    labels = {"ct": torch.tensor([0, 1]), "nat": torch.tensor([-1, -1])}
    assert set(task_losses(logits, labels)) == {"ct"}


def test_the_mean_loss_is_the_mean_of_the_tasks_there_are():
    assert MeanLoss(TASKS)(LOSSES).item() == pytest.approx(3.0)
    assert MeanLoss(TASKS)({"ct": LOSSES["ct"], "severity": LOSSES["severity"]}).item() == pytest.approx(3.5)


def test_the_uncertainty_loss_equals_the_formula_for_chosen_log_variances():
    loss = UncertaintyLoss(TASKS)
    assert loss(LOSSES).item() == pytest.approx(3.0)
    with torch.no_grad():
        loss.log_variances.copy_(torch.tensor([0.0, math.log(2.0), math.log(3.0)]))
    by_hand = ((1.0 + 0.0) + (2.0 / 2 + math.log(2.0) / 2) + (6.0 / 3 + math.log(3.0) / 2)) / 3
    assert loss(LOSSES).item() == pytest.approx(by_hand, rel=1e-6)


def test_the_uncertainty_loss_learns_the_log_variance_that_minimises_it():
    loss = UncertaintyLoss(TASKS)
    optimiser = torch.optim.SGD(loss.parameters(), lr=0.3)
    for _ in range(600):
        optimiser.zero_grad()
        loss(LOSSES).backward()
        optimiser.step()
    # d/ds (exp(-s) L + s/2) = 0 at s = log(2 L)
    assert loss.log_variances.tolist() == pytest.approx([math.log(2), math.log(4), math.log(12)], abs=1e-3)


def test_the_random_weights_are_the_accumulated_draws_divided_by_their_number():
    weights = RandomWeightedLoss(TASKS, draws=2, seed=4).draw_weights(3)
    draws = torch.empty(2, 3).exponential_(generator=torch.Generator().manual_seed(4))
    single = [row / row.sum() for row in draws]
    assert weights.tolist() == pytest.approx(((single[0] + single[1]) / 2).tolist(), rel=1e-6)
    assert weights.sum().item() == pytest.approx(1.0, rel=1e-6)


def test_the_random_weighted_loss_is_the_weighted_sum():
    weights = RandomWeightedLoss(TASKS, seed=9).draw_weights(3)
    loss = RandomWeightedLoss(TASKS, seed=9)(LOSSES)
    assert loss.item() == pytest.approx(float(weights @ torch.tensor([1.0, 2.0, 6.0])), rel=1e-6)


def test_two_tasks_are_weighted_with_p_and_one_minus_p():
    p = torch.rand(1, generator=torch.Generator().manual_seed(3)).item()
    loss = RandomWeightedLoss(("ct", "nat"), draws=1, seed=3)({"ct": LOSSES["ct"], "nat": LOSSES["nat"]})
    assert loss.item() == pytest.approx(p * 1.0 + (1 - p) * 2.0, rel=1e-6)


def test_single_draws_have_the_moments_of_a_flat_dirichlet_distribution():
    loss = RandomWeightedLoss(TASKS, draws=1, seed=0)
    weights = torch.stack([loss.draw_weights(3) for _ in range(20_000)])
    assert weights.mean(dim=0).tolist() == pytest.approx([1 / 3] * 3, abs=0.006)
    # variance of Dirichlet(1, 1, 1): (1/3)(2/3)/4
    assert weights.var(dim=0).tolist() == pytest.approx([1 / 18] * 3, rel=0.05)


def test_with_many_draws_the_random_weighted_loss_tends_to_the_mean_loss():
    deviations = [abs(RandomWeightedLoss(TASKS, draws=n, seed=1)(LOSSES).item() - 3.0) for n in (1, 100_000)]
    assert deviations[1] < 0.02
    assert deviations[1] < deviations[0]


def test_in_evaluation_the_random_weighted_loss_is_its_expectation():
    assert RandomWeightedLoss(TASKS).eval()(LOSSES).item() == pytest.approx(3.0)


def test_the_random_sequence_continues_from_a_saved_state():
    first = RandomWeightedLoss(TASKS, seed=5)
    first(LOSSES)
    second = RandomWeightedLoss(TASKS, seed=77)
    second.load_state_dict(first.state_dict())
    assert first(LOSSES).item() == second(LOSSES).item()


@pytest.mark.parametrize("name", ["random", "uncertainty", "mean"])
def test_every_loss_passes_gradients_to_every_task(name):
    values = {task: torch.tensor(1.0, requires_grad=True) for task in TASKS}
    make_loss(name, TASKS)(values).backward()
    assert all(value.grad is not None and value.grad.item() > 0 for value in values.values())


def test_impossible_settings_are_refused_with_the_value():
    with pytest.raises(InputError, match="0 draws"):
        RandomWeightedLoss(TASKS, draws=0)
    with pytest.raises(InputError, match="median"):
        make_loss("median", TASKS)
    with pytest.raises(InputError, match="age"):
        MeanLoss(TASKS)({"age": torch.tensor(1.0)})
