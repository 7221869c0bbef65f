"""Shift3D: feature maps shifted at random in one of six directions while training (Section 4.2, Algorithm 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ChestCTLib.errors import InputError

GAUSSIAN_SIGMAS = 2.0  # the largest shift lies at two standard deviations of the Gaussian draw; the paper gives none


@dataclass(frozen=True)
class ShiftSettings:
    """How Shift3D draws.

    Attributes:
        max_share: ``p``: largest shift as a share of the dimension, in [0, 1).
        chance: Chance of a sample to be shifted in one forward pass, in [0, 1].
        padding: Value of the lines that enter; None re-introduces those that left on the other side (circular).
        lines: Distribution of the number of lines: "uniform" over 0..int(p * size), or "gaussian" (Table 7): the
            rounded absolute value of a normal draw, cut at the largest shift.
        per_channel: One draw for each channel of a shifted sample, as the released code does, instead of one a sample.
        decay_iterations: The chance falls to 0 over so many forward passes along a cosine; 0 keeps it.
        seed: Of the layer's own random generator.
    """

    max_share: float = 0.2
    chance: float = 0.25
    padding: float | None = None
    lines: Literal["uniform", "gaussian"] = "uniform"
    per_channel: bool = False
    decay_iterations: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.max_share < 1:
            raise InputError(f"Shift3D's largest shift is {self.max_share} of the dimension.", "Use 0 to below 1.")
        if not 0 <= self.chance <= 1:
            raise InputError(f"Shift3D's chance is {self.chance}.", "Use 0 to 1.")
        if self.decay_iterations < 0:
            raise InputError(f"Shift3D's decay is {self.decay_iterations} iterations.", "Use 0 or more.")
        if self.lines not in ("uniform", "gaussian"):
            raise InputError(f"Shift3D's distribution is '{self.lines}'.", "Use uniform or gaussian.")


@dataclass(frozen=True)
class Shifts:
    """What was drawn: one shift a sample, or one a channel of each sample.

    Attributes:
        axes: ``[items]`` int64: 0, 1 or 2 for z, y or x.
        lines: ``[items]`` int64: signed number of lines, positive towards higher indices.
    """

    axes: Tensor
    lines: Tensor


class Shift3D(nn.Module):
    """Random shift of feature maps; the identity in evaluation mode.

    Args:
        settings: How to draw.
    """

    def __init__(self, settings: ShiftSettings = ShiftSettings()) -> None:
        super().__init__()
        self.settings = settings
        self.iteration = 0
        self._generator = torch.Generator().manual_seed(settings.seed)

    def reseed(self, seed: int) -> None:
        """Begin another random sequence, as each process of a distributed training does."""
        self._generator.manual_seed(seed)

    def chance(self) -> float:
        """Chance of a sample to be shifted in the next forward pass."""
        decay = self.settings.decay_iterations
        if decay == 0:
            return self.settings.chance
        return self.settings.chance * 0.5 * (1 + math.cos(math.pi * min(self.iteration / decay, 1.0)))

    def draw(self, shape: torch.Size | tuple[int, ...]) -> Shifts:
        """Draw the shifts of one batch; each call continues the layer's random sequence.

        Args:
            shape: ``(batch, channels, z, y, x)``.
        """
        batch, channels = shape[:2]
        per_sample = channels if self.settings.per_channel else 1
        n = batch * per_sample
        chosen = (self._uniform(batch) < self.chance()).repeat_interleave(per_sample)
        axes = torch.randint(0, 3, (n,), generator=self._generator)
        largest = torch.tensor([int(self.settings.max_share * size) for size in shape[2:]])[axes]
        if self.settings.lines == "uniform":
            lines = (self._uniform(n) * (largest + 1)).floor().long().minimum(largest)
        else:
            draws = torch.empty(n).normal_(generator=self._generator).abs() * largest / GAUSSIAN_SIGMAS
            lines = draws.round().long().minimum(largest)
        signs = 1 - 2 * torch.randint(0, 2, (n,), generator=self._generator)
        return Shifts(axes, lines * signs * chosen)

    def forward(self, x: Tensor) -> Tensor:
        """Shift feature maps ``[batch, channels, z, y, x]`` of any float type.

        Raises:
            InputError: The input has not five dimensions.
        """
        if x.ndim != 5:
            raise InputError(f"Shift3D got {x.ndim} dimensions.", "Give it [batch, channels, z, y, x].")
        if not self.training or self.settings.chance == 0:
            return x
        return self._shift_at_random(x)

    @torch.compiler.disable
    def _shift_at_random(self, x: Tensor) -> Tensor:
        shifts = self.draw(x.shape)
        self.iteration += 1
        return shift_maps(x, shifts, self.settings.padding)

    def _uniform(self, n: int) -> Tensor:
        return torch.rand(n, generator=self._generator)

    def get_extra_state(self) -> dict[str, Any]:
        """State of the random generator and the decay, for checkpoints."""
        return {"generator": self._generator.get_state(), "iteration": self.iteration}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Continue the random sequence of a checkpoint."""
        self._generator.set_state(state["generator"].cpu())
        self.iteration = int(state["iteration"])


def shift_maps(x: Tensor, shifts: Shifts, padding: float | None = None) -> Tensor:
    """Shift feature maps by given draws; gradients flow back along the same way.

    Args:
        x: ``[batch, channels, z, y, x]``, any float type, on any device.
        shifts: One for each sample, or one for each channel of each sample (sample by sample).
        padding: Value of the lines that enter; None for a circular shift.

    Returns:
        The shifted maps; ``x`` itself where nothing moves.

    Raises:
        InputError: There are neither as many shifts as samples nor as many as channels of all samples.
    """
    if len(shifts.lines) not in (x.shape[0], x.shape[0] * x.shape[1]):
        raise InputError(f"{len(shifts.lines)} shifts for {x.shape[0]} samples of {x.shape[1]} channels.")
    if not bool(shifts.lines.any()):
        return x
    return _ShiftFunction.apply(x, shifts, padding)


class _ShiftFunction(torch.autograd.Function):
    """A shift's gradient is the shift back; lines that were filled in pass none."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shifts: Shifts, padding: float | None) -> Tensor:
        ctx.shifts, ctx.padding = shifts, padding
        return _shifted(x, shifts, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        back = Shifts(ctx.shifts.axes, -ctx.shifts.lines)
        return _shifted(gradients[0], back, None if ctx.padding is None else 0.0), None, None


def _shifted(x: Tensor, shifts: Shifts, padding: float | None) -> Tensor:
    if x.device.type != "cpu":
        return _gathered(x, shifts, padding)
    if len(shifts.lines) == x.shape[0]:
        return _copied_by_sample(x, shifts, padding)
    return _copied_by_group(x, shifts, padding)


def _copied_by_sample(x: Tensor, shifts: Shifts, padding: float | None) -> Tensor:
    """Two block copies a sample: each value is read and written once."""
    out = torch.empty_like(x)
    for source, target, axis, lines in zip(x, out, shifts.axes.tolist(), shifts.lines.tolist(), strict=True):
        _copy(source, target, axis + 1, lines, padding)
    return out


def _copied_by_group(x: Tensor, shifts: Shifts, padding: float | None) -> Tensor:
    """Channels with the same draw move together; there are few different draws, however many channels."""
    out = x.clone(memory_format=torch.contiguous_format)
    items = x.reshape(-1, *x.shape[2:])
    targets = out.view(-1, *x.shape[2:])
    codes = torch.stack([shifts.axes, shifts.lines], dim=1)
    draws, group_of = torch.unique(codes, dim=0, return_inverse=True)
    for number, (axis, lines) in enumerate(draws.tolist()):
        if lines == 0:
            continue
        members = torch.nonzero(group_of == number).flatten()
        moved = torch.empty_like(items[members])
        _copy(items[members], moved, axis + 1, lines, padding)
        targets[members] = moved
    return out


def _copy(source: Tensor, target: Tensor, axis: int, lines: int, padding: float | None) -> None:
    size = source.shape[axis]
    kept = size - abs(lines)
    start = max(lines, 0)  # where the kept lines arrive
    target.narrow(axis, start, kept).copy_(source.narrow(axis, max(-lines, 0), kept))
    if lines == 0:
        return
    entering = target.narrow(axis, 0 if lines > 0 else kept, abs(lines))
    if padding is None:
        entering.copy_(source.narrow(axis, kept if lines > 0 else 0, abs(lines)))
    else:
        entering.fill_(padding)


def _gathered(x: Tensor, shifts: Shifts, padding: float | None) -> Tensor:
    """One gather for all maps: few kernels, whatever was drawn, as a GPU likes it."""
    n = x.shape[0] * x.shape[1]
    repeats = n // len(shifts.lines)
    axes = shifts.axes.repeat_interleave(repeats).to(x.device, non_blocking=True)
    lines = shifts.lines.repeat_interleave(repeats).to(x.device, non_blocking=True)
    index = [torch.arange(n, device=x.device).view(n, 1, 1, 1)]
    valid = torch.ones((), dtype=torch.bool, device=x.device)
    for axis, size in enumerate(x.shape[2:]):
        wanted = torch.arange(size, device=x.device) - (lines * (axes == axis)).unsqueeze(1)
        view = [n, *(size if other == axis else 1 for other in range(3))]
        valid = valid & ((wanted >= 0) & (wanted < size)).view(view)
        index.append((wanted % size).view(view))
    out = x.reshape(n, *x.shape[2:])[tuple(index)]
    if padding is not None:
        out = torch.where(valid, out, torch.as_tensor(padding, dtype=x.dtype, device=x.device))
    return out.view(x.shape)
