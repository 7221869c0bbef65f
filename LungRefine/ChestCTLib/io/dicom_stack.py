"""Slices of a DICOM series laid out in space: stacks told apart, ordered, and brought to one regular grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError, NotAChestCTError
from ChestCTLib.io.dicom_headers import SliceHeader, Vector
from ChestCTLib.io.hounsfield import AIR_HU

AXES_TOLERANCE = 1e-2  # how far direction cosines of one stack may differ; exports round them to 2-6 digits
SPACING_TOLERANCE = 1e-3  # mm, pixel spacing within a stack
SAME_POSITION_MM = 0.01  # two slices nearer than this lie at one place
REGULAR_TOLERANCE = 0.1  # of the slice distance: how far slices may lie from an even grid
ROUNDING_MM = 0.05  # on top of that: some exports round positions to 0.1 mm, at slice distances of 0.6 mm
MAX_GAP_MM = 12.0  # interpolating over more than the thickest clinical slice (10 mm) would invent anatomy
AXIAL_COSINE = 0.7  # of the slice normal with the body's axis: up to 45 degrees oblique
SHIFT_TOLERANCE = 0.5  # pixels of in-plane drift over the whole stack that are left alone
MIN_STACK = 2  # slices


@dataclass(frozen=True)
class Stack:
    """Slices of one series, one orientation, one matrix and one reconstruction.

    Attributes:
        slices: In the order of ``positions``.
        positions: Along the normal, mm, ascending; equal ones where slices are doubled.
        offsets: ``(n, 2)`` in-plane shift of each slice against the first along row and column, mm.
        row: Unit direction along a row; ``column`` along a column; ``normal`` their cross product.
        origin: Centre of the first slice's first voxel, LPS mm.
        warnings: What had to be assumed.
    """

    slices: tuple[SliceHeader, ...]
    positions: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.float64]
    row: Vector
    column: Vector
    origin: Vector
    warnings: tuple[str, ...] = field(default=())

    @property
    def normal(self) -> Vector:
        """Direction in which the positions ascend."""
        return np.cross(self.row, self.column)

    @property
    def axial(self) -> bool:
        """Whether the slices cut the body across."""
        return bool(abs(self.normal[2]) >= AXIAL_COSINE)

    @property
    def places(self) -> int:
        """Number of different positions."""
        return 1 + int((np.diff(self.positions) > SAME_POSITION_MM).sum())

    @property
    def doubled(self) -> bool:
        """Whether several slices lie at one position."""
        return self.places < len(self.slices)


def stacks_of(slices: Sequence[SliceHeader]) -> list[Stack]:
    """Tell apart the stacks of one series: orientation, matrix, pixel spacing, kernel; then phases, if doubled."""
    groups: list[list[SliceHeader]] = []
    for header in slices:
        home = next((group for group in groups if _belong_together(group[0], header)), None)
        if home is None:
            groups.append([header])
        else:
            home.append(header)
    stacks: list[Stack] = []
    for group in groups:
        stack = _arrange(group)
        stacks.extend(_phases(stack) if stack.doubled else [stack])
    return stacks


def _belong_together(first: SliceHeader, other: SliceHeader) -> bool:
    if (first.rows, first.columns, first.kernel) != (other.rows, other.columns, other.kernel):
        return False
    if (first.position is None) != (other.position is None) or (first.row is None) != (other.row is None):
        return False
    if (first.spacing is None) != (other.spacing is None):
        return False
    if first.spacing and other.spacing and max(np.abs(np.subtract(first.spacing, other.spacing))) > SPACING_TOLERANCE:
        return False
    return all(
        a is None or b is None or bool(np.abs(a - b).max() <= AXES_TOLERANCE)
        for a, b in ((first.row, other.row), (first.column, other.column))
    )


def _phases(stack: Stack) -> list[Stack]:
    """Split a stack with doubled positions by what may tell phases apart; unsplit where nothing does."""
    keys = {
        "acquisition": lambda header: header.phase[0],
        "time": lambda header: header.phase[1],
        "contrast": lambda header: header.phase[2],
        "filter": lambda header: header.phase[3],
        "image type": lambda header: header.image_type,
    }
    for key in keys.values():
        parts: dict[object, list[SliceHeader]] = defaultdict(list)
        for header in stack.slices:
            parts[key(header)].append(header)
        split = [_arrange(part) for part in parts.values()]
        if len(split) > 1 and not any(part.doubled for part in split):
            return split
    return [stack]


def _arrange(slices: Sequence[SliceHeader]) -> Stack:
    """Order slices along their normal, with what the headers give: positions, slice locations, or mere numbers."""
    first = slices[0]
    warnings: list[str] = []
    if first.row is None or first.column is None:
        row, column = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
        warnings.append("The images state no orientation: axial slices of a patient lying on the back are assumed.")
    else:
        row, column = first.row, first.column
    normal = np.cross(row, column)
    points = _points(slices, normal, warnings)
    along = points @ normal
    order = np.argsort(along, kind="stable")
    points, along = points[order], along[order]
    offsets = np.stack([(points - points[0]) @ row, (points - points[0]) @ column], axis=1)
    return Stack(tuple(slices[i] for i in order), along, offsets, row, column, points[0], tuple(warnings))


def _points(slices: Sequence[SliceHeader], normal: Vector, warnings: list[str]) -> npt.NDArray[np.float64]:
    positions = [header.position for header in slices]
    if all(position is not None for position in positions):
        points = np.array(positions, dtype=np.float64)
        if len(points) == 1 or np.ptp(points, axis=0).max() > SAME_POSITION_MM:
            return points  # an export that repeats one position for all slices is as good as none
    locations = [header.location for header in slices]
    if all(location is not None for location in locations) and len(set(locations)) > 1:
        warnings.append("The images state no position: the slices are ordered by slice location.")
        return np.outer(np.array(locations, dtype=np.float64), normal)
    numbers = [header.instance for header in slices]
    step = slices[0].step or slices[0].thickness
    if all(number is not None for number in numbers) and len(set(numbers)) > 1 and step:
        warnings.append(
            "The images state no position: the slices are ordered by image number; head and feet may be exchanged."
        )
        return np.outer(np.array(numbers, dtype=np.float64) * abs(step), normal)
    warnings.append("The images state no position.")
    return np.zeros((len(slices), 3))


@dataclass(frozen=True)
class Grid:
    """A regular grid and how the slices of a stack are brought onto it.

    Attributes:
        step: Distance of the grid's slices, mm.
        targets: Positions of the grid's slices along the normal, mm.
        regular: Whether the slices lie on the grid already.
        warnings: What is irregular.
    """

    step: float
    targets: npt.NDArray[np.float64]
    regular: bool
    warnings: tuple[str, ...] = ()


def regular_grid(positions: npt.NDArray[np.float64]) -> Grid:
    """Find the regular grid of ascending slice positions.

    Args:
        positions: Along the normal, mm, ascending, none doubled; at least two.

    Returns:
        The grid, with a warning where slices are missing or unevenly spaced.

    Raises:
        InputError: A gap is too wide to be interpolated.
    """
    count = len(positions)
    gaps = np.diff(positions)
    step = float((positions[-1] - positions[0]) / (count - 1))
    even = positions[0] + step * np.arange(count)
    if np.abs(positions - even).max() <= REGULAR_TOLERANCE * step + ROUNDING_MM:
        return Grid(step, even, True)

    step = float(np.median(gaps))
    widest = float(gaps.max())
    if widest > MAX_GAP_MM and widest > (1 + REGULAR_TOLERANCE) * step:
        raise InputError(
            f"The slices have a gap of {widest:.1f} mm after slice {int(gaps.argmax()) + 1} of {count} (usual distance "
            f"{step:.2f} mm): slices are missing.",
            "Export the complete series.",
        )
    multiples = np.rint(gaps / step)
    if (np.abs(gaps / step - multiples) <= REGULAR_TOLERANCE).all() and (multiples >= 1).all():
        missing = int(multiples.sum()) - count + 1
        step = float((positions[-1] - positions[0]) / multiples.sum())
        text = f"{missing} of {count + missing} slices are missing; they were interpolated from their neighbours."
    else:
        text = (
            f"The slice distance varies from {gaps.min():.2f} to {widest:.2f} mm; "
            f"the scan was resampled to {step:.2f} mm."
        )
    number = round((positions[-1] - positions[0]) / step) + 1
    targets = positions[0] + step * np.arange(number)
    return Grid(step, targets, False, (text,))


def resample_slices(
    hu: npt.NDArray[np.int16], positions: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]
) -> npt.NDArray[np.int16]:
    """Interpolate slices linearly along their normal; beyond the ends the last slice holds."""
    out = np.empty((len(targets), *hu.shape[1:]), dtype=np.int16)
    upper = np.clip(np.searchsorted(positions, targets), 1, len(positions) - 1)
    for index, (target, high) in enumerate(zip(targets, upper, strict=True)):
        low = high - 1
        weight = float(np.clip((target - positions[low]) / (positions[high] - positions[low]), 0.0, 1.0))
        if weight < 1e-3 or weight > 1 - 1e-3:
            out[index] = hu[low if weight < 0.5 else high]
        else:
            out[index] = np.rint((1 - weight) * hu[low] + weight * hu[high])
    return out


def straighten(
    hu: npt.NDArray[np.int16], offsets: npt.NDArray[np.float64], spacing: tuple[float, float]
) -> tuple[npt.NDArray[np.int16], tuple[float, float]]:
    """Undo the shear of a tilted gantry: put every slice at its place in the plane, on a wider matrix.

    Args:
        hu: ``[z, y, x]`` slices as stored.
        offsets: ``(n, 2)`` shift of each slice along row and column, mm.
        spacing: Distance of rows and of columns, mm.

    Returns:
        The slices on a common matrix, air where nothing was measured, and how far its first voxel moved along row
        and column, mm.
    """
    pixels = offsets[:, ::-1] / np.asarray(spacing)  # rows (y), columns (x)
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
    extra = (high - low).astype(int)
    if (extra > 2 * np.array(hu.shape[1:])).any():
        raise NotAChestCTError("The slices lie far beside each other.", "Choose one complete axial series.")
    shape = (hu.shape[0], hu.shape[1] + extra[0] + 1, hu.shape[2] + extra[1] + 1)
    out = np.full(shape, AIR_HU, dtype=np.int16)
    for index, shift in enumerate(pixels - low):
        whole = np.floor(shift).astype(int)
        part = shift - whole
        slab = np.pad(hu[index].astype(np.float32), ((1, 1), (1, 1)), constant_values=AIR_HU)
        slab = (1 - part[0]) * slab[1:] + part[0] * slab[:-1]
        slab = (1 - part[1]) * slab[:, 1:] + part[1] * slab[:, :-1]
        rows = slice(whole[0], whole[0] + hu.shape[1] + 1)
        columns = slice(whole[1], whole[1] + hu.shape[2] + 1)
        out[index, rows, columns] = np.rint(slab)
    return out, (float(low[1] * spacing[1]), float(low[0] * spacing[0]))
