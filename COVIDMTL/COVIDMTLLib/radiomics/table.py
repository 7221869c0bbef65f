"""The features of one scan."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from COVIDMTLLib.radiomics.definition import FEATURE_NAMES


@dataclass(frozen=True)
class FeatureTable:
    """The 375 features of one scan, in the cohort's order.

    Attributes:
        values: One number a feature in the order of ``FEATURE_NAMES``; ``None`` where it is undefined for this scan.
        lung_ml: Lung volume the features were computed on, mL.

    Raises:
        InputError: There are not exactly 375 values.
    """

    values: tuple[float | None, ...]
    lung_ml: float

    def __post_init__(self) -> None:
        if len(self.values) != len(FEATURE_NAMES):
            raise InputError(
                f"{len(self.values)} features were given, the cohort has {len(FEATURE_NAMES)}.",
                "Compute them with extract_features.",
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, float], lung_ml: float) -> FeatureTable:
        """Build from names and values; what is missing or not finite becomes ``None``."""
        found = (values.get(name) for name in FEATURE_NAMES)
        return cls(tuple(float(v) if v is not None and math.isfinite(v) else None for v in found), lung_ml)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the features that are undefined for this scan."""
        return tuple(name for name, value in zip(FEATURE_NAMES, self.values, strict=True) if value is None)

    def as_dict(self) -> dict[str, float | None]:
        """Name to value, in the cohort's order."""
        return dict(zip(FEATURE_NAMES, self.values, strict=True))

    def as_array(self) -> npt.NDArray[np.float64]:
        """Float64 array ``[375]``; NaN where a feature is undefined."""
        return np.array([math.nan if value is None else value for value in self.values])

    def to_csv(self) -> str:
        """CSV text with the columns ``feature, value``; undefined values read ``n/a``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("feature", "value"))
        writer.writerows((name, "n/a" if value is None else repr(value)) for name, value in self.as_dict().items())
        return text.getvalue()
