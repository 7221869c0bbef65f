"""Shift3D against a literal reading of Algorithm 2."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ChestCTLib.errors import InputError
from COVIDMTLLib.networks.shift3d import Shift3D, Shifts, ShiftSettings, _gathered, shift_maps


def literal(x, shifts, padding):
    """Algorithm 2, map by map, for given draws."""
    out = x.clone()
    per_sample = len(shifts.lines) // x.shape[0]
    for sample in range(x.shape[0]):
        for channel in range(x.shape[1]):
            item = sample * per_sample + (channel if per_sample > 1 else 0)
            axis, lines = int(shifts.axes[item]), int(shifts.lines[item])
            rolled = torch.roll(x[sample, channel], shifts=lines, dims=axis)
            if padding is not None and lines:
                entering = [slice(None)] * 3
                entering[axis] = slice(0, lines) if lines > 0 else slice(lines, None)
                rolled[tuple(entering)] = padding
            out[sample, channel] = rolled
    return out


def maps(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize("padding", [None, 0.0, -3.5])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_layer_equals_the_pseudocode_for_the_same_draws(padding, per_channel, dtype):
    x = maps(6, 5, 10, 15, 20, dtype=dtype)
    layer = Shift3D(ShiftSettings(chance=0.7, padding=padding, per_channel=per_channel, seed=2))
    shifts = layer.draw(x.shape)
    expected = literal(x, shifts, padding)
    assert not torch.equal(expected, x)
    assert torch.equal(shift_maps(x, shifts, padding), expected)
    assert torch.equal(_gathered(x, shifts, padding), expected)
    layer = Shift3D(ShiftSettings(chance=0.7, padding=padding, per_channel=per_channel, seed=2))
    assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("padding", [None, 0.0])
@pytest.mark.parametrize("per_channel", [False, True])
def test_the_gradient_equals_that_of_the_pseudocode(padding, per_channel):
    layer = Shift3D(ShiftSettings(chance=1.0, per_channel=per_channel, seed=3))
    x = maps(3, 4, 10, 10, 10).requires_grad_()
    y = x.detach().clone().requires_grad_()
    shifts = layer.draw(x.shape)
    weights = maps(3, 4, 10, 10, 10) ** 2
    (shift_maps(x, shifts, padding) * weights).sum().backward()
    (literal(y, shifts, padding) * weights).sum().backward()
    assert torch.equal(x.grad, y.grad)


def test_the_gradient_is_right_by_finite_differences():
    shifts = Shifts(torch.tensor([0, 2]), torch.tensor([1, -2]))
    x = maps(2, 1, 3, 3, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: shift_maps(t, shifts, 0.5), (x,))


def test_the_draws_have_the_distribution_of_the_paper():
    layer = Shift3D(ShiftSettings(chance=1.0))
    shifts = layer.draw((60_000, 1, 50, 50, 50))
    assert torch.bincount(shifts.axes).tolist() == pytest.approx([20_000] * 3, rel=0.03)
    lines = torch.bincount(shifts.lines.abs(), minlength=11)
    assert len(lines) == 11  # int(0.2 * 50) is the largest
    assert lines.tolist() == pytest.approx([60_000 / 11] * 11, rel=0.06)
    moved = shifts.lines[shifts.lines != 0]
    assert (moved > 0).float().mean().item() == pytest.approx(0.5, abs=0.01)


def test_gaussian_draws_prefer_few_lines_and_never_exceed_the_largest():
    shifts = Shift3D(ShiftSettings(chance=1.0, lines="gaussian")).draw((60_000, 1, 50, 50, 50))
    lines = shifts.lines.abs().float()
    assert lines.max().item() == 10
    # folded normal with sigma 5: mean 5 * sqrt(2 / pi), a little less for the cut
    assert lines.mean().item() == pytest.approx(5 * math.sqrt(2 / math.pi), rel=0.05)


def test_each_dimension_has_its_own_largest_shift():
    shifts = Shift3D(ShiftSettings(chance=1.0)).draw((20_000, 1, 10, 30, 60))
    assert [shifts.lines[shifts.axes == axis].abs().max().item() for axis in range(3)] == [2, 6, 12]


def test_the_chance_is_the_share_of_samples_that_is_drawn_for():
    settings = ShiftSettings(chance=0.25, max_share=0.9)
    shifts = Shift3D(settings).draw((40_000, 1, 1000, 1000, 1000))
    assert (shifts.lines != 0).float().mean().item() == pytest.approx(0.25, abs=0.01)


def test_chance_one_draws_a_shift_for_every_sample():
    shifts = Shift3D(ShiftSettings(chance=1.0, max_share=0.9)).draw((5_000, 1, 10**6, 10**6, 10**6))
    assert (shifts.lines != 0).float().mean().item() > 0.999  # 0 is one of 900,001 equally likely numbers of lines


def test_channels_of_one_sample_share_the_decision_but_not_the_draw():
    layer = Shift3D(ShiftSettings(chance=0.5, per_channel=True, max_share=0.9))
    lines = layer.draw((200, 64, 1000, 1000, 1000)).lines.view(200, 64)
    moved = (lines != 0).float().mean(dim=1)
    assert ((moved == 0) | (moved > 0.9)).all()
    assert 60 < int((moved > 0.9).sum()) < 140
    assert all(len(set(row.tolist())) > 32 for row in lines[moved > 0.9])


def test_evaluation_mode_is_the_identity_and_draws_nothing():
    layer = Shift3D(ShiftSettings(chance=1.0)).eval()
    x = maps(2, 3, 10, 10, 10)
    assert layer(x) is x
    assert layer.iteration == 0


def test_the_chance_decays_along_a_cosine_to_zero():
    layer = Shift3D(ShiftSettings(chance=0.8, decay_iterations=10))
    x = maps(1, 1, 5, 5, 5)
    chances = []
    for _ in range(12):
        chances.append(layer.chance())
        layer(x)
    assert chances[0] == 0.8
    assert chances[5] == pytest.approx(0.4)
    assert chances[10:] == pytest.approx([0.0, 0.0])


def test_the_same_seed_repeats_and_a_saved_state_continues():
    x = maps(8, 2, 20, 20, 20)
    first, second = Shift3D(ShiftSettings(seed=5)), Shift3D(ShiftSettings(seed=5))
    torch.manual_seed(123)  # the global generator has no say
    assert torch.equal(first(x), second(x))
    other = Shift3D(ShiftSettings(seed=99))
    other.load_state_dict(first.state_dict())
    assert other.iteration == 1
    assert all(torch.equal(first(x), other(x)) for _ in range(5))


def test_it_works_under_automatic_mixed_precision():
    net = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), Shift3D(ShiftSettings(chance=1.0, seed=1)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = net(maps(2, 1, 10, 10, 10))
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16
    assert net[0].weight.grad.abs().sum() > 0


def test_it_works_in_a_compiled_network():
    net = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), Shift3D(ShiftSettings(chance=1.0, seed=1)), nn.ReLU())
    x = maps(2, 1, 10, 10, 10)
    expected = net(x)
    net[1].load_state_dict(Shift3D(ShiftSettings(seed=1)).state_dict())
    compiled = torch.compile(net, backend="aot_eager")
    out = compiled(x)
    out.sum().backward()
    assert torch.allclose(out, expected, atol=1e-6)
    assert net[0].weight.grad.abs().sum() > 0


def test_inputs_it_cannot_shift_are_refused_with_their_value():
    with pytest.raises(InputError, match="4 dimensions"):
        Shift3D()(torch.zeros(1, 2, 3, 4))
    with pytest.raises(InputError, match=r"1\.5"):
        ShiftSettings(chance=1.5)
    with pytest.raises(InputError, match="3 shifts"):
        shift_maps(torch.zeros(2, 2, 4, 4, 4), Shifts(torch.zeros(3).long(), torch.ones(3).long()))
