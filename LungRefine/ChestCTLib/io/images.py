"""NIfTI, NRRD and MetaImage volumes, read and written on a CTVolume's own grid.

Axis order at this boundary: arrays are ``[z, y, x]``, affines map ``(i, j, k) = (x, y, z)`` to LPS millimetres. NIfTI
stores RAS; SimpleITK converts both ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ChestCTLib.errors import InputError, NotAChestCTError
from ChestCTLib.io import nifti
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.volume import CTVolume

IMAGE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
WRITTEN_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha")
COMPRESSION_LEVEL = 2  # of 9: masks shrink as well as at 9, in a fraction of the time
GRID_TOLERANCE_VOXELS = 0.05  # NIfTI keeps its affine in float32, MetaImage as short decimals


@dataclass(frozen=True)
class RawImage:
    """An image as its file holds it.

    Attributes:
        values: ``[z, y, x]``, the file's own numbers; ``[z, y, x, layer]`` where layers were asked for and there are.
        ijk_to_lps: 4x4 affine.
        warnings: What is unusual about the file.
        tags: Text fields of the header (NRRD key/value pairs).
    """

    values: npt.NDArray[Any]
    ijk_to_lps: npt.NDArray[np.float64]
    warnings: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


def suffix_of(path: Path) -> str:
    """The image suffix of a file name, double ones (``.nii.gz``) whole, in lower case; "" where it has none."""
    name = path.name.lower()
    doubles = (".nii.gz", ".seg.nrrd")
    return next((double for double in doubles if name.endswith(double)), Path(name).suffix)


def read_image(path: Path, layers: bool = False) -> RawImage:
    """Read a three-dimensional image file.

    Args:
        path: NIfTI, NRRD or MetaImage.
        layers: Accept several values per voxel, as Slicer stores segments that overlap.

    Returns:
        The numbers with their geometry in LPS.

    Raises:
        InputError: The file is damaged, truncated, or lacks its geometry.
        NotAChestCTError: The file holds a picture, a colour or vector image, or a time series.
    """
    warnings: list[str] = []
    not_finite = None
    if suffix_of(path) in (".nii", ".nii.gz"):
        header = nifti.check(path)
        warnings += header.warnings
        not_finite = header.not_finite
    elif suffix_of(path) in (".nrrd", ".seg.nrrd", ".nhdr"):
        warnings += _check_nrrd(path)
    elif suffix_of(path) in (".mha", ".mhd"):
        _check_metaimage(path)
    with quiet_itk():
        try:
            image = sitk.ReadImage(str(path))
        except RuntimeError as error:
            raise InputError(
                f"The {suffix_of(path)} file cannot be read: {_reason(str(error))}.", "Copy or export the file again."
            ) from None
    image = _three_dimensional(image, layers)
    values = sitk.GetArrayFromImage(image)
    if not_finite is not None:
        values[not_finite.reshape(values.shape)] = np.nan
    tags = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    return RawImage(values, affine_of(image), tuple(warnings), tags)


def write_image(array: npt.NDArray[Any], like: CTVolume, path: str | Path) -> None:
    """Write a volume on the grid of another one, whole or not at all.

    Args:
        array: ``[z, y, x]`` of ``like``'s shape, any real dtype; bool is written as uint8, float64 as float32.
        like: The volume whose grid it is.
        path: File to write; its suffix chooses the format (``.nii``, ``.nii.gz``, ``.nrrd``, ``.mha``).

    Raises:
        InputError: Another shape than ``like``, or an unknown suffix.
        OutputError: The file cannot be written.
    """
    write_sitk(image_on_grid(array, like), Path(path))


def image_on_grid(array: npt.NDArray[Any], like: CTVolume) -> sitk.Image:
    """A SimpleITK image of an array on a volume's grid.

    Raises:
        InputError: The array has another shape than the volume.
    """
    if array.shape != like.shape:
        raise InputError(f"An array of shape {array.shape} does not fit the scan's grid {like.shape}.")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    elif array.dtype in (np.float64, np.float16):
        array = array.astype(np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    z, y, x = like.spacing_mm
    image.SetSpacing((x, y, z))
    image.SetOrigin(like.origin_lps)
    image.SetDirection(like.directions.ravel().tolist())
    return image


def write_sitk(image: sitk.Image, path: Path) -> None:
    """Write a SimpleITK image, compressed, whole or not at all."""
    known = (*WRITTEN_SUFFIXES, ".seg.nrrd")
    if suffix_of(path) not in known:
        raise InputError(f"{path.name} has no suffix that can be written.", f"Use one of {', '.join(known)}.")
    with atomic_path(path) as temporary, quiet_itk():
        try:
            sitk.WriteImage(image, str(temporary), True, COMPRESSION_LEVEL)
        except RuntimeError as error:
            raise OSError(f"the writer failed: {type(error).__name__}") from None


def affine_of(image: sitk.Image) -> npt.NDArray[np.float64]:
    """The 4x4 voxel-to-LPS affine of a three-dimensional SimpleITK image."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine


@contextmanager
def quiet_itk() -> Iterator[None]:
    """Keep ITK's own warnings off the terminal: they cite file names and header fields."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def _three_dimensional(image: sitk.Image, layers: bool) -> sitk.Image:
    channels = image.GetNumberOfComponentsPerPixel()
    if channels > 1 and not layers:
        raise NotAChestCTError(f"The image has {channels} values per voxel, a CT has one.", "Choose one volume.")
    if "complex" in image.GetPixelIDTypeAsString():
        raise NotAChestCTError("The image holds complex numbers, a CT does not.", "Choose another image.")
    size = image.GetSize()
    while len(size) > 3 and size[-1] == 1:
        image = image[..., 0]
        size = image.GetSize()
    if len(size) > 3:
        raise NotAChestCTError(
            f"The image has {len(size)} dimensions ({size[-1]} time points or channels).", "Export one volume of it."
        )
    if len(size) < 3:
        raise NotAChestCTError("The image has 2 dimensions, a CT volume has 3.", "Choose a volume.")
    return image


def _check_nrrd(path: Path) -> list[str]:
    with open(path, "rb") as stream:
        head = stream.read(65536)
    if not head.startswith(b"NRRD"):
        raise InputError("The file is not NRRD, as its name says.", "Copy or export the file again.")
    fields = head.split(b"\n\n")[0].decode("latin-1").lower().replace("\r", "").split("\n")
    names = {line.split(":")[0].strip() for line in fields if ":" in line and not line.startswith("#")}
    if "space directions" not in names and "spacings" not in names:
        raise NotAChestCTError("The file states no voxel spacing.", "Export the scan with its geometry.")
    if "space" not in names:
        return ["The NRRD header states no orientation: right and left may be exchanged."]
    return []


def _check_metaimage(path: Path) -> None:
    with open(path, "rb") as stream:
        head = stream.read(65536).split(b"ElementDataFile")[0].decode("latin-1")
    fields = {line.split("=")[0].strip() for line in head.splitlines() if "=" in line}
    if "NDims" not in fields:
        raise InputError("The file is not MetaImage, as its name says.", "Copy or export the file again.")
    if not fields & {"ElementSpacing", "ElementSize"}:
        raise NotAChestCTError("The file states no voxel spacing.", "Export the scan with its geometry.")


def _reason(message: str) -> str:
    """ITK's reason in a few words; its own text cites paths and source lines."""
    lowered = message.lower()
    if "orthonormal" in lowered or "non-orthogonal" in lowered:
        return "its axes are not at right angles"
    if "unable to determine imageio reader" in lowered:
        return "it is no image of this format"
    if "read" in lowered or "size" in lowered or "eof" in lowered:
        return "it is truncated or damaged"
    return "it is damaged"
