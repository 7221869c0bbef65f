"""What a user may choose when segmenting the lungs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ChestCTLib.errors import InputError

Method = Literal["refined", "snake", "classical"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class LungSettings:
    """Settings of :func:`LungRefineLib.segmentation.segment_lungs`.

    Attributes:
        method: ``refined`` (the default: three-dimensional energy-minimising refinement), ``snake`` (the COVID-MTL
            paper's Algorithm 1) or ``classical`` (the thresholding method that both build on).
        working_spacing_mm: Grid on which ``refined`` decides what belongs to the lungs; the border is brought to the
            input's own grid afterwards. Finer is slower and hardly better.
        ground_glass_hu: Lung that joins the aerated part and is darker than this is taken in, whatever its shape.
        exact_hu: Whether HU are a scanner's own, so that consolidation can be told from fat, and gas from dark lung, by
            some 50 HU. False for pictures whose HU are approximate: both are then left to their shape.
        costal_reach_mm: Radius of the largest opacity that is bridged where the lung meets the chest wall.
        inner_reach_mm: The same towards mediastinum, heart and diaphragm: small, or these would be swallowed.
        border_share: Share of lung from which a voxel on the border counts as lung; half of it by default.

    Raises:
        InputError: A value is out of its range.
    """

    method: Method = "refined"
    working_spacing_mm: float = 2.0
    ground_glass_hu: float = -300.0
    exact_hu: bool = True
    costal_reach_mm: float = 30.0
    inner_reach_mm: float = 4.0
    border_share: float = 0.5

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"There is no lung method {self.method!r}.", f"Choose one of {', '.join(METHODS)}.")
        if not -700 <= self.ground_glass_hu <= -150:
            raise InputError(f"ground_glass_hu is {self.ground_glass_hu:g}.", "Choose a value from -700 to -150 HU.")
        for name, low, high in (
            ("working_spacing_mm", 1.0, 4.0),
            ("costal_reach_mm", 0.0, 60.0),
            ("inner_reach_mm", 0.0, 20.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} is {value:g}.", f"Choose a value from {low:g} to {high:g} mm.")
        if not 0.1 <= self.border_share <= 0.9:
            raise InputError(f"border_share is {self.border_share:g}.", "Choose a share from 0.1 to 0.9.")
