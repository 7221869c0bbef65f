"""Pictures of intensity maps: red for few voxels, blue for many, black for none, as in the paper's Figure 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ChestCTLib.labels import CONSOLIDATION, GROUND_GLASS
from ChestCTLib.reporting.pictures import GROUND, INK, png_bytes
from COVIDMTLLib.intensity_map.map import Decomposition, Floats, IntensityMap, brightness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

COLORS = ("#7a0403", "#d7301f", "#fd8d3c", "#fee34f", "#4dd07a", "#27b7e0", "#3b62f0")  # few voxels to many
BAR_TICKS = (1e-4, 1e-3, 1e-2, 1e-1)  # shares of a plane
TISSUES = (("air", -1000.0), ("lung", -850.0), ("ground glass", -550.0), ("fat", -100.0), ("soft tissue", 60.0))
PART_COLORS: dict[str, str | tuple[float, float, float]] = {
    "outside": "#9aa5b1",
    "normal_lung": "#5aa0d8",
    "ground_glass": GROUND_GLASS.color,
    "consolidation": CONSOLIDATION.color,
}


def rgb(shares: npt.NDArray[np.floating]) -> Floats:
    """Colours of a map, as a picture file holds them.

    Args:
        shares: ``[slices, bins]``, shares of the plane.

    Returns:
        ``[slices, bins, 3]`` float32 in [0, 1]; black where the share is 0.
    """
    colors = _colormap()(brightness(shares))[..., :3].astype(np.float32)
    colors[shares <= 0] = 0.0
    return colors


def map_picture(found: IntensityMap, title: str = "Intensity map") -> bytes:
    """A map with axes: intensity from left to right, slices from head to feet; PNG bytes."""
    figure = _figure(8.4, 5.2)
    ax = figure.subplots()
    _draw(ax, found, found.shares[found.planes])
    _mark_tissues(ax, found)
    ax.set_title(title, color=INK, fontsize=11, pad=22)
    _color_bar(figure, [ax])
    return png_bytes(figure)


def decomposition_picture(found: Decomposition) -> bytes:
    """The whole map, its parts on the same colours, and below the histogram they add up to; PNG bytes."""
    figure = _figure(13.0, 7.2)
    panels = 1 + len(found.parts)
    grid = figure.add_gridspec(2, panels, height_ratios=(1.5, 1.0))
    axes = [figure.add_subplot(grid[0, column]) for column in range(panels)]
    _draw(axes[0], found.whole, found.whole.shares[found.whole.planes])
    axes[0].set_title("whole", color=INK, fontsize=11)
    for ax, part, weights in zip(axes[1:], found.parts, found.weights(), strict=True):
        _draw(ax, found.whole, (weights[:, None] * part.histograms)[found.whole.planes])
        ax.set_title(part.name, color=INK, fontsize=11)
        ax.set_ylabel("")
        ax.set_yticklabels([])
    _color_bar(figure, axes)
    _draw_sum(figure.add_subplot(grid[1, :]), found)
    return png_bytes(figure)


def _draw(ax: Axes, found: IntensityMap, shares: npt.NDArray[np.float64]) -> None:
    settings = found.settings
    height = len(shares) * found.slice_mm
    extent = (settings.low_hu, settings.high_hu, height, 0.0)
    ax.imshow(rgb(shares), extent=extent, aspect="auto", interpolation="nearest")
    ax.set_xlabel("intensity [HU]", color=INK)
    ax.set_ylabel("from lung apex to base [mm]" if found.masked else "from head to feet [mm]", color=INK)
    _ink(ax)


def _draw_sum(ax: Axes, found: Decomposition) -> None:
    from matplotlib.colors import to_hex

    edges = found.whole.settings.edges_hu
    total = float(found.whole.counts.sum())
    if total:
        stacked = [100.0 * part.counts.sum(axis=0) / total for part in found.parts]
        middles = (edges[:-1] + edges[1:]) / 2
        colors = [to_hex(PART_COLORS[part.key]) for part in found.parts]
        ax.stackplot(middles, stacked, labels=[part.name for part in found.parts], colors=colors)
    ax.set_facecolor("#161c24")
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xlabel("intensity [HU]", color=INK)
    ax.set_ylabel(f"voxels [% per {edges[1] - edges[0]:.0f} HU]", color=INK)
    ax.set_title("All planes together: the parts add up to the whole", color=INK, fontsize=11)
    ax.legend(frameon=False, labelcolor=INK)
    _ink(ax)


def _mark_tissues(ax: Axes, found: IntensityMap) -> None:
    inside = [(n, hu) for n, hu in TISSUES if found.settings.low_hu <= hu <= found.settings.high_hu]
    top = ax.secondary_xaxis("top")
    top.set_xticks([hu for _, hu in inside], [name for name, _ in inside], color=INK, fontsize=8)
    top.tick_params(colors=INK)


def _color_bar(figure: Figure, axes: list[Axes]) -> None:
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap=_colormap()), ax=axes, fraction=0.04, pad=0.02)
    bar.set_ticks(list(map(float, brightness(np.array(BAR_TICKS)))), labels=[f"{100 * t:g}" for t in BAR_TICKS])
    bar.set_label("share of the plane's voxels in the bin [%]", color=INK)
    bar.ax.tick_params(colors=INK)


def _ink(ax: Axes) -> None:
    ax.tick_params(colors=INK)
    for spine in ax.spines.values():
        spine.set_color("#4a5563")


def _colormap() -> LinearSegmentedColormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("red to blue", COLORS)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor=GROUND, layout="constrained")
