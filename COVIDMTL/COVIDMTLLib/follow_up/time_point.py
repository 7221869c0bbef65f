"""One time point of a patient: lung and lesion masks with their place in space, and what is known of the scan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ChestCTLib.errors import InputError
from ChestCTLib.io.images import read_image
from ChestCTLib.labels import AIRWAY, LESION_LABELS, LUNG_LABELS, Label

LUNGS_FILE, LESIONS_FILE, MANIFEST_FILE = "lungs.seg.nrrd", "lesions.seg.nrrd", "manifest.json"
GRID_TOLERANCE_MM = 0.05  # between the two masks of one case; a corrected mask may be cropped, not moved

Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TimePoint:
    """Masks of one scan on canonical axes (x to the left, y to the back, z to the head).

    Attributes:
        lungs: ``[z, y, x]``, 1 right, 2 left.
        lesions: Same grid, 1 ground glass, 2 consolidation.
        ijk_to_lps: 4x4 affine of the canonical grid.
        kernel: Reconstruction kernel, "" where it is not known.
        lesion_method: What found the lesions, "" where it is not known.
        input_sha256: Of the scan, "" where it is not known.
        slice_thickness_mm: Nominal thickness of the slices, mm, None where it is not known.

    Raises:
        InputError: The masks differ in shape, or there is no lung.
    """

    lungs: Mask
    lesions: Mask
    ijk_to_lps: npt.NDArray[np.float64]
    kernel: str = ""
    lesion_method: str = ""
    input_sha256: str = ""
    slice_thickness_mm: float | None = None

    def __post_init__(self) -> None:
        if self.lungs.shape != self.lesions.shape:
            raise InputError(f"The lung mask has {self.lungs.shape} voxels, the lesion mask {self.lesions.shape}.")
        if not self.lungs.any():
            raise InputError("The lung mask is empty.", "Segment the lungs of both scans first.")

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel spacing ``(z, y, x)``, mm."""
        x, y, z = np.linalg.norm(self.ijk_to_lps[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, mL."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    @property
    def lung_ml(self) -> float:
        """Volume of both lungs, mL."""
        return int((self.lungs > 0).sum()) * self.voxel_ml

    def image(self, array: npt.NDArray[Any]) -> sitk.Image:
        """An array on this grid as a SimpleITK image."""
        image = sitk.GetImageFromArray(array)
        spacing = self.spacing_mm[::-1]
        image.SetSpacing(spacing)
        image.SetOrigin(tuple(map(float, self.ijk_to_lps[:3, 3])))
        image.SetDirection((self.ijk_to_lps[:3, :3] / np.array(spacing)).ravel().tolist())
        return image


def read_time_point(folder: Path) -> TimePoint:
    """Read a case folder as ``covidmtl run`` writes it; its masks may have been corrected since.

    Args:
        folder: With ``lungs.seg.nrrd``, ``lesions.seg.nrrd`` and, if there, ``manifest.json``.

    Raises:
        InputError: A mask is missing or damaged, or the two lie on different grids.
    """
    for name in (LUNGS_FILE, LESIONS_FILE):
        if not (folder / name).is_file():
            raise InputError(f"{folder.name} holds no {name}.", "Give a case folder written by covidmtl run.")
    lungs = _read_mask(folder / LUNGS_FILE, (*LUNG_LABELS, AIRWAY))
    lesions = _read_mask(folder / LESIONS_FILE, LESION_LABELS)
    lungs, lesions = _on_one_grid(lungs, lesions)
    lung_array = sitk.GetArrayFromImage(lungs)
    lung_array[lung_array > len(LUNG_LABELS)] = 0
    point = TimePoint(lung_array, sitk.GetArrayFromImage(lesions), _affine(lungs))
    return _with_manifest(point, folder / MANIFEST_FILE)


def _read_mask(path: Path, labels: Sequence[Label]) -> sitk.Image:
    """A label image on canonical axes; segments are known by their names, as Slicer may renumber them."""
    raw = read_image(path)
    table = np.arange(256, dtype=np.uint8)
    numbers = {label.name: label.value for label in labels}
    for key, name in raw.tags.items():
        if key.endswith("_Name") and name in numbers:
            table[int(raw.tags[key.removesuffix("_Name") + "_LabelValue"])] = numbers[name]
    image = sitk.GetImageFromArray(table[np.clip(raw.values, 0, 255).astype(np.uint8)])
    spacing = np.linalg.norm(raw.ijk_to_lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(raw.ijk_to_lps[:3, 3].tolist())
    image.SetDirection((raw.ijk_to_lps[:3, :3] / spacing).ravel().tolist())
    return sitk.DICOMOrient(image, "LPS")


def _on_one_grid(first: sitk.Image, second: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
    """Both masks on the smallest grid that holds both: Slicer crops a segmentation to its segments."""
    spacing = np.array(first.GetSpacing())
    start = np.array(first.TransformPhysicalPointToContinuousIndex(second.GetOrigin()))
    same_axes = np.allclose(first.GetDirection(), second.GetDirection(), atol=1e-4)
    if (
        not same_axes
        or np.abs(spacing - second.GetSpacing()).max() * max(second.GetSize()) > GRID_TOLERANCE_MM
        or np.abs((start - np.rint(start)) * spacing).max() > GRID_TOLERANCE_MM
    ):
        raise InputError("The case's lung and lesion masks lie on different grids.", "Run the case again.")
    low = np.minimum(np.rint(start).astype(int), 0)
    high = np.maximum(np.rint(start).astype(int) + second.GetSize(), first.GetSize())
    grid = sitk.Image((high - low).tolist(), sitk.sitkUInt8)
    grid.SetSpacing(first.GetSpacing())
    grid.SetDirection(first.GetDirection())
    grid.SetOrigin(first.TransformContinuousIndexToPhysicalPoint(low.astype(float).tolist()))
    placed = [sitk.Resample(one, grid, sitk.Transform(), sitk.sitkNearestNeighbor) for one in (first, second)]
    return placed[0], placed[1]


def _affine(image: sitk.Image) -> npt.NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine


def _with_manifest(point: TimePoint, path: Path) -> TimePoint:
    """Add what the manifest says about the scan; fields it lacks stay unknown."""
    if not path.is_file():
        return point
    try:
        values = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"{path.name} cannot be read: {error}.", "Run the case again.") from error
    scan, settings = values.get("input") or {}, values.get("settings") or {}
    models = sorted(
        model["id"] for model in values.get("models") or [] if str(model.get("id", "")).startswith("lesion")
    )
    thickness = scan.get("slice_thickness_mm")
    return replace(
        point,
        kernel=str(scan.get("kernel") or ""),
        lesion_method=", ".join(models) or _lesion_method(settings.get("lesions")),
        input_sha256=str(scan.get("sha256") or ""),
        slice_thickness_mm=float(thickness) if isinstance(thickness, int | float) else None,
    )


def _lesion_method(settings: Any) -> str:
    return str(settings.get("method") or "") if isinstance(settings, dict) else str(settings or "")
