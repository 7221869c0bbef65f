"""A curve with one marked point, for the report."""

from __future__ import annotations

from collections.abc import Sequence

from ChestCTLib.reporting.pictures import png_bytes

CURVE_COLOR, MARK_COLOR = "#16607a", "#c0392b"


def curve_picture(
    x: Sequence[float], y: Sequence[float], x_label: str, y_label: str, mark: tuple[float, float]
) -> bytes:
    """Draw a curve from 0 to 100 % with one marked point.

    Args:
        x: Abscissa, in the unit its label names.
        y: Ordinate, %.
        x_label: Label with unit.
        y_label: Label with unit.
        mark: The point to mark.

    Returns:
        PNG bytes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.2), facecolor="white", layout="constrained")
    ax = figure.subplots()
    ax.plot(x, y, color=CURVE_COLOR, linewidth=2)
    ax.plot(*mark, "o", color=MARK_COLOR)
    ax.annotate(f"{mark[1]:.1f} %", mark, textcoords="offset points", xytext=(8, -12), color=MARK_COLOR)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.set_ylim(0, 103)
    ax.set_xlim(min(x), max(x))
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    return png_bytes(figure)
