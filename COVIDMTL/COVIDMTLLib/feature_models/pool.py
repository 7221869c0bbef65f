"""Stack and calibrate in one step: a logarithmic opinion pool.

The pooled probability of a state is proportional to ``exp(bias) * product of member probabilities ** weight``. The
weights (not negative) say how far each member is trusted, their sum sharpens or flattens, the biases correct the
shares of the states. A handful of numbers, fitted by maximum likelihood on predictions for patients that the members
had not seen, so the result is calibrated on such patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from COVIDMTLLib.feature_models.states import N_STATES, SMALLEST_PROBABILITY

Probabilities = npt.NDArray[np.float64]
PENALTY = 0.5  # of the weights' distance to an equal share: members are so alike that likelihood alone cannot choose


@dataclass(frozen=True)
class Pool:
    """A fitted pool.

    Attributes:
        weights: Weight of each member by name.
        bias: One a state.
    """

    weights: dict[str, float]
    bias: tuple[float, ...]

    @classmethod
    def fit(
        cls, members: Mapping[str, Probabilities], states: npt.NDArray[np.int64], names: Sequence[str] | None = None
    ) -> Pool:
        """Fit on out-of-fold predictions.

        Args:
            members: ``[patients, 5]`` by member name.
            states: True state of each patient.
            names: Members to use; all if not given.
        """
        names = tuple(names or members)
        logs = np.stack([_logs(members[name]) for name in names])
        rows = np.arange(len(states))
        equal = 1.0 / len(names)

        def loss(values: npt.NDArray[np.float64]) -> float:
            weights, bias = values[: len(names)], values[len(names) :]
            pooled = log_softmax(np.tensordot(weights, logs, axes=1) + bias, axis=1)
            apart = np.sum((weights - equal) ** 2) + np.mean(bias) ** 2
            return float(-pooled[rows, states].sum() + PENALTY * len(names) * apart)

        start = np.concatenate([np.full(len(names), equal), np.zeros(N_STATES)])
        bounds = [(0.0, None)] * len(names) + [(None, None)] * N_STATES
        found = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
        weights = dict(zip(names, found[: len(names)].tolist(), strict=True))
        return cls(weights, tuple(found[len(names) :].tolist()))

    def combine(self, members: Mapping[str, Probabilities]) -> Probabilities:
        """Pooled state probabilities ``[patients, 5]``."""
        total = sum(weight * _logs(members[name]) for name, weight in self.weights.items())
        return np.asarray(softmax(total + np.array(self.bias), axis=1))


def _logs(probabilities: Probabilities) -> Probabilities:
    return np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1.0))
