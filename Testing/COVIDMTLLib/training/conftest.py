"""Small prepared cases that a network can learn in seconds."""

from __future__ import annotations

import numpy as np
import pytest

from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.training.cases import PreparedCase, padded_size

TOY_INPUT = InputSettings((5.0, 5.0, 5.0), (24, 16, 24))


@pytest.fixture
def toy_input():
    return TOY_INPUT


@pytest.fixture
def toy_cases(tmp_path):
    """A function: ``n`` cases whose lungs hold a bright spot, a brighter one, or none."""

    def make(n, with_features=False, seed=0):
        rng = np.random.default_rng(seed)
        folder = tmp_path / f"toy{seed}"
        folder.mkdir(exist_ok=True)
        cases = []
        for number in range(n):
            severity = number % 3
            array = np.zeros(padded_size(TOY_INPUT), dtype=np.int16)
            array[4:-4, 4:-4, 4:-4] = rng.normal(180, 20, array[4:-4, 4:-4, 4:-4].shape).clip(1)
            z, y, x = (rng.integers(5, size - 11) for size in array.shape)
            if severity:
                array[z : z + 6, y : y + 6, x : x + 6] = 500 * severity
            file = folder / f"{number}.npy"
            np.save(file, array)
            labels = {"ct": int(severity > 0), "nat": int(severity > 0), "severity": severity}
            features = tuple(rng.normal(severity, 0.1, 5)) if with_features else ()
            cases.append(PreparedCase(f"toy-{number}", file, labels, features))
        return cases

    return make
