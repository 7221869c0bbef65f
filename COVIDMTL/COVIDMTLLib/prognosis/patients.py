"""Patients of known outcome with whatever is known of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from COVIDMTLLib.prognosis.feature_sets import FeatureSet

MIN_OF_EACH = 2  # deaths and survivors: with one left out, one must remain to learn from

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Patients:
    """What Table 7's models may see, one row a patient; a table without columns is not known.

    Attributes:
        died: 1 deceased, 0 cured.
        features: Of the CT, ``[patients, n]``: lung features, or those of the map classifier.
        demographics: Age in years and sex (1 male, 0 female), ``[patients, 2]``.
        extent: Lesion extents, %, ``[patients, n]``.

    Raises:
        InputError: Too few died or survived to leave one out.
    """

    died: Labels
    features: Features
    demographics: Features
    extent: Features

    def __post_init__(self) -> None:
        if min(self.deaths, len(self.died) - self.deaths) < MIN_OF_EACH:
            raise InputError(
                f"{self.deaths} of the {len(self.died)} patients died.",
                f"Give {MIN_OF_EACH} or more of either outcome.",
            )

    @property
    def deaths(self) -> int:
        """How many died."""
        return int(self.died.sum())

    def has(self, inputs: FeatureSet) -> bool:
        """Whether all inputs of a set are known."""
        return (
            self.features.shape[1] >= inputs.components
            and (not inputs.demographics or self.demographics.shape[1] > 0)
            and (not inputs.extent or self.extent.shape[1] > 0)
        )

    def inputs(self, inputs: FeatureSet, components: Features, rows: Labels) -> Features:
        """The columns of one set for some patients.

        Args:
            inputs: The set.
            components: Principal components of these patients' features; the first of them do not depend on how many
                were asked for.
            rows: The patients' row numbers.
        """
        parts = [components[:, : inputs.components]]
        if inputs.demographics:
            parts.append(self.demographics[rows])
        if inputs.extent:
            parts.append(self.extent[rows])
        return np.hstack(parts)

    def count(self, inputs: FeatureSet) -> int:
        """Number of columns of a set."""
        demographics = self.demographics.shape[1] if inputs.demographics else 0
        return inputs.components + demographics + (self.extent.shape[1] if inputs.extent else 0)
