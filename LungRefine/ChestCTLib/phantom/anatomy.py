"""The numbers that make one phantom's chest differ from another's, drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GOLDEN_RATIO = 0.6180339887498949


def spread_quantile(seed: int, stream: int) -> float:
    """A quantile in (0, 1) that spreads evenly over consecutive seeds, so that small cohorts show the statistics.

    Args:
        seed: The phantom's seed.
        stream: Which of several independent sequences.
    """
    turns = (
        GOLDEN_RATIO,
        np.sqrt(2) - 1,
        np.sqrt(3) - 1,
        np.sqrt(7) - 2,
    )  # irrational turns: no two streams go together
    return float((0.37 + 0.29 * stream + seed * turns[stream % len(turns)]) % 1.0) * 0.998 + 0.001


@dataclass(frozen=True)
class Anatomy:
    """One chest. Lengths in mm, densities in HU.

    Attributes:
        scale: Size of this chest relative to the template, ``(z, y, x)``.
        right_dome: Height of the right diaphragm dome above the template's zero.
        left_dome: Height of the left dome.
        dome_depth: How far the posterior recess lies below the dome.
        heart: Centre of the heart ``(z, y, x)``.
        heart_size: Factor on the heart's radii.
        junction: Half the thickness of the fat plate between the lungs in front of the heart.
        fat: Thickness of the fat under the skin.
        breasts: Size of the breasts, 0 for none.
        arms_down: Whether the arms lie beside the chest.
        table_gap: Distance between back and table.
        table_flat: Whether the table top is flat (else curved).
        lung_hu: Density of well-aerated lung at mid height.
        gravity_hu: Density gained from the front of the lung to its back.
        texture_hu: Deviation of the lung's fine texture.
        noise_hu: Deviation of the scanner noise.
        field_of_view: Side of the square image.
        stomach_gas: Size of the gas bubble in the stomach, factor.
        colon_gas: Size of the gas in the splenic flexure, factor; 0 for none.
        round_image: Whether the image is cut to a circle, as scanners reconstruct it.
        origin_lps: Where the template's zero lies in LPS ``(x, y, z)``.
    """

    scale: tuple[float, float, float]
    right_dome: float
    left_dome: float
    dome_depth: float
    heart: tuple[float, float, float]
    heart_size: float
    junction: float
    fat: float
    breasts: float
    arms_down: bool
    table_gap: float
    table_flat: bool
    lung_hu: float
    gravity_hu: float
    texture_hu: float
    noise_hu: float
    field_of_view: float
    stomach_gas: float
    colon_gas: float
    round_image: bool
    origin_lps: tuple[float, float, float]


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw one chest."""
    size = rng.normal(1.0, 0.05)
    scale = np.clip(size * rng.normal(1.0, 0.04, 3), 0.84, 1.14)
    right_dome = rng.uniform(50, 86)
    breasts = rng.uniform(0.7, 1.25) if rng.random() < 0.5 else 0.0
    fat = float(np.clip(rng.gamma(4.0, 4.0), 5, 34))
    width = 2 * (164 + 0.9 * (fat - 10)) * scale[2]
    return Anatomy(
        scale=(float(scale[0]), float(scale[1]), float(scale[2])),
        right_dome=right_dome,
        left_dome=right_dome - rng.uniform(2, 22),
        dome_depth=rng.uniform(62, 92),
        heart=(78 + rng.normal(0, 5), -24 + rng.normal(0, 4), 26 + rng.normal(0, 6)),
        heart_size=float(np.clip(rng.normal(1.0, 0.08), 0.84, 1.2)),
        junction=rng.uniform(0.4, 6.0),
        fat=fat,
        breasts=breasts,
        arms_down=bool(rng.random() < 0.2),
        table_gap=rng.uniform(0, 6),
        table_flat=bool(rng.random() < 0.3),
        lung_hu=rng.uniform(-890, -820),
        gravity_hu=rng.uniform(25, 95),
        texture_hu=rng.uniform(14, 30),
        noise_hu=rng.uniform(10, 35),
        field_of_view=float(np.clip(width + rng.uniform(-15, 40), 330, 440)),
        stomach_gas=rng.uniform(0.5, 1.3),
        colon_gas=rng.uniform(0.6, 1.3) if rng.random() < 0.6 else 0.0,
        round_image=bool(rng.random() < 0.4),
        origin_lps=(rng.uniform(-20, 20), rng.uniform(-20, 20) + 100, rng.uniform(-400, 0)),
    )
