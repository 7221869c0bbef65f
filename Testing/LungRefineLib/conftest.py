"""What the lung tests share: phantoms with known lungs, made once, and their segmentation."""

from __future__ import annotations

import pytest

from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from LungRefineLib import LungResult, segment_lungs

SPACING_MM = (3.0, 2.0, 2.0)


@pytest.fixture(scope="session")
def covid_phantom() -> Phantom:
    """A chest with COVID-19-like lesions whose left lung no airway joins."""
    return make_phantom(PhantomSettings(seed=21, diagnosis="covid", spacing_mm=SPACING_MM, closed_airway=True))


@pytest.fixture(scope="session")
def healthy_phantom() -> Phantom:
    """A chest without lesions."""
    return make_phantom(PhantomSettings(seed=22, diagnosis="none", spacing_mm=SPACING_MM))


@pytest.fixture(scope="session")
def covid_lungs(covid_phantom: Phantom) -> LungResult:
    """The refined lungs of the COVID-19 phantom."""
    return segment_lungs(covid_phantom.volume)


@pytest.fixture(scope="session")
def healthy_lungs(healthy_phantom: Phantom) -> LungResult:
    """The refined lungs of the healthy phantom."""
    return segment_lungs(healthy_phantom.volume)
