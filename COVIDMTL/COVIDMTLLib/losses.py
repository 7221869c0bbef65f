"""Multitask losses: random-weighted, homoscedastic uncertainty and mean (Sections 4.3 and 7).

Each takes the losses of the single tasks and gives one number to minimise. A task without any label in the batch is
absent from the mapping: the remaining ones are weighted as if they were all there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from ChestCTLib.errors import InputError
from COVIDMTLLib.tasks import MISSING_LABEL

LossName = Literal["random", "uncertainty", "mean"]
DEFAULT_DRAWS = 2  # n of equation 6, Section 5.1


def task_losses(logits: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy of each task over its labelled cases (equation 3).

    Args:
        logits: For each task ``[batch, classes]``, any float type; computed in float32.
        labels: For each task ``[batch]`` int64; -1 is a missing label. Tasks without an entry count as missing.

    Returns:
        For each task with at least one labelled case the mean cross-entropy, a float32 scalar.
    """
    losses = {}
    for name, values in logits.items():
        target = labels.get(name)
        if target is not None and bool((target != MISSING_LABEL).any()):
            losses[name] = functional.cross_entropy(values.float(), target, ignore_index=MISSING_LABEL)
    return losses


class MultitaskLoss(nn.Module):
    """Base of the three: knows the tasks and their order.

    Args:
        tasks: Names of the tasks, at least one.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        if not tasks:
            raise InputError("A multitask loss needs at least one task.", "Name the tasks to learn.")
        self.tasks = tuple(tasks)

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Combine the losses of the tasks.

        Args:
            losses: Scalars by task name; a subset of the tasks.

        Returns:
            The scalar to minimise.

        Raises:
            InputError: No task is there, or an unknown one.
        """
        unknown = [name for name in losses if name not in self.tasks]
        if unknown or not losses:
            raise InputError(f"The losses are of {sorted(losses)}, the tasks are {self.tasks}.", "Give known tasks.")
        present = [name for name in self.tasks if name in losses]
        return self._combine(present, torch.stack([losses[name] for name in present]))

    def _combine(self, present: list[str], values: Tensor) -> Tensor:
        raise NotImplementedError


class MeanLoss(MultitaskLoss):
    """Mean of the tasks' losses."""

    def _combine(self, present: list[str], values: Tensor) -> Tensor:
        return values.mean()


class UncertaintyLoss(MultitaskLoss):
    """Homoscedastic uncertainty (Kendall et al. 2018): mean of ``exp(-s) L + s / 2``, with one learned ``s`` a task.

    ``s`` is the log variance and starts at 0, where the loss equals the mean loss. Its parameters must be given to the
    optimiser. The mean instead of Kendall's sum keeps the three losses on one scale.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self.log_variances = nn.Parameter(torch.zeros(len(self.tasks)))

    def _combine(self, present: list[str], values: Tensor) -> Tensor:
        logs = self.log_variances[[self.tasks.index(name) for name in present]]
        return (torch.exp(-logs) * values + logs / 2).mean()


class RandomWeightedLoss(MultitaskLoss):
    """Random weights on the simplex, drawn anew in each iteration (equations 4 to 6).

    ``n`` draws from Dirichlet(1, ..., 1) are accumulated and divided by ``n``; with two tasks the weights are ``p`` and
    ``1 - p`` with uniform ``p``. A larger ``n`` concentrates the weights: as it grows, the loss tends to the mean loss.
    In evaluation mode it is the mean loss, which is its expectation, so that validation curves do not jump.

    Args:
        tasks: Names of the tasks.
        draws: ``n``, at least 1.
        seed: Of the loss's own random generator, whose state travels in ``state_dict``.
    """

    def __init__(self, tasks: Sequence[str], draws: int = DEFAULT_DRAWS, seed: int = 0) -> None:
        super().__init__(tasks)
        if draws < 1:
            raise InputError(f"The random-weighted loss was asked for {draws} draws.", "Use at least 1.")
        self.draws = draws
        self._generator = torch.Generator().manual_seed(seed)

    def draw_weights(self, n_tasks: int) -> Tensor:
        """Accumulated weights of ``n`` draws divided by ``n``: ``[n_tasks]`` float32 on the CPU, with sum 1."""
        if n_tasks == 1:
            return torch.ones(1)
        if n_tasks == 2:
            p = torch.rand(self.draws, generator=self._generator)
            accumulated = torch.stack([p.sum(), (1 - p).sum()])
        else:
            # Dirichlet(1, ..., 1): exponential variables divided by their sum
            draws = torch.empty(self.draws, n_tasks).exponential_(generator=self._generator)
            accumulated = (draws / draws.sum(dim=1, keepdim=True)).sum(dim=0)
        return accumulated / self.draws

    def _combine(self, present: list[str], values: Tensor) -> Tensor:
        if not self.training:
            return values.mean()
        return (self.draw_weights(len(present)).to(values) * values).sum()

    def get_extra_state(self) -> Tensor:
        """State of the random generator, for checkpoints."""
        return self._generator.get_state()

    def set_extra_state(self, state: Any) -> None:
        """Continue the random sequence of a checkpoint."""
        self._generator.set_state(state.cpu())


def make_loss(name: LossName, tasks: Sequence[str], draws: int = DEFAULT_DRAWS, seed: int = 0) -> MultitaskLoss:
    """Build a multitask loss by its name.

    Raises:
        InputError: The name is unknown.
    """
    if name == "random":
        return RandomWeightedLoss(tasks, draws, seed)
    if name == "uncertainty":
        return UncertaintyLoss(tasks)
    if name == "mean":
        return MeanLoss(tasks)
    raise InputError(f"Unknown multitask loss '{name}'.", f"Use one of {get_args(LossName)}.")
