"""Seeds, and the state of every random generator, so that a resumed run draws what it would have drawn."""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators (all GPUs too).

    Args:
        seed: At least 0, below 2**32.
    """
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from the legacy generator
    torch.manual_seed(seed)


def derived_seed(*parts: int) -> int:
    """A seed for one part of the work, such as ``derived_seed(seed, epoch, case)``; unrelated for other parts.

    Args:
        parts: Numbers of at least 0 that name the part.

    Returns:
        A number in [0, 2**32).
    """
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def random_states() -> dict[str, Any]:
    """State of the global generators, as plain values and tensors that a checkpoint may hold."""
    import torch

    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    version, internal, gauss = random.getstate()
    return {
        "python": [version, list(internal), gauss],
        "numpy": [str(name), [int(key) for key in keys], int(position), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_states(states: dict[str, Any]) -> None:
    """Put the global generators back to what :func:`random_states` returned."""
    import torch

    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(states["torch"].cpu())
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])
