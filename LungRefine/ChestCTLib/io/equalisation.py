"""Undo contrast-limited adaptive histogram equalisation (CLAHE), so that a picture's greys are linear in HU again.

CLAHE (Zuiderveld 1994, as OpenCV computes it) cuts a picture into tiles. Each tile's histogram is clipped, what was cut
off is spread over all greys, and the running sum of that is the tile's curve from old grey to new. A pixel is mapped by
the curves of the four nearest tiles, weighed by its distance to their centres.

The old greys are a fixed point: map the picture back by the curves that its own old greys give. Starting from the
equalised picture and repeating this, the error shrinks in every round, because clipping ties every curve to a straight
line. Windowed real slices come back with a mean error of one to three of 256 greys, up to one scale and offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError

GREYS = 256
ROUNDS = 16  # the error hardly falls afterwards
OVERSHOOT = 1.5  # of each step: the rounds converge from one side, so longer steps need fewer of them
GENTLE_ROUNDS = 2  # taken without overshoot, while the curves are still far off
EQUALISED_BITS = (
    7.0  # entropy: chest slices have 5 to 6 bits in a lung window, noisy ones 6.9, equalised ones 7.2 to 7.9
)

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Equalisation:
    """How a picture was equalised.

    Attributes:
        tiles: Tiles along each side of the picture.
        clip_limit: Largest count of a grey in a tile, as a multiple of the even distribution's count.
    """

    tiles: int = 8
    clip_limit: float = 7.0

    def __post_init__(self) -> None:
        if not 1 <= self.tiles <= 64:
            raise InputError(f"Equalisation by {self.tiles} tiles is not known.", "Choose 1 to 64 tiles a side.")
        if self.clip_limit <= 0:
            raise InputError(
                f"The clip limit is {self.clip_limit:g}.", "Choose a positive one; OpenCV's default is 40."
            )


@dataclass(frozen=True)
class _Tiling:
    """Which tiles a pixel counts in and which map it; pixels are flattened.

    Attributes:
        own: ``[pixel]``, the tile the pixel lies in.
        near: ``[4, pixel]``, the tiles whose curves map it.
        weights: ``[4, pixel]``, by how much.
        count: Number of tiles.
    """

    own: Indices
    near: Indices
    weights: Floats
    count: int


def looks_equalised(grey: npt.NDArray[np.uint8]) -> bool:
    """Whether a whole slice's greys are spread so evenly that its histogram must have been equalised.

    Args:
        grey: ``uint8 [y, x]``, a slice with the air around the body in view.
    """
    share = np.bincount(grey.ravel(), minlength=GREYS) / grey.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum()) > EQUALISED_BITS


def undo_equalisation(grey: npt.NDArray[np.uint8], settings: Equalisation = Equalisation()) -> Floats:
    """Greys as they were before equalisation.

    Args:
        grey: ``uint8 [y, x]``, the equalised picture.
        settings: How it was equalised.

    Returns:
        ``float32 [y, x]`` in [0, 255].

    Raises:
        InputError: Not a two-dimensional picture, or smaller than its tiles.
    """
    if grey.ndim != 2 or min(grey.shape) < 2 * settings.tiles:
        raise InputError(
            f"A picture of shape {grey.shape} was not equalised by {settings.tiles} tiles a side.",
            "Give a grey picture of one slice.",
        )
    rest = [(0, -size % settings.tiles) for size in grey.shape]
    padded = np.pad(grey, rest, mode="reflect")
    tiling = _tiling(padded.shape[0], padded.shape[1], settings.tiles)
    new = padded.ravel().astype(np.float32)
    old = new.copy()
    for step in range(ROUNDS):
        found = _mapped_back(new, _curves(old, tiling, settings.clip_limit), tiling)
        old += (found - old) * np.float32(1.0 if step < GENTLE_ROUNDS else OVERSHOOT)
        np.clip(old, 0, GREYS - 1, out=old)
    return old.reshape(padded.shape)[: grey.shape[0], : grey.shape[1]]


def equalise(grey: npt.NDArray[np.uint8], settings: Equalisation = Equalisation()) -> npt.NDArray[np.uint8]:
    """Equalise a picture; the forward direction of :func:`undo_equalisation`.

    Args:
        grey: ``uint8 [y, x]``; both sides multiples of the number of tiles.
        settings: How.
    """
    tiling = _tiling(grey.shape[0], grey.shape[1], settings.tiles)
    curves = np.rint(_curves(grey.ravel().astype(np.float32), tiling, settings.clip_limit))
    new = (tiling.weights * curves[tiling.near, grey.ravel()[None]]).sum(axis=0)
    return np.clip(np.rint(new), 0, GREYS - 1).reshape(grey.shape).astype(np.uint8)


def _tiling(height: int, width: int, tiles: int) -> _Tiling:
    def along(size: int) -> tuple[Indices, Indices, Indices, Floats]:
        place = (np.arange(size) / (size / tiles)).astype(np.float32)
        low = np.floor(place - 0.5)
        share = place - np.float32(0.5) - low
        first = np.clip(low, 0, tiles - 1).astype(np.intp)
        return place.astype(np.intp), first, np.clip(low + 1, 0, tiles - 1).astype(np.intp), share.astype(np.float32)

    row, up, down, fall = along(height)
    column, left, right, across = along(width)
    near = [(y[:, None] * tiles + x[None, :]).ravel() for y in (up, down) for x in (left, right)]
    weights = [np.outer(v, h).ravel() for v in (1 - fall, fall) for h in (1 - across, across)]
    own = (row[:, None] * tiles + column[None, :]).ravel()
    return _Tiling(own, np.stack(near), np.stack(weights), tiles * tiles)


def _curves(old: Floats, tiling: _Tiling, clip_limit: float) -> Floats:
    """Each tile's curve from old to new grey, ``[tile, 256]``; fractions of a grey count on both sides."""
    low = np.floor(old).astype(np.intp)
    share = old - low
    places = tiling.own * GREYS
    size = tiling.count * GREYS
    counts = np.bincount(places + low, weights=1 - share, minlength=size)
    counts += np.bincount(places + np.minimum(low + 1, GREYS - 1), weights=share, minlength=size)
    histogram = counts.reshape(tiling.count, GREYS)
    area = old.size / tiling.count
    most = max(int(clip_limit * area / GREYS), 1)
    surplus = np.maximum(histogram - most, 0).sum(axis=1, keepdims=True)
    clipped = np.minimum(histogram, most) + surplus / GREYS
    return (np.cumsum(clipped, axis=1) * ((GREYS - 1) / area)).astype(np.float32)


def _mapped_back(new: Floats, curves: Floats, tiling: _Tiling) -> Floats:
    """The old grey that the curves map to each pixel's new one, by bisection and then linearly."""
    flat = curves.ravel()
    starts = tiling.near * GREYS

    def mapped(old: Indices) -> Floats:
        return np.asarray(np.einsum("kp,kp->p", tiling.weights, flat.take(starts + old)), np.float32)

    low = np.zeros(new.size, np.intp)
    step = GREYS // 2
    while step:  # the largest grey whose predecessor still maps below
        low += np.where(mapped(low + (step - 1)) < new, step, 0)
        step //= 2
    above = mapped(low)
    below = np.where(low > 0, mapped(np.maximum(low - 1, 0)), np.float32(0))
    share = np.clip((new - below) / np.maximum(above - below, np.float32(1e-3)), 0, 1)
    return np.clip(low - 1 + share, 0, GREYS - 1).astype(np.float32)
