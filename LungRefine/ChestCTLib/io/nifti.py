"""What a NIfTI file says itself: ITK mends zero spacings, missing voxels and NaN without a word."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError, NotAChestCTError

HEADER_BYTES = 348
FLOATS = {16: "f4", 64: "f8"}  # NIfTI data type codes that can hold NaN
CHUNK_BYTES = 1 << 22
COPY_AGAIN = "Copy or export the file again."


@dataclass(frozen=True)
class NiftiCheck:
    """What was found.

    Attributes:
        warnings: What is unusual about the file.
        not_finite: Flat mask, in the file's order, of voxels that are no finite numbers; None where all are.
    """

    warnings: tuple[str, ...] = ()
    not_finite: npt.NDArray[np.bool_] | None = None


def check(path: Path) -> NiftiCheck:
    """Check a NIfTI-1 file's header and length; NIfTI-2 is left to ITK.

    Args:
        path: ``.nii`` or ``.nii.gz``.

    Raises:
        InputError: The file is truncated or damaged.
        NotAChestCTError: The header has no sensible spacing.
    """
    with open(path, "rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if packed else open(path, "rb") as stream:
            return _check(cast(BinaryIO, stream))
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InputError("The NIfTI file is truncated or damaged.", COPY_AGAIN) from None


def _check(stream: BinaryIO) -> NiftiCheck:
    header = stream.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        raise InputError(f"The NIfTI file is truncated: {len(header)} bytes do not hold a header.", COPY_AGAIN)
    order = "<" if struct.unpack("<i", header[:4])[0] == HEADER_BYTES else ">"
    if struct.unpack(order + "i", header[:4])[0] != HEADER_BYTES:
        return NiftiCheck()
    dimensions = struct.unpack(order + "8h", header[40:56])
    data_type, bits = struct.unpack(order + "2h", header[70:74])
    spacing = struct.unpack(order + "8f", header[76:108])[1:4]
    offset = int(struct.unpack(order + "f", header[108:112])[0])
    if dimensions[0] >= 3 and not all(math.isfinite(step) and step > 0 for step in spacing):
        raise NotAChestCTError(
            f"The voxel spacing in the header is {tuple(round(step, 4) for step in spacing)} mm.",
            "Export the scan with its geometry.",
        )

    voxels = math.prod(max(size, 1) for size in dimensions[1 : 1 + max(0, min(dimensions[0], 7))])
    wanted = voxels * bits // 8
    single_file = header[344:347] == b"n+1"
    keep = data_type in FLOATS and dimensions[0] == 3
    stream.read(max(0, offset - HEADER_BYTES))
    parts: list[bytes] = []
    found = 0
    while chunk := stream.read(CHUNK_BYTES):
        found += len(chunk)
        if keep:
            parts.append(chunk)
    if single_file and found < wanted:
        raise InputError(f"The NIfTI file is truncated: {found} of {wanted} bytes of voxels.", COPY_AGAIN)

    warnings = []
    qform, sform = struct.unpack(order + "2h", header[252:256])
    if qform <= 0 and sform <= 0:
        warnings.append("The NIfTI header states no orientation: right and left may be exchanged.")
    not_finite = None
    if keep:
        values = np.frombuffer(b"".join(parts)[:wanted], dtype=order + FLOATS[data_type])
        bad = ~np.isfinite(values)
        not_finite = bad if bad.any() else None
    return NiftiCheck(tuple(warnings), not_finite)
