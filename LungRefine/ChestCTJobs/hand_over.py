"""Nodes to files for a child process and its results back, in steps short enough for the GUI's event loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTMRML.geometry import ijk_to_lps
from ChestCTMRML.surface_files import read_surface
from ChestCTMRML.volumes import voxels

BYTES_A_STEP = 16 * 1024 * 1024  # written to the page cache in some 10 ms
NRRD_TYPES = {
    "int8": "int8",
    "uint8": "uint8",
    "int16": "int16",
    "uint16": "uint16",
    "int32": "int32",
    "uint32": "uint32",
    "int64": "int64",
    "float32": "float",
    "float64": "double",
}


def write_volume(volume_node: Any, path: Path) -> Iterator[None]:
    """Write a volume node as uncompressed NRRD in world LPS, some slices a step.

    Args:
        volume_node: A scalar volume node under linear transforms.
        path: Where to, ``.nrrd``.

    Raises:
        InputError: There is nothing to write, or a transform bends space.
        NotAChestCTError: The voxels are colours, vectors or labels.
    """
    array = voxels(volume_node)
    yield from write_array(array, ijk_to_lps(volume_node), path)


def write_array(array: npt.NDArray[Any], to_lps: npt.NDArray[np.float64], path: Path) -> Iterator[None]:
    """Write an array ``[k, j, i]`` as uncompressed NRRD, some slices a step."""
    kind = np.dtype(array.dtype)
    k, j, i = array.shape
    directions = " ".join(_vector(to_lps[:3, column]) for column in range(3))
    header = (
        "NRRD0004\n"
        f"type: {NRRD_TYPES[kind.name]}\ndimension: 3\nspace: left-posterior-superior\nsizes: {i} {j} {k}\n"
        f"space directions: {directions}\nkinds: domain domain domain\nendian: little\nencoding: raw\n"
        f"space origin: {_vector(to_lps[:3, 3])}\n\n"
    )
    slices = max(1, BYTES_A_STEP // max(1, array[0].nbytes))
    with path.open("wb") as stream:
        stream.write(header.encode("ascii"))
        for first in range(0, k, slices):
            part = np.ascontiguousarray(array[first : first + slices])
            stream.write(part.astype(kind.newbyteorder("<"), copy=False).tobytes())
            yield


def read_labels(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    """Read the label array that the child prepared as ``NAME.npy``."""
    array: npt.NDArray[np.uint8] = np.load(folder / f"{name}.npy", allow_pickle=False)
    return array


def read_surfaces(folder: Path, name: str, values: Sequence[int]) -> dict[int, Any]:
    """Read the surfaces that the child prepared as ``NAME-VALUE.vtp``, by label value."""
    return {value: read_surface(folder / f"{name}-{value}.vtp") for value in values}


def _vector(values: npt.NDArray[np.float64]) -> str:
    return "(" + ",".join(repr(float(value)) for value in values) + ")"
