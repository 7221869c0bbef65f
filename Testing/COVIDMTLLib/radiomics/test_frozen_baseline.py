"""Every one of the 375 values on a small made-up lung, as it was when the definitions were checked against pyradiomics.

The image is a formula, so that no other code can change it. To renew the baseline after a wanted change, run this file.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from COVIDMTLLib.radiomics import FEATURE_NAMES
from COVIDMTLLib.radiomics.lung_image import WAVELET_MARGIN
from COVIDMTLLib.radiomics.parts import PARTS, compute, merge

pytest.importorskip("radiomics", reason="pyradiomics is not installed")

BASELINE = Path(__file__).with_name("frozen_baseline.json")
SIDE = 30  # voxels


def formula_lung() -> npt.NDArray[np.uint16]:
    """A ball of lung with vessels, a ground-glass corner and grain, HU + 1024; zero outside."""
    z, y, x = np.meshgrid(*[np.arange(SIDE, dtype=np.float64)] * 3, indexing="ij")
    inside = (z - 14.5) ** 2 + (y - 14.5) ** 2 + (x - 14.5) ** 2 < 14.0**2
    grain = (np.arange(SIDE**3) * 7919 % 101).reshape(inside.shape) - 50
    vessels = 600.0 * (np.cos(x * 0.9) * np.cos(y * 0.7 + z * 0.2) > 0.8)
    ground_glass = 350.0 * (x + y > 38)
    values = np.where(inside, 150.0 + grain + vessels + ground_glass, 0.0)
    return np.pad(values.astype(np.uint16), WAVELET_MARGIN)


def features() -> dict[str, float]:
    """The 375 features of the formula's lung."""
    image = formula_lung()
    values = merge({one: compute(one, image) for one in PARTS})
    return {name: values[name] for name in FEATURE_NAMES}


def test_no_feature_has_moved_from_its_frozen_value() -> None:
    frozen = json.loads(BASELINE.read_text(encoding="utf-8"))
    assert tuple(frozen) == FEATURE_NAMES
    found = features()
    for name in FEATURE_NAMES:
        assert found[name] == pytest.approx(frozen[name], rel=1e-6, abs=1e-9), name


if __name__ == "__main__":
    BASELINE.write_text(json.dumps(features(), indent=1) + "\n", encoding="utf-8")
