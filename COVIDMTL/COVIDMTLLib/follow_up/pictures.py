"""The difference picture: where lesions are new, gone or still there, drawn in the space of one of the two scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ChestCTLib.reporting.pictures import GROUND, INK, png_bytes
from COVIDMTLLib.follow_up.compare import FollowUp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEW, GONE, STAYED = (0.90, 0.22, 0.20), (0.25, 0.60, 0.95), (0.96, 0.80, 0.30)
LUNG_GRAY = 0.34
SLICES = 5  # axial slices drawn
COLORS = "Red: new; blue: gone; yellow: present at both time points. The patient's right is on the picture's left."

Colors = npt.NDArray[np.float32]


def difference_picture(found: FollowUp) -> bytes:
    """Projections from the front and the left, and axial slices where most has changed; PNG bytes."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    box = _box(found.lungs)
    lungs, before, after = (array[box] for array in (found.lungs, found.before, found.after))
    figure = Figure(figsize=(13.0, 7.0), facecolor=GROUND, layout="constrained")
    grid = figure.add_gridspec(2, 2 * SLICES, height_ratios=(1.6, 1.0))
    wide = [figure.add_subplot(grid[0, :SLICES]), figure.add_subplot(grid[0, SLICES:])]
    for ax, axis, title in zip(wide, (1, 2), ("from the front", "from the left side"), strict=True):
        _show(ax, _projection(lungs, before, after, axis)[::-1], title, ("R", "L") if axis == 1 else ("A", "P"))
    for column, z in enumerate(_slices(lungs, before, after)):
        ax = figure.add_subplot(grid[1, 2 * column : 2 * column + 2])
        height = 100 * (z + 0.5) / len(lungs)
        _show(ax, _cut(lungs[z], before[z], after[z]), f"{height:.0f} % of lung height", ("R", "L"))
    names = ((NEW, "new"), (GONE, "gone"), (STAYED, "at both time points"))
    figure.legend(
        handles=[Patch(color=color, label=name) for color, name in names],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        labelcolor=INK,
    )
    return png_bytes(figure)


def _projection(
    lungs: npt.NDArray[np.bool_], before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], axis: int
) -> Colors:
    """Depths along the line of sight mixed into one colour: the deeper the lesion, the stronger its colour."""
    depth = lungs.sum(axis=axis) / max(1, int(lungs.sum(axis=axis).max()))
    picture = np.repeat((LUNG_GRAY * depth)[..., None], 3, axis=2).astype(np.float32)
    kinds = ((after & ~before, NEW), (before & ~after, GONE), (before & after, STAYED))
    depths = [mask.sum(axis=axis).astype(np.float32) for mask, _ in kinds]
    together = np.sum(depths, axis=0)
    color = sum(d[..., None] * np.array(c, dtype=np.float32) for d, (_, c) in zip(depths, kinds, strict=True))
    seen = together > 0
    if seen.any():
        deep = max(1.0, float(np.percentile(together[seen], 95)))
        strength = (0.45 + 0.55 * np.clip(together[seen] / deep, 0, 1))[:, None]
        picture[seen] = picture[seen] * (1 - strength) + color[seen] / together[seen][:, None] * strength
    return picture


def _cut(lungs: npt.NDArray[np.bool_], before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_]) -> Colors:
    picture = np.zeros((*lungs.shape, 3), dtype=np.float32)
    picture[lungs] = LUNG_GRAY
    picture[before & after] = STAYED
    picture[before & ~after] = GONE
    picture[after & ~before] = NEW
    return picture


def _slices(lungs: npt.NDArray[np.bool_], before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_]) -> list[int]:
    """One slice from each fifth of the lungs, head first: where most changed, else where most lesion or lung is."""
    changed = (before ^ after).sum(axis=(1, 2))
    lesion = (before | after).sum(axis=(1, 2))
    score = changed * 1e6 + lesion * 1e3 + lungs.sum(axis=(1, 2)) * 1e-3
    parts = np.array_split(np.arange(len(lungs)), SLICES)
    return [int(part[score[part].argmax()]) for part in reversed(parts)]


def _show(ax: Axes, picture: Colors, title: str, sides: tuple[str, str]) -> None:
    ax.imshow(picture, interpolation="nearest")
    ax.set_title(title, color=INK, fontsize=10)
    ax.set_axis_off()
    style: dict[str, Any] = {"transform": ax.transAxes, "color": INK, "fontsize": 11, "va": "center", "weight": "bold"}
    ax.text(0.01, 0.5, sides[0], ha="left", **style)
    ax.text(0.99, 0.5, sides[1], ha="right", **style)


def _box(lungs: npt.NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    margin = 6
    spans = []
    for axis in range(3):
        seen = np.flatnonzero(lungs.any(axis=tuple(a for a in range(3) if a != axis)))
        low = max(0, int(seen[0]) - (margin if axis else 0))
        spans.append(slice(low, int(seen[-1]) + 1 + (margin if axis else 0)))
    return spans[0], spans[1], spans[2]
