"""What a phantom is made from, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from ChestCTLib.volume import CTVolume

Diagnosis: TypeAlias = Literal["covid", "cap", "none"]
Triple: TypeAlias = tuple[float, float, float]

MIN_SPACING_MM = 0.5  # finer grids would need more memory than a laptop has
MAX_SPACING_MM = 8.0  # the thickest clinical chest series


@dataclass(frozen=True)
class PhantomSettings:
    """What to make.

    Attributes:
        seed: Decides anatomy, lesions and noise.
        diagnosis: ``covid``, ``cap`` (community-acquired pneumonia) or ``none``.
        spacing_mm: Voxel spacing along the array axes ``(z, y, x)``, mm.
        closed_airway: Plug the left main bronchus, so that no air path joins the left lung to the trachea.
        ijk_to_lps_directions: 3x3 rows of unit directions; its columns are the LPS directions of the i, j and k axis.
            None means (x, y, z) = (left, posterior, head). Flips, permutations and oblique axes are all allowed.
        noise_hu: Standard deviation of the scanner noise, HU; None draws it from the seed (10 to 35 HU).

    Raises:
        InputError: A setting is out of range.
    """

    seed: int = 0
    diagnosis: Diagnosis = "covid"
    spacing_mm: Triple = (2.5, 1.5, 1.5)
    closed_airway: bool = False
    ijk_to_lps_directions: tuple[Triple, Triple, Triple] | None = None
    noise_hu: float | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"The seed is {self.seed}.", "Use a whole number from 0 on.")
        if self.diagnosis not in get_args(Diagnosis):
            raise InputError(f"The diagnosis is '{self.diagnosis}'.", f"Use one of {', '.join(get_args(Diagnosis))}.")
        if len(self.spacing_mm) != 3 or not all(MIN_SPACING_MM <= s <= MAX_SPACING_MM for s in self.spacing_mm):
            raise InputError(
                f"The spacing is {self.spacing_mm} mm.",
                f"Use three values (z, y, x) between {MIN_SPACING_MM} and {MAX_SPACING_MM} mm.",
            )
        if self.noise_hu is not None and not 0 <= self.noise_hu <= 200:
            raise InputError(f"The noise is {self.noise_hu} HU.", "Use a value from 0 to 200.")
        directions = self.directions
        if directions.shape != (3, 3) or not np.allclose(directions.T @ directions, np.eye(3), atol=1e-4):
            raise InputError(
                f"The directions {directions.tolist()} are not orthonormal.", "Give three orthogonal unit vectors."
            )

    @property
    def directions(self) -> npt.NDArray[np.float64]:
        """The directions as an array; the identity where none were given."""
        if self.ijk_to_lps_directions is None:
            return np.eye(3)
        return np.asarray(self.ijk_to_lps_directions, dtype=np.float64)


@dataclass(frozen=True)
class Phantom:
    """A chest CT volume with its truth; every array lies on the volume's grid, ``[z, y, x]``.

    Attributes:
        volume: The scan.
        lungs: uint8, 1 right, 2 left, as a radiologist would draw them: lesions and the vessels inside the lung
            belong to it; trachea, main bronchi and the hilar mediastinum do not.
        lesions: uint8, 1 ground glass, 2 consolidation.
        lesion_ids: uint16, one number a lesion from 1 on; a lesion is one 26-connected piece.
        airway: bool, air in the trachea and the main bronchi, outside the lungs.
        vessels: bool, vessels inside the lungs.
        diagnosis: The class it was made for.
        settings: What it was made from.
    """

    volume: CTVolume
    lungs: npt.NDArray[np.uint8]
    lesions: npt.NDArray[np.uint8]
    lesion_ids: npt.NDArray[np.uint16]
    airway: npt.NDArray[np.bool_]
    vessels: npt.NDArray[np.bool_]
    diagnosis: Diagnosis
    settings: PhantomSettings
