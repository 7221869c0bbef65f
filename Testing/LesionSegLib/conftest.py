"""What the lesion tests share: a phantom with known lesions, made once."""

from __future__ import annotations

import pytest
import torch

from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small networks are quickest on one thread; several only wait for each other on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def covid_phantom() -> Phantom:
    """A chest with COVID-19-like lesions on a coarse grid."""
    return make_phantom(PhantomSettings(seed=3, diagnosis="covid", spacing_mm=(4.0, 2.5, 2.5)))


@pytest.fixture(scope="session")
def healthy_phantom() -> Phantom:
    """A chest without lesions on a coarse grid."""
    return make_phantom(PhantomSettings(seed=4, diagnosis="none", spacing_mm=(4.0, 2.5, 2.5)))
