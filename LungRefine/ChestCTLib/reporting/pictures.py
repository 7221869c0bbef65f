"""Pictures of a case, drawn from arrays: overlays in three planes, an axial mosaic, a frontal lesion projection.

All follow the radiological convention: the patient's right is on the picture's left, anterior is up on axial slices,
the head is up on coronal and sagittal ones. Arrays are on canonical axes (see :mod:`ChestCTLib.grid`).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS, Label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW_HU = (-1350.0, 150.0)  # lung window: level -600, width 1500
DPI = 110
INK, GROUND = "#e8edf2", "#0d1117"  # on black, as in a reading room
FILL_ALPHA = 0.45
PLANES = ("axial", "coronal", "sagittal")
HEAT_SHOWN_FROM = 0.25  # of the map's maximum: weaker activation would only veil the scan
MOSAIC_COLUMNS, MOSAIC_ROWS = 6, 3

Mask = npt.NDArray[np.uint8]
Spacing = tuple[float, float, float]


def three_planes(
    hu: npt.NDArray[np.int16],
    spacing_mm: Spacing,
    lungs: Mask | None = None,
    lesions: Mask | None = None,
    at: tuple[int, int, int] | None = None,
    fill: Sequence[Label] = LESION_LABELS,
) -> bytes:
    """Axial, coronal and sagittal slice through one voxel, lungs outlined, lesions filled.

    Args:
        hu: ``[z, y, x]`` on canonical axes, HU.
        spacing_mm: (z, y, x), mm.
        lungs: Lung labels on the same grid.
        lesions: Lesion labels, or other labels to fill, on the same grid.
        at: Voxel (z, y, x) the planes go through; by default the centre of the largest lesion, else of the lungs.
        fill: Labels of the filled mask.

    Returns:
        PNG bytes.
    """
    point = at if at is not None else focus(lungs, lesions, hu.shape)
    sizes = [_plane_size(hu.shape, spacing_mm, axis) for axis in range(3)]
    title_inches = 0.45
    figure = _figure(13.0, 13.0 / sum(w / h for w, h in sizes) + title_inches)
    axes = figure.subplots(1, 3, gridspec_kw={"width_ratios": [w / h for w, h in sizes]})
    for axis, (ax, name) in enumerate(zip(axes, PLANES, strict=True)):
        _draw_plane(ax, hu, spacing_mm, axis, point[axis], lungs, lesions, fill)
        ax.set_title(f"{name}, slice {point[axis] + 1} of {hu.shape[axis]}", color=INK, fontsize=10)
        _mark_sides(ax, axis)
    return png_bytes(figure)


def heat_planes(
    hu: npt.NDArray[np.int16],
    spacing_mm: Spacing,
    heat: npt.NDArray[np.float32],
    lungs: Mask | None = None,
    label: str = "activation",
) -> bytes:
    """Three planes through the hottest place of a map, the map as colour over the scan.

    Args:
        hu: ``[z, y, x]`` on canonical axes, HU.
        spacing_mm: (z, y, x), mm.
        heat: float32 on the same grid, in [0, 1]; below :data:`HEAT_SHOWN_FROM` the scan shows through alone.
        lungs: Lung labels to outline.
        label: What the colours mean.

    Returns:
        PNG bytes with a colour bar.
    """
    point = np.unravel_index(int(heat.argmax()), heat.shape) if heat.any() else focus(lungs, None, hu.shape)
    sizes = [_plane_size(hu.shape, spacing_mm, axis) for axis in range(3)]
    figure = _figure(13.0, 12.4 / sum(w / h for w, h in sizes) + 0.45)
    axes = figure.subplots(1, 3, gridspec_kw={"width_ratios": [w / h for w, h in sizes]})
    painted = []
    for axis, (ax, name) in enumerate(zip(axes, PLANES, strict=True)):
        rows, columns = [i for i in range(3) if i != axis]
        _draw_plane(ax, hu, spacing_mm, axis, int(point[axis]), lungs, None)
        plane = _plane(heat, axis, int(point[axis]))
        shown = np.ma.masked_less(plane, HEAT_SHOWN_FROM)
        painted.append(
            ax.imshow(shown, cmap="inferno", vmin=0, vmax=1, alpha=0.5, aspect=spacing_mm[rows] / spacing_mm[columns])
        )
        ax.set_title(f"{name}, slice {int(point[axis]) + 1} of {hu.shape[axis]}", color=INK, fontsize=10)
        _mark_sides(ax, axis)
    bar = figure.colorbar(painted[0], ax=list(axes), fraction=0.02, pad=0.01)
    bar.set_label(f"{label} [0 to 1]", color=INK)
    bar.ax.tick_params(colors=INK)
    return png_bytes(figure)


def axial_mosaic(
    hu: npt.NDArray[np.int16], spacing_mm: Spacing, lungs: Mask | None = None, lesions: Mask | None = None
) -> bytes:
    """Equidistant axial slices from the lungs' top to their base; PNG bytes."""
    rows = np.flatnonzero((lungs if lungs is not None else hu > hu.min()).any(axis=(1, 2)))
    top, bottom = (int(rows[-1]), int(rows[0])) if rows.size else (hu.shape[0] - 1, 0)
    slices = np.linspace(top, bottom, MOSAIC_COLUMNS * MOSAIC_ROWS + 2).round().astype(int)[1:-1]
    box = _in_plane_box(lungs, hu.shape)
    width, height = _plane_size(hu[(slice(None), *box)].shape, spacing_mm, 0)
    title_inches = 0.22
    figure = _figure(13.0, MOSAIC_ROWS * (13.0 / MOSAIC_COLUMNS * height / width + title_inches))
    axes = figure.subplots(MOSAIC_ROWS, MOSAIC_COLUMNS)
    for ax, z in zip(axes.flat, slices, strict=True):
        cut = (slice(None), *box)
        crop = [None if a is None else a[cut] for a in (lungs, lesions)]
        _draw_plane(ax, hu[cut], spacing_mm, 0, int(z), crop[0], crop[1])
        ax.set_title(f"{z + 1}", color=INK, fontsize=8, pad=2)
    return png_bytes(figure)


def frontal_projection(lungs: Mask, lesions: Mask, spacing_mm: Spacing) -> bytes:
    """The lungs seen from the front and from the left, shaded by depth of lesion along the line of sight (mm).

    Returns:
        PNG bytes with a colour bar in mm.
    """
    sizes = [_plane_size(lungs.shape, spacing_mm, axis) for axis in (1, 2)]
    figure = _figure(9.5, 8.0 / sum(w / h for w, h in sizes) + 0.4)
    axes = figure.subplots(1, 2, gridspec_kw={"width_ratios": [w / h for w, h in sizes]})
    depths = [(lesions > 0).sum(axis=axis).astype(np.float32) * spacing_mm[axis] for axis in (1, 2)]
    highest = max(10.0, float(max(d.max() for d in depths)))
    painted = []
    for ax, axis, depth, title in zip(axes, (1, 2), depths, ("from the front", "from the left side"), strict=True):
        silhouette = (lungs > 0).any(axis=axis)
        across = 2 if axis == 1 else 1
        aspect = spacing_mm[0] / spacing_mm[across]
        thickness = (lungs > 0).sum(axis=axis) * spacing_mm[axis]
        ax.imshow(np.where(silhouette, thickness, np.nan)[::-1], cmap="gray", vmin=-60, vmax=320, aspect=aspect)
        lesion_depth = np.where(depth > 0, depth, np.nan)[::-1]
        painted.append(ax.imshow(lesion_depth, cmap="YlOrRd", vmin=0, vmax=highest, aspect=aspect, alpha=0.9))
        ax.set_title(title, color=INK, fontsize=10)
        _mark_sides(ax, axis)
        ax.set_axis_off()
    bar = figure.colorbar(painted[0], ax=list(axes), fraction=0.04, pad=0.03)
    bar.set_label("depth of lesion along the line of sight [mm]", color=INK)
    bar.ax.tick_params(colors=INK)
    return png_bytes(figure)


def focus(lungs: Mask | None, lesions: Mask | None, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The voxel worth looking at: inside the largest lesion, else the lungs' middle, else the volume's.

    The largest lesion's voxel nearest to its centre is taken, so that the planes always cut the lesion.
    """
    from scipy import ndimage

    mask = None
    if lesions is not None and lesions.any():
        numbered, count = ndimage.label(lesions > 0, structure=np.ones((3, 3, 3)))
        largest = int(np.bincount(numbered.ravel(), minlength=count + 1)[1:].argmax()) + 1
        mask = numbered == largest
    elif lungs is not None and lungs.any():
        mask = lungs > 0
    if mask is None:
        z, y, x = (n // 2 for n in shape)
        return z, y, x
    voxels = np.argwhere(mask)
    middle = voxels[np.abs(voxels - voxels.mean(axis=0)).sum(axis=1).argmin()]
    return int(middle[0]), int(middle[1]), int(middle[2])


def hu_histogram(
    hu: npt.NDArray[np.int16], groups: Sequence[tuple[str, npt.NDArray[np.bool_], str]], title: str
) -> bytes:
    """Histograms of HU inside masks, as the share of each mask's voxels; PNG bytes.

    Args:
        hu: ``[z, y, x]``, HU.
        groups: Name, mask on the same grid and colour of each; empty masks are left out.
        title: What is shown.
    """
    figure = _figure(8.0, 3.2, ground="white")
    ax = figure.subplots()
    edges = np.arange(-1050, 251, 20)
    for name, mask, color in groups:
        if mask.any():
            counts, _ = np.histogram(hu[mask], bins=edges)
            ax.stairs(100.0 * counts / mask.sum(), edges, label=name, color=color, linewidth=1.8)
    ax.set_xlabel("intensity [HU]")
    ax.set_ylabel("share of voxels [% per 20 HU]")
    ax.set_title(title, fontsize=11)
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return png_bytes(figure)


def png_bytes(figure: Figure) -> bytes:
    """A matplotlib figure as PNG bytes, without anything that changes from run to run."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, facecolor=figure.get_facecolor(), metadata={"Software": None})
    return stream.getvalue()


def _figure(width: float, height: float, ground: str = GROUND) -> Figure:
    from matplotlib.figure import Figure  # no pyplot: nothing global, safe in any process

    return Figure(figsize=(width, height), facecolor=ground, layout="constrained")


def _plane_size(shape: tuple[int, ...], spacing: Spacing, axis: int) -> tuple[float, float]:
    rows, columns = [i for i in range(3) if i != axis]
    return shape[columns] * spacing[columns], shape[rows] * spacing[rows]


def _plane(array: npt.NDArray[Any], axis: int, index: int) -> npt.NDArray[Any]:
    cut = np.take(array, index, axis=axis)
    return cut if axis == 0 else cut[::-1]  # head up on coronal and sagittal planes


def _draw_plane(
    ax: Axes,
    hu: npt.NDArray[np.int16],
    spacing: Spacing,
    axis: int,
    index: int,
    lungs: Mask | None,
    lesions: Mask | None,
    fill: Sequence[Label] = LESION_LABELS,
) -> None:
    rows, columns = [i for i in range(3) if i != axis]
    aspect = spacing[rows] / spacing[columns]
    low, high = WINDOW_HU
    ax.imshow(_plane(hu, axis, index), cmap="gray", vmin=low, vmax=high, aspect=aspect, interpolation="bilinear")
    if lesions is not None:
        _fill(ax, _plane(lesions, axis, index), fill, aspect)
    if lungs is not None:
        _outline(ax, _plane(lungs, axis, index), LUNG_LABELS)
    ax.set_axis_off()


def _fill(ax: Axes, mask: Mask, labels: Sequence[Label], aspect: float) -> None:
    picture = np.zeros((*mask.shape, 4), dtype=np.float32)
    for label in labels:
        picture[mask == label.value] = (*label.color, FILL_ALPHA)
    ax.imshow(picture, aspect=aspect, interpolation="nearest")


def _outline(ax: Axes, mask: Mask, labels: Sequence[Label]) -> None:
    for label in labels:
        region = mask == label.value
        if region.any() and not region.all():
            ax.contour(region, levels=[0.5], colors=[label.color], linewidths=0.9)


def _mark_sides(ax: Axes, axis: int) -> None:
    from matplotlib.patheffects import withStroke

    left, right = ("A", "P") if axis == 2 else ("R", "L")
    for text, x, align in ((left, 0.015, "left"), (right, 0.985, "right")):
        mark = ax.text(x, 0.5, text, transform=ax.transAxes, color="white", fontsize=11, ha=align, va="center")
        mark.set(weight="bold", path_effects=[withStroke(linewidth=3, foreground="black")])  # legible on any grey


def _in_plane_box(lungs: Mask | None, shape: tuple[int, ...]) -> tuple[slice, slice]:
    margin = 8
    if lungs is None or not lungs.any():
        return slice(None), slice(None)
    box = []
    for axis, others in ((1, (0, 2)), (2, (0, 1))):
        seen = np.flatnonzero(lungs.any(axis=others))
        box.append(slice(max(0, int(seen[0]) - margin), min(shape[axis], int(seen[-1]) + margin + 1)))
    return box[0], box[1]
