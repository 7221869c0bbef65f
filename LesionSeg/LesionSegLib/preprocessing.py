"""The one preprocessing of the slice-wise networks: 8-bit slice sets and Hounsfield volumes end up as the same input.

The sets that carry labels are 8-bit pictures: one is windowed and CLAHE-equalised, others are windowed crops. That
cannot be undone, so Hounsfield slices go the same way instead:

1. HU are cut to :data:`WINDOW_HU` and scaled to [0, 1]; 8-bit slices are divided by 255.
2. Contrast limited adaptive histogram equalisation over the whole slice, unless the set is already equalised. Volumes
   are brought to :data:`SLICE_SPACING_MM` first, so that a tile covers as much of the chest as in the slice sets.
3. A frame round the lungs, widened to the input's proportions, is resized to :data:`INPUT_SHAPE`. Pictures without a
   lung mask are lung-tight crops already and are framed as a whole.
4. Grey values are stretched from the frame's 2nd to its 98th percentile (as in the multi-decoder paper) to [0, 1].

Window and clip limit were chosen so that normal lung and whole slices of two Hounsfield scans got the percentiles of
the equalised set (normal lung 14/31/49/76/135 of 255 at 5/25/50/75/95 % against about 15/40/60/85/140 there).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skimage.exposure import equalize_adapthist
from torch.nn import functional

from ChestCTLib.errors import InputError

WINDOW_HU = (-1000.0, 400.0)
SLICE_SPACING_MM = 1.4  # a usual field of view of 360 mm over 256 pixels, the size of the labelled slices
CLAHE_CLIP = 0.02
CLAHE_TILE = 32  # pixels: 8 tiles across a slice of 256
CROP_SIDE = 190  # pixels of a lung-tight crop's longer side when it is equalised: lungs on a slice of 256
INPUT_SHAPE = (144, 192)  # rows, columns: lungs are about 4:3, and 190 wide on a slice of 256
FRAME_MARGIN = 0.04  # of the lungs' box on each side
STRETCH_PERCENTILES = (2.0, 98.0)

Picture = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """A rectangle of a slice that becomes the network's input, and the way back.

    Attributes:
        top: First row; may lie outside the slice.
        left: First column; may lie outside the slice.
        height: Rows.
        width: Columns.
    """

    top: int
    left: int
    height: int
    width: int

    def take(self, stack: Picture, shape: tuple[int, int] = INPUT_SHAPE) -> Picture:
        """Cut the frame out of slices ``[n, y, x]`` and resize it; outside the slice is 0.

        Returns:
            ``float32 [n, *shape]``.
        """
        padded = np.zeros((len(stack), self.height, self.width), np.float32)
        source, target = self._overlap(stack.shape[1:])
        padded[(slice(None), *target)] = stack[(slice(None), *source)]
        resized = functional.interpolate(
            torch.from_numpy(padded)[:, None], shape, mode="bilinear", align_corners=False, antialias=True
        )
        return resized[:, 0].numpy()

    def put_back(self, stack: Picture, shape: tuple[int, int]) -> Picture:
        """Put network outputs ``[n, rows, columns]`` back into slices of ``shape``; 0 outside the frame."""
        resized = functional.interpolate(
            torch.from_numpy(np.ascontiguousarray(stack))[:, None],
            (self.height, self.width),
            mode="bilinear",
            align_corners=False,
            antialias=True,
        )[:, 0].numpy()
        slices = np.zeros((len(stack), *shape), np.float32)
        target, source = self._overlap(shape)
        slices[(slice(None), *target)] = resized[(slice(None), *source)]
        return slices

    def _overlap(self, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The frame's part inside a slice: where in the slice, and where in the frame."""
        inside, own = [], []
        for start, size, limit in zip((self.top, self.left), (self.height, self.width), shape, strict=True):
            first, last = max(0, start), min(limit, start + size)
            inside.append(slice(first, max(first, last)))
            own.append(slice(first - start, max(first, last) - start))
        return (inside[0], inside[1]), (own[0], own[1])


def frame_round(mask: npt.NDArray[Any]) -> Frame:
    """The frame round a mask, with a margin, in the input's proportions.

    Args:
        mask: ``[..., y, x]``; anything but 0 counts. A stack gets one frame for all its slices.

    Raises:
        InputError: The mask is empty.
    """
    flat = np.any(np.reshape(mask, (-1, *mask.shape[-2:])), axis=0)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    if len(rows) == 0:
        raise InputError("The lung mask is empty.", "Segment the lungs first.")
    height = (rows[-1] - rows[0] + 1) * (1 + 2 * FRAME_MARGIN)
    width = (columns[-1] - columns[0] + 1) * (1 + 2 * FRAME_MARGIN)
    scale = max(height / INPUT_SHAPE[0], width / INPUT_SHAPE[1])
    height, width = round(scale * INPUT_SHAPE[0]), round(scale * INPUT_SHAPE[1])
    middle_row, middle_column = (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    return Frame(round(middle_row - height / 2), round(middle_column - width / 2), max(height, 1), max(width, 1))


def hu_to_grey(hu: npt.NDArray[Any]) -> Picture:
    """Cut HU to the window and scale to [0, 1]."""
    low, high = WINDOW_HU
    return np.clip((np.asarray(hu, np.float32) - low) / (high - low), 0.0, 1.0)


def equalise(stack: Picture) -> Picture:
    """CLAHE of each slice ``[n, y, x]`` in [0, 1]; a constant slice stays as it is."""
    out = np.empty_like(stack)
    for index, picture in enumerate(stack):
        flat = picture.max() <= picture.min()
        safe = np.clip(picture, 0.0, 1.0)  # resizing overshoots by rounding
        out[index] = safe if flat else equalize_adapthist(safe, kernel_size=CLAHE_TILE, clip_limit=CLAHE_CLIP)
    return out


def stretch(stack: Picture) -> Picture:
    """Map each slice's 2nd and 98th percentile to 0 and 1 and cut beyond; a constant slice becomes 0."""
    low, high = np.percentile(stack, STRETCH_PERCENTILES, axis=(1, 2), keepdims=True).astype(np.float32)
    span = np.where(high > low, high - low, np.inf)
    return np.clip((stack - low) / span, 0.0, 1.0).astype(np.float32)


def prepare_volume_slices(
    hu: npt.NDArray[np.int16],
    lungs: npt.NDArray[np.uint8],
    extent: npt.NDArray[Any],
    spacing_yx_mm: tuple[float, float],
) -> tuple[Picture, Picture, Frame, tuple[int, int]]:
    """Prepare slices of a Hounsfield volume.

    Args:
        hu: ``[n, y, x]`` slices, HU, on canonical axes.
        lungs: Their lungs, same shape.
        extent: ``[y, x]``; the frame lies round what is not 0. One for all slices of a volume, so that they match.
        spacing_yx_mm: Pixel spacing, mm.

    Returns:
        Pictures and lung masks as ``float32 [n, *INPUT_SHAPE]`` in [0, 1], the frame, and the shape of the resampled
        slices that the frame refers to.

    Raises:
        InputError: The extent is empty.
    """
    rows, columns = (max(1, round(n * s / SLICE_SPACING_MM)) for n, s in zip(hu.shape[1:], spacing_yx_mm, strict=True))
    shape = (rows, columns)
    frame = frame_round(_resize((np.asarray(extent) > 0).astype(np.float32)[None], shape) > 0)
    grey = equalise(_resize(hu_to_grey(hu), shape))
    inside = _resize((lungs > 0).astype(np.float32), shape)
    return stretch(frame.take(grey)), frame.take(inside), frame, shape


def prepare_pictures(
    pictures: npt.NDArray[np.uint8], lungs: npt.NDArray[Any] | None, equalised: bool
) -> tuple[Picture, Picture, Frame]:
    """Prepare 8-bit slices of one case.

    Args:
        pictures: ``uint8 [n, y, x]``, upright (anterior or posterior up), all of one size.
        lungs: Their lung masks, or None for lung-tight crops without masks.
        equalised: Whether the set is already CLAHE-equalised.

    Returns:
        Pictures and lung masks (all 1 where unknown) as ``float32 [n, *INPUT_SHAPE]`` in [0, 1], and the frame.
    """
    grey = pictures.astype(np.float32) / 255.0
    rows, columns = pictures.shape[1:]
    if not equalised:
        scale = CROP_SIDE / max(rows, columns) if lungs is None else 1.0
        small = equalise(_resize(grey, (max(1, round(rows * scale)), max(1, round(columns * scale)))))
        grey = _resize(small, (rows, columns))
    if lungs is None:
        frame = frame_round(np.ones((rows, columns), bool))
        inside = np.ones((len(pictures), *INPUT_SHAPE), np.float32)
    else:
        frame = frame_round(lungs)
        inside = frame.take((np.asarray(lungs) > 0).astype(np.float32))
    return stretch(frame.take(grey)), inside, frame


def _resize(stack: Picture, shape: tuple[int, int]) -> Picture:
    resized = functional.interpolate(
        torch.from_numpy(np.ascontiguousarray(stack))[:, None],
        shape,
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )
    return resized[:, 0].numpy()
