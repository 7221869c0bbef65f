"""Draw the documentation's diagrams of the methods, by the methods' own code, from a phantom.

Usage: python tools/draw_docs_diagrams.py
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from COVIDMTLLib.losses import RandomWeightedLoss
from COVIDMTLLib.networks.shift3d import Shifts, shift_maps
from COVIDMTLLib.tasks import TASKS
from LesionSegLib.measures.periphery import border_distance_mm

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SEED = 19  # the phantom of `make demo`
SPACING_MM = (5.0, 1.5, 1.5)
WINDOW_HU = (-1000, 200)
DRAWS = (1, 2, 10)  # n of equation 6; the paper's is 2
POINTS = 1500
SHOWN_SHIFT = 0.2  # of the slice's width: the largest that Shift3D draws
PERIPHERY_MM = 10.0
DPI = 130
QUALITY = 90


def main() -> None:
    """Draw all of them."""
    phantom = make_phantom(PhantomSettings(seed=SEED, spacing_mm=SPACING_MM))
    for name, figure in {
        "random-weights": random_weights(),
        "shift3d": shift(phantom),
        "periphery": periphery(phantom),
    }.items():
        stream = io.BytesIO()
        figure.savefig(stream, dpi=DPI)
        Image.open(stream).convert("RGB").save(PICTURES / f"{name}.webp", quality=QUALITY, method=6)
        print(name)


def random_weights() -> Figure:
    """Where the weights of the three tasks fall for different numbers of draws."""
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    for axes, n in zip(figure.subplots(1, len(DRAWS)), DRAWS, strict=True):
        loss = RandomWeightedLoss([task.name for task in TASKS], n)
        weights = np.array([loss.draw_weights(len(TASKS)).numpy() for _ in range(POINTS)])
        corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
        axes.fill(*corners.T, facecolor="none", edgecolor="0.4")
        axes.plot(*(weights @ corners).T, ".", markersize=2, alpha=0.5, color="#1f77b4")
        for corner, task in zip(corners, TASKS, strict=True):
            up = corner[1] > 0
            axes.annotate(task.name, corner, (0, 4 if up else -12), textcoords="offset points", ha="center")
        axes.set_title(f"n = {n}", pad=16)
        axes.set_aspect("equal")
        axes.axis("off")
    return figure


def shift(phantom: Phantom) -> Figure:
    """A slice as it is, moved with what leaves coming in again, and moved with a fill."""
    _, hu = _slice(phantom)
    maps = torch.from_numpy(hu.astype(np.float32))[None, None, None]
    moved = Shifts(torch.tensor([2]), torch.tensor([int(SHOWN_SHIFT * hu.shape[1])]))
    shown = {
        "before": maps,
        "shifted, circular": shift_maps(maps, moved),
        "shifted and padded": shift_maps(maps, moved, padding=float(WINDOW_HU[0])),
    }
    figure = Figure(figsize=(9.0, 2.9), layout="constrained")
    for axes, (title, values) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
        axes.imshow(values[0, 0, 0].numpy(), cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1])
        axes.set_title(title)
        axes.axis("off")
    return figure


def periphery(phantom: Phantom) -> Figure:
    """The outer shell of the lungs in one slice, with the lesion's part inside it."""
    z, hu = _slice(phantom)
    lungs, lesions = phantom.lungs[z] > 0, phantom.lesions[z] > 0
    distance = np.zeros(lungs.shape)
    distance[lungs] = border_distance_mm(lungs[None], lungs[None], SPACING_MM[1:])
    shell = lungs & (distance <= PERIPHERY_MM)
    figure = Figure(figsize=(6.0, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(hu, cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1])
    for mask, color in ((shell & ~lesions, "#4aa3df"), (lesions & ~shell, "#f2c14e"), (lesions & shell, "#d7301f")):
        tint = np.zeros((*mask.shape, 4))
        tint[mask] = (*(int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)), 0.55)
        axes.imshow(tint)
    share = 100.0 * (lesions & shell).sum() / lesions.sum()
    axes.set_title(f"Shell of {PERIPHERY_MM:.0f} mm (blue); lesion in it (red), {share:.0f} % of this slice's lesion")
    axes.axis("off")
    return figure


def _slice(phantom: Phantom) -> tuple[int, np.ndarray]:
    """The slice with most lesion."""
    z = int((phantom.lesions > 0).sum(axis=(1, 2)).argmax())
    return z, phantom.volume.hu[z]


if __name__ == "__main__":
    main()
