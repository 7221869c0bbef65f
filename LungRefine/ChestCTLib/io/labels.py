"""Label maps on a scan's grid: NIfTI, NRRD and Slicer's ``.seg.nrrd`` with names, colours and terminology."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ChestCTLib.errors import InputError
from ChestCTLib.io.images import GRID_TOLERANCE_VOXELS, affine_of, image_on_grid, read_image, suffix_of, write_sitk
from ChestCTLib.labels import AIRWAY, LUNG_LABELS, Code, Label
from ChestCTLib.volume import CTVolume

CATEGORY_CONTEXT = "Segmentation category and type - DICOM master list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"
HIGHEST_LABEL = 255


def write_labels(array: npt.NDArray[Any], like: CTVolume, path: str | Path, labels: Sequence[Label]) -> None:
    """Write a mask on a scan's grid, whole or not at all.

    Args:
        array: ``[z, y, x]`` of ``like``'s shape, bool or integer.
        like: The scan.
        path: ``.nii.gz``, ``.nii``, ``.nrrd``, ``.mha``, or ``.seg.nrrd`` for a Slicer segmentation.
        labels: What the values mean; each becomes a segment, also where no voxel has its value.

    Raises:
        InputError: Another shape than the scan's, a value without label, or an unknown suffix.
        OutputError: The file cannot be written.
    """
    values = np.unique(array) if array.dtype != np.bool_ else np.array([0, 1])
    if array.dtype.kind not in "biu":
        raise InputError(f"A mask of dtype {array.dtype} was to be written.", "Use whole numbers.")
    known = {label.value for label in labels}
    unknown = sorted({int(value) for value in values} - known - {0})
    if unknown:
        raise InputError(f"The mask holds the values {unknown}, which no label describes.")
    image = image_on_grid(array.astype(np.uint8), like)
    if suffix_of(Path(path)) == ".seg.nrrd":
        _describe_segments(image, array, labels)
    write_sitk(image, Path(path))


def read_labels(path: str | Path, like: CTVolume, labels: Sequence[Label] = ()) -> npt.NDArray[np.uint8]:
    """Read a mask onto a scan's grid.

    The file may hold a part of the grid (Slicer crops a segmentation to its segments) or the same voxels with flipped
    or exchanged axes; both are brought back voxel for voxel. Any other grid is refused: nothing is resampled.

    Args:
        path: ``.nii.gz``, ``.nii``, ``.nrrd``, ``.mha`` or ``.seg.nrrd``.
        like: The scan.
        labels: For a ``.seg.nrrd``: only segments of these names are kept and get these labels' values, whatever
            number the file gave them; where they overlap, the later one wins. Empty, or where no name is known, keeps
            the file's numbers.

    Returns:
        ``uint8`` mask ``[z, y, x]`` on the scan's grid.

    Raises:
        InputError: Not a mask, or on another grid.
    """
    source = Path(path).expanduser()
    if not source.is_file():
        raise InputError(f"{source.name} does not exist or is not a file.", "Give a label map.")
    if source.stat().st_size == 0:
        raise InputError("The mask file is empty (0 bytes).", "Copy or export the file again.")
    image = read_image(source, layers=True)
    values = image.values
    if values.dtype.kind == "f":
        rounded = np.rint(values)
        if not np.array_equal(rounded, values):
            raise InputError("The mask holds fractions, it is no label map.", "Give a mask of whole numbers.")
        values = rounded.astype(np.int64)
    if values.size and (values.min() < 0 or values.max() > HIGHEST_LABEL):
        raise InputError(
            f"The mask holds values from {values.min()} to {values.max()}; labels lie between 0 and 255.",
            "Give a label map.",
        )
    mask = values.astype(np.uint8)
    if labels and any(key.endswith("_LabelValue") for key in image.tags):
        mask = _renumber(mask, image.tags, labels)
    if mask.ndim == 4:
        raise InputError(
            f"The mask has {mask.shape[3]} layers of overlapping segments.", "Say which segment names are wanted."
        )
    return _onto_grid(mask, image.ijk_to_lps, like)


def read_lungs(path: str | Path, like: CTVolume) -> npt.NDArray[np.uint8]:
    """Read the lungs of a mask onto a scan's grid; the airway, which our own files hold too, is no lung.

    Args:
        path: As for :func:`read_labels`.
        like: The scan.

    Returns:
        ``uint8`` ``[z, y, x]``: 1 right, 2 left.

    Raises:
        InputError: Not a mask, on another grid, or with values that are neither lung nor airway (such as lobes).
    """
    mask = read_labels(path, like, LUNG_LABELS)
    unknown = sorted(
        {int(value) for value in np.unique(mask)} - {0, AIRWAY.value, *(label.value for label in LUNG_LABELS)}
    )
    if unknown:
        raise InputError(
            f"The lung mask {Path(path).name} holds the values {unknown}.", "Use 1 right lung, 2 left lung, 3 airway."
        )
    mask[mask == AIRWAY.value] = 0
    return mask


def _describe_segments(image: sitk.Image, array: npt.NDArray[Any], labels: Sequence[Label]) -> None:
    """Slicer's own header fields of a segmentation file."""
    fields = {
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_MasterRepresentation": "Binary labelmap",  # Slicer before 5.2
        "Segmentation_SourceRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
        "Segmentation_ConversionParameters": f"Reference image geometry|{_slicer_geometry(image)}|&",
    }
    z, y, x = array.shape
    for number, label in enumerate(labels):
        segment = f"Segment{number}_"
        fields |= {
            f"{segment}ID": re.sub(r"\W+", "_", label.name),
            f"{segment}Name": label.name,
            f"{segment}NameAutoGenerated": "0",
            f"{segment}Color": " ".join(f"{channel:g}" for channel in label.color),
            f"{segment}ColorAutoGenerated": "0",
            f"{segment}LabelValue": str(label.value),
            f"{segment}Layer": "0",
            f"{segment}Extent": f"0 {x - 1} 0 {y - 1} 0 {z - 1}",
            f"{segment}Tags": f"TerminologyEntry:{terminology_entry(label)}|",
        }
    for key, value in fields.items():
        image.SetMetaData(key, value)


def _slicer_geometry(image: sitk.Image) -> str:
    """The grid as Slicer writes it: the voxel-to-RAS matrix row by row, then the extent, joined by semicolons."""
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_of(image)
    x, y, z = image.GetSize()
    numbers = [*to_ras.ravel(), 0, x - 1, 0, y - 1, 0, z - 1]
    return "".join(f"{number:.15g};" for number in numbers)


def terminology_entry(label: Label) -> str:
    """A label's terminology as Slicer stores it: seven fields joined by ``~``, codes as triplets joined by ``^``."""

    def triplet(code: Code | None) -> str:
        return "^^" if code is None else f"{code.scheme}^{code.value}^{code.meaning}"

    return "~".join(
        (
            CATEGORY_CONTEXT,
            triplet(label.category),
            triplet(label.type),
            triplet(label.modifier),
            REGION_CONTEXT,
            triplet(label.region),
            triplet(None),
        )
    )


def _renumber(mask: npt.NDArray[np.uint8], tags: dict[str, str], labels: Sequence[Label]) -> npt.NDArray[np.uint8]:
    """Keep the segments whose names are known, with their labels' values; where none is known, keep the numbers."""
    wanted = {label.name.casefold(): label.value for label in labels}
    layers = mask if mask.ndim == 4 else mask[..., np.newaxis]
    out = np.zeros(mask.shape[:3], dtype=np.uint8)
    known = False
    for number in range(HIGHEST_LABEL):
        name = tags.get(f"Segment{number}_Name")
        if name is None:
            break
        layer, stored = tags.get(f"Segment{number}_Layer", "0"), tags.get(f"Segment{number}_LabelValue", "")
        if name.casefold() in wanted and stored.isdigit() and layer.isdigit() and int(layer) < layers.shape[3]:
            out[layers[..., int(layer)] == int(stored)] = wanted[name.casefold()]
            known = True
    return out if known else mask


def _onto_grid(
    mask: npt.NDArray[np.uint8], ijk_to_lps: npt.NDArray[np.float64], like: CTVolume
) -> npt.NDArray[np.uint8]:
    """Place a mask voxel for voxel; its axes may be flipped, exchanged or cut, but not resampled."""
    to_scan = np.linalg.inv(like.ijk_to_lps) @ ijk_to_lps  # mask voxel -> scan voxel, both i, j, k
    axes = np.rint(to_scan[:3, :3])
    shape = np.array(mask.shape[::-1])
    corner = np.array(np.rint(to_scan[:3, 3]))
    far = to_scan @ np.append(shape - 1, 1)
    aligned = (
        bool((np.abs(axes).sum(axis=0) == 1).all() and (np.abs(axes).sum(axis=1) == 1).all())
        and np.abs(to_scan[:3, 3] - corner).max() <= GRID_TOLERANCE_VOXELS
        and np.abs(far[:3] - (corner + axes @ (shape - 1))).max() <= GRID_TOLERANCE_VOXELS
    )
    ends = np.stack([corner, corner + axes @ (shape - 1)])
    size = np.array(like.shape[::-1])
    if not aligned or (ends.min(axis=0) < 0).any() or (ends.max(axis=0) >= size).any():
        raise InputError(
            f"The mask lies on another grid ({tuple(mask.shape)} voxels) than the scan ({like.shape} voxels).",
            "Give a mask drawn on this very scan.",
        )
    source_of = np.abs(axes).argmax(axis=1)  # for each scan axis i, j, k the mask's axis
    turned = np.transpose(mask, [2 - source_of[2 - array_axis] for array_axis in range(3)])
    flips = tuple(
        slice(None, None, -1) if axes[2 - array_axis, source_of[2 - array_axis]] < 0 else slice(None)
        for array_axis in range(3)
    )
    low = ends.min(axis=0).astype(int)[::-1]
    out = np.zeros(like.shape, dtype=np.uint8)
    out[tuple(slice(start, start + n) for start, n in zip(low, turned.shape, strict=True))] = turned[flips]
    return out
