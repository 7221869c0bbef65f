"""From a scan and its lungs to what the networks see, and from their maps back to the scan's grid (Section 5.1).

Lung-masked HU + 1024, clipped to 0..2000, on an isotropic grid, cropped around the lungs' centre and normalised.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ChestCTLib.errors import InputError
from ChestCTLib.grid import CanonicalView, canonical, resample_to_shape
from ChestCTLib.volume import CTVolume

HU_OFFSET = 1024  # makes air 0, as outside the lungs
HIGHEST_INTENSITY = 2000  # HU 976: above is bone or metal, which lungs do not hold
# Over all voxels (lungs and the zeros around them) of crops of 60 phantoms of 5 mm; fixed, so that the input of a
# network never depends on the scans it is run with.
INTENSITY_MEAN = 75.0
INTENSITY_SD = 135.0

Size = tuple[int, int, int]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class InputSettings:
    """What a network sees.

    Attributes:
        spacing_mm: Grid of the network (z, y, x), mm; the paper's is 1 mm.
        size: Voxels (z, y, x) of the crop; the paper's is 200 x 250 x 250.
        mean: Subtracted from the intensities.
        sd: Then divides them.
    """

    spacing_mm: Triple = (1.0, 1.0, 1.0)
    size: Size = (200, 250, 250)
    mean: float = INTENSITY_MEAN
    sd: float = INTENSITY_SD

    def __post_init__(self) -> None:
        if len(self.spacing_mm) != 3 or not all(0.5 <= step <= 20 for step in self.spacing_mm):
            raise InputError(f"The network's grid is {self.spacing_mm} mm.", "Use three values from 0.5 to 20 mm.")
        if len(self.size) != 3 or not all(8 <= number <= 1024 for number in self.size):
            raise InputError(f"The network's input is {self.size} voxels.", "Use three values from 8 to 1024.")
        if self.sd <= 0:
            raise InputError(f"The intensities' standard deviation is {self.sd}.", "Use a value above 0.")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and checkpoints."""
        return {**asdict(self), "spacing_mm": list(self.spacing_mm), "size": list(self.size)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> InputSettings:
        """The inverse of :meth:`as_dict`."""
        try:
            z, y, x = values["spacing_mm"]
            nz, ny, nx = values["size"]
            return cls((z, y, x), (nz, ny, nx), values["mean"], values["sd"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The settings of a network's input cannot be read: {error}.", "Train it again."
            ) from error


@dataclass(frozen=True)
class NetworkInput:
    """The crop a network sees, and where it lies in the scan.

    Attributes:
        intensities: float32 ``[z, y, x]`` of the crop: HU + 1024 in 0..2000 inside the lungs, 0 outside.
        coverage: Share of the lungs' volume inside the crop, in [0, 1].
        inside: Bool on the scan's own grid: the lungs, all that the network sees.
    """

    intensities: npt.NDArray[np.float32]
    coverage: float
    inside: npt.NDArray[np.bool_]
    _view: CanonicalView
    _box: tuple[slice, slice, slice]  # the lungs' box on the canonical grid
    _coarse: Size  # the box on the network's grid

    def restore(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Bring a map over the crop back to the scan's own grid.

        Args:
            values: ``[z, y, x]`` over the whole crop, of any resolution (a CAM is much coarser).

        Returns:
            float32 on the scan's grid, linearly interpolated; 0 outside the crop.
        """
        crop = resample_to_shape(np.asarray(values, dtype=np.float32), self.intensities.shape)
        box = centred(crop, self._coarse)
        shape = tuple(s.stop - s.start for s in self._box)
        out = np.zeros(self._view.volume.shape, dtype=np.float32)
        out[self._box] = resample_to_shape(box, shape)
        return self._view.restore(out)

    def apply(self, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Bring an array on the scan's grid into the crop: the share (or mean) of each crop voxel.

        Args:
            array: ``[z, y, x]`` on the scan's grid, a mask or values.
        """
        box = self._view.apply(np.asarray(array, dtype=np.float32))[self._box]
        return centred(_average_to_shape(box, self._coarse), _size(self.intensities))


def network_input(volume: CTVolume, lungs: npt.NDArray[np.uint8], settings: InputSettings) -> NetworkInput:
    """Prepare a scan for a network.

    Args:
        volume: The scan, any orientation and spacing.
        lungs: uint8 or bool on the scan's grid; any label above 0 is lung.
        settings: Grid, size and normalisation of the network.

    Returns:
        The crop, around the centre of the lungs' bounding box; what lies beyond the lungs' box is 0.

    Raises:
        InputError: The mask is empty or lies on another grid.
    """
    if lungs.shape != volume.shape:
        raise InputError(f"The lung mask has the grid {lungs.shape}, the scan {volume.shape}.", "Use the scan's own.")
    if not lungs.any():
        raise InputError("The lung mask is empty.", "Segment the lungs first, or check the mask.")
    view = canonical(volume)
    mask = view.apply(lungs) > 0
    box = _bounding_box(mask)
    inside = mask[box]
    intensities = masked_intensities(view.volume.hu[box], inside)
    coarse = tuple(
        max(1, round(n * step / wanted))
        for n, step, wanted in zip(inside.shape, view.volume.spacing_mm, settings.spacing_mm, strict=True)
    )
    size = (coarse[0], coarse[1], coarse[2])
    crop = centred(_average_to_shape(intensities, size), settings.size)
    share = _average_to_shape(inside.astype(np.float32), size)
    coverage = float(centred(share, settings.size).sum() / max(float(share.sum()), 1e-6))
    return NetworkInput(crop, min(coverage, 1.0), lungs > 0, view, box, size)


def masked_intensities(hu: npt.NDArray[np.int16], inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """HU + 1024 clipped to 0..2000 inside the lungs, 0 outside; float32."""
    shifted = np.clip(hu.astype(np.float32) + HU_OFFSET, 0, HIGHEST_INTENSITY)
    shifted[~inside] = 0
    return shifted


def normalised(intensities: torch.Tensor, settings: InputSettings) -> torch.Tensor:
    """Intensities as the network takes them."""
    return (intensities - settings.mean) / settings.sd


def centred(array: npt.NDArray[Any], size: tuple[int, ...], fill: float = 0) -> npt.NDArray[Any]:
    """Crop or pad an array around its centre to ``size``; of an odd difference the extra voxel is at the end."""
    out = np.full(size, fill, dtype=array.dtype)
    source, target = [], []
    for have, want in zip(array.shape, size, strict=True):
        kept = min(have, want)
        source.append(slice((have - kept) // 2, (have - kept) // 2 + kept))
        target.append(slice((want - kept) // 2, (want - kept) // 2 + kept))
    out[tuple(target)] = array[tuple(source)]
    return out


def _average_to_shape(array: npt.NDArray[np.float32], shape: Size) -> npt.NDArray[np.float32]:
    """Mean over the voxels that fall together where the grid gets coarser, linear interpolation where it gets finer."""
    pooled = tuple(min(have, want) for have, want in zip(array.shape, shape, strict=True))
    if pooled != array.shape:
        tensor = torch.from_numpy(np.ascontiguousarray(array))[None, None]
        array = functional.adaptive_avg_pool3d(tensor, pooled)[0, 0].numpy()
    return resample_to_shape(array, shape).astype(np.float32)


def _bounding_box(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    ranges = []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        ranges.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return ranges[0], ranges[1], ranges[2]


def _size(array: npt.NDArray[Any]) -> Size:
    z, y, x = array.shape
    return z, y, x
