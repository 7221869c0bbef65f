"""A chest CT volume: Hounsfield units on a regular grid in LPS space, checked when it is built."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ChestCTLib.content import require_chest
from ChestCTLib.errors import NotAChestCTError

MIN_SLICES = 10  # fewer cannot show both lungs; the thickest clinical chest series has about 30
MIN_EXTENT_MM = 120.0  # any axis: a small child's chest is longer
MAX_EXTENT_MM = 2200.0  # any axis: a whole-body scan of a tall patient
AFFINE_TOLERANCE = 1e-3  # how far the axes may be from orthonormal, relative; DICOM rounds its cosines to 1e-4


@dataclass(frozen=True)
class Acquisition:
    """How a scan was made, as far as its file says: what comparisons of two scans must not mix.

    Attributes:
        kernel: Reconstruction (convolution) kernel as the scanner names it; "" where the file does not say.
        slice_thickness_mm: Nominal thickness of a slice, mm, which may differ from the slices' distance; None where
            the file does not say.
    """

    kernel: str = ""
    slice_thickness_mm: float | None = None


@dataclass(frozen=True)
class CTVolume:
    """Hounsfield units on a regular grid.

    An object that exists is valid: finite, three-dimensional, chest-sized, with an orthogonal grid, and it shows a body
    with lungs in it.

    Attributes:
        hu: ``int16`` array ``[z, y, x]`` in Hounsfield units, read-only.
        ijk_to_lps: 4x4 float64 affine; maps voxel indices (i along x, j along y, k along z) to LPS millimetres.
        warnings: What is unusual about the input but sound to process; ends up in the report.
        acquisition: How the scan was made.

    Raises:
        NotAChestCTError: The array, its geometry or its content cannot be a chest CT volume.
    """

    hu: npt.NDArray[np.int16]
    ijk_to_lps: npt.NDArray[np.float64]
    warnings: tuple[str, ...] = field(default=())
    acquisition: Acquisition = field(default=Acquisition())

    def __post_init__(self) -> None:
        hu = np.asarray(self.hu)
        affine = np.array(self.ijk_to_lps, dtype=np.float64)
        if hu.dtype.kind not in "iuf":
            raise NotAChestCTError(f"The image holds values of dtype {hu.dtype}, a CT volume holds real numbers.")
        if hu.ndim != 3:
            raise NotAChestCTError(f"The image has {hu.ndim} dimensions, a CT volume has 3.", "Choose one volume.")
        if hu.size == 0:
            raise NotAChestCTError(f"The image is empty (shape {hu.shape}).", "Choose another image.")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise NotAChestCTError("The image's position is not a finite 4x4 matrix.", "Export the scan again.")
        if not np.isfinite(hu).all():
            raise NotAChestCTError(
                f"{int((~np.isfinite(hu)).sum())} voxels are not finite numbers.", "Export the scan again."
            )
        if hu.dtype != np.int16:
            hu = np.clip(np.rint(hu), -32768, 32767).astype(np.int16)
        hu = np.ascontiguousarray(hu).view()
        hu.flags.writeable = False
        affine.flags.writeable = False
        object.__setattr__(self, "hu", hu)
        object.__setattr__(self, "ijk_to_lps", affine)
        object.__setattr__(self, "warnings", tuple(self.warnings))
        self._check_geometry()
        require_chest(hu, affine)

    def turned(self, hu: npt.NDArray[np.int16], ijk_to_lps: npt.NDArray[np.float64]) -> CTVolume:
        """The same voxels along exchanged or reversed axes.

        Nothing is checked again: what made this volume valid does not depend on the order of its axes.

        Args:
            hu: This volume's voxels, flipped and permuted.
            ijk_to_lps: The affine that leaves every voxel where it is.
        """
        made = object.__new__(CTVolume)
        for array in (hu := hu.view(), ijk_to_lps := ijk_to_lps.copy()):
            array.flags.writeable = False
        values = {"hu": hu, "ijk_to_lps": ijk_to_lps, "warnings": self.warnings, "acquisition": self.acquisition}
        for name, value in values.items():
            object.__setattr__(made, name, value)
        return made

    def _check_geometry(self) -> None:
        spacing = self.spacing_mm
        if min(spacing) <= 0:
            raise NotAChestCTError(f"The voxel spacing is {spacing} mm.", "Export the scan with its geometry.")
        gram = self.directions.T @ self.directions
        if np.abs(gram - np.eye(3)).max() > AFFINE_TOLERANCE:
            raise NotAChestCTError(
                "The slices are sheared (gantry tilt).", "Resample the scan onto an orthogonal grid first."
            )
        if min(self.hu.shape) < MIN_SLICES:
            raise NotAChestCTError(
                f"The image has {min(self.hu.shape)} slices, a chest CT volume has at least {MIN_SLICES}.",
                "Choose the complete axial series.",
            )
        for axis, size, step in zip("zyx", self.hu.shape, spacing, strict=True):
            if not MIN_EXTENT_MM <= size * step <= MAX_EXTENT_MM:
                raise NotAChestCTError(
                    f"The image is {size * step:.0f} mm long along {axis}; "
                    f"a chest CT lies between {MIN_EXTENT_MM:.0f} and {MAX_EXTENT_MM:.0f} mm.",
                    "Check the voxel spacing, or choose another series.",
                )

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel spacing ``(z, y, x)`` in mm."""
        x, y, z = np.linalg.norm(self.ijk_to_lps[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def directions(self) -> npt.NDArray[np.float64]:
        """Unit direction of the i, j and k axis in LPS, as columns of a 3x3 matrix."""
        columns = self.ijk_to_lps[:3, :3]
        return columns / np.linalg.norm(columns, axis=0)

    @property
    def origin_lps(self) -> tuple[float, float, float]:
        """Centre of the first voxel in LPS, mm."""
        x, y, z = self.ijk_to_lps[:3, 3]
        return float(x), float(y), float(z)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels ``(z, y, x)``."""
        z, y, x = self.hu.shape
        return z, y, x
