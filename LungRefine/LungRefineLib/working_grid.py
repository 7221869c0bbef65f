"""The coarse grid on which the refinement decides, and the way from it to the input's own voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

Triple = tuple[float, float, float]
Factors = tuple[int, int, int]


@dataclass(frozen=True)
class WorkingGrid:
    """Block means of a volume.

    Attributes:
        hu: ``float32 [z, y, x]``, mean HU of each block.
        spacing_mm: Spacing (z, y, x) of the blocks, mm.
        factors: Voxels per block along (z, y, x).
        full_shape: Shape of the volume the blocks were made from.
    """

    hu: npt.NDArray[np.float32]
    spacing_mm: Triple
    factors: Factors
    full_shape: tuple[int, int, int]

    @property
    def voxel_ml(self) -> float:
        """Volume of one block in mL."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def bring_up(
        self, level: npt.NDArray[np.floating | np.bool_ | np.integer], box: tuple[slice, ...]
    ) -> npt.NDArray[np.uint8]:
        """Interpolate a level function to the volume's own voxels.

        Args:
            level: ``[z, y, x]`` on the blocks, in [0, 1].
            box: Part of the full volume that is wanted.

        Returns:
            ``uint8`` array of the box's shape, 255 for a level of 1.
        """
        image = sitk.GetImageFromArray(np.rint(np.clip(level, 0, 1).astype(np.float32) * 255).astype(np.uint8))
        size = [axis.stop - axis.start for axis in box]
        # The centre of voxel n lies at block coordinate (n + 0.5) / factor - 0.5.
        start = [(axis.start + 0.5) / factor - 0.5 for axis, factor in zip(box, self.factors, strict=True)]
        step = [1.0 / factor for factor in self.factors]
        grid = sitk.Image(size[::-1], sitk.sitkUInt8)
        grid.SetOrigin(start[::-1])
        grid.SetSpacing(step[::-1])
        resampler = sitk.ResampleImageFilter()
        resampler.SetReferenceImage(grid)
        resampler.SetInterpolator(sitk.sitkLinear)
        resampler.UseNearestNeighborExtrapolatorOn()  # the outer half block has no neighbour
        return sitk.GetArrayFromImage(resampler.Execute(image))

    def box_around(self, mask: npt.NDArray[np.bool_], margin_mm: float) -> tuple[slice, slice, slice]:
        """Smallest box of blocks around a mask, widened by a margin; the whole grid for an empty mask."""
        if not mask.any():
            z, y, x = mask.shape
            return slice(0, z), slice(0, y), slice(0, x)
        box = []
        for axis, step in enumerate(self.spacing_mm):
            used = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
            margin = int(np.ceil(margin_mm / step))
            box.append(slice(max(int(used[0]) - margin, 0), min(int(used[-1]) + margin + 1, mask.shape[axis])))
        return box[0], box[1], box[2]

    def full_box(self, box: tuple[slice, slice, slice]) -> tuple[slice, slice, slice]:
        """The voxels of the full volume that a box of blocks covers."""
        z, y, x = (
            slice(axis.start * factor, min(axis.stop * factor, size))
            for axis, factor, size in zip(box, self.factors, self.full_shape, strict=True)
        )
        return z, y, x

    def local_box(self, box: tuple[slice, slice, slice]) -> tuple[slice, slice, slice]:
        """:meth:`full_box`, counted from the box's own first voxel: what :meth:`bring_up` needs for a cropped level."""
        z, y, x = (slice(0, axis.stop - axis.start) for axis in self.full_box(box))
        return z, y, x


def make_working_grid(hu: npt.NDArray[np.int16], spacing_mm: Triple, wanted_mm: float) -> WorkingGrid:
    """Average a volume over blocks about ``wanted_mm`` wide.

    Averaging also takes the noise away. An axis that is coarser already keeps its voxels.

    Args:
        hu: ``int16 [z, y, x]``, HU; anything below air counts as air.
        spacing_mm: (z, y, x), mm.
        wanted_mm: Wanted block width, mm.
    """
    z, y, x = (max(1, round(wanted_mm / step)) for step in spacing_mm)
    factors = (z, y, x)
    rest = [(0, -size % factor) for size, factor in zip(hu.shape, factors, strict=True)]
    source = np.pad(hu, rest, mode="edge") if any(after for _, after in rest) else hu
    image = sitk.GetImageFromArray(np.maximum(source, np.int16(AIR_HU)))
    if factors != (1, 1, 1):
        image = sitk.BinShrink(image, factors[::-1])
    blocks = sitk.GetArrayFromImage(image).astype(np.float32)
    sz, sy, sx = (step * factor for step, factor in zip(spacing_mm, factors, strict=True))
    return WorkingGrid(blocks, (sz, sy, sx), factors, (hu.shape[0], hu.shape[1], hu.shape[2]))


AIR_HU = -1024  # scanners pad outside their field of view with -2000 or -3024: that is air too
