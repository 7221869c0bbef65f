"""The one preprocessing of the slice-wise networks: slice sets and Hounsfield volumes end up as the same input.

1. Slices come in Hounsfield units. Those of a scan are; a set of equalised pictures is undone and calibrated first
   (:mod:`ChestCTLib.io.equalisation`); pictures in a lung window are mapped back by :data:`PICTURE_WINDOW_HU`.
2. A frame round the lungs, widened to the input's proportions, is resized to :data:`INPUT_SHAPE`. Pictures without a
   lung mask are lung-tight crops already and are framed as a whole.
3. HU are cut to :data:`WINDOW_HU` and scaled to [0, 1]: from air to beyond soft tissue, as wide as the pictures show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ChestCTLib.errors import InputError

WINDOW_HU = (-1000.0, 200.0)
PICTURE_WINDOW_HU = (-1150.0, 250.0)  # a lung window that puts the tissues of medseg100 near their usual HU
INPUT_SHAPE = (192, 256)  # rows, columns: lungs are about 4:3, and 190 wide on a picture of 256
FRAME_MARGIN = 0.04  # of the lungs' box on each side

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


def frame_round(mask: npt.NDArray[Any], spacing_yx: tuple[float, float] = (1.0, 1.0)) -> Frame:
    """The frame round a mask, with a margin, in the input's proportions.

    Args:
        mask: ``[..., y, x]``; anything but 0 counts. A stack gets one frame for all its slices.
        spacing_yx: Pixel spacing in any unit; only the proportion counts.

    Raises:
        InputError: The mask is empty.
    """
    flat = np.any(np.reshape(mask, (-1, *mask.shape[-2:])), axis=0)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    if len(rows) == 0:
        raise InputError("The lung mask is empty.", "Segment the lungs first.")
    height = (rows[-1] - rows[0] + 1) * (1 + 2 * FRAME_MARGIN) * spacing_yx[0]
    width = (columns[-1] - columns[0] + 1) * (1 + 2 * FRAME_MARGIN) * spacing_yx[1]
    scale = max(height / INPUT_SHAPE[0], width / INPUT_SHAPE[1])
    height, width = round(scale * INPUT_SHAPE[0] / spacing_yx[0]), round(scale * INPUT_SHAPE[1] / spacing_yx[1])
    middle_row, middle_column = (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    return Frame(round(middle_row - height / 2), round(middle_column - width / 2), max(height, 1), max(width, 1))


def hu_to_grey(hu: npt.NDArray[Any]) -> Picture:
    """Cut HU to the window and scale to [0, 1]."""
    low, high = WINDOW_HU
    return np.clip((np.asarray(hu, np.float32) - low) / (high - low), 0.0, 1.0)


def picture_to_hu(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """About the HU of a picture in a lung window, by :data:`PICTURE_WINDOW_HU`; both of any shape."""
    low, high = PICTURE_WINDOW_HU
    return np.rint(low + picture.astype(np.float32) * ((high - low) / 255.0)).astype(np.int16)


def prepare_slices(
    hu: npt.NDArray[np.int16],
    lungs: npt.NDArray[Any] | None,
    extent: npt.NDArray[Any] | None = None,
    spacing_yx: tuple[float, float] = (1.0, 1.0),
) -> tuple[Picture, Picture, Frame]:
    """Prepare slices of one volume, or pictures of one size.

    Args:
        hu: ``[n, y, x]``, HU or about that, upright (anterior or posterior up).
        lungs: Their lungs, same shape, or None for lung-tight crops without masks.
        extent: ``[y, x]``; the frame lies round what is not 0, so that all parts of a volume get the same one. The
            lungs when None.
        spacing_yx: Pixel spacing; only the proportion counts.

    Returns:
        Pictures and lung masks (all 1 where unknown) as ``float32 [n, *INPUT_SHAPE]`` in [0, 1], and the frame.

    Raises:
        InputError: The extent or the lungs are empty.
    """
    whole = np.ones(hu.shape[1:], np.uint8) if lungs is None else lungs
    frame = frame_round(whole if extent is None else extent, spacing_yx)
    pictures = frame.take(hu_to_grey(hu))
    if lungs is None:
        return pictures, np.ones_like(pictures), frame
    return pictures, frame.take((np.asarray(lungs) > 0).astype(np.float32)), frame
