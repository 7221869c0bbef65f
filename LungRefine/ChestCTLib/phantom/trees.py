"""Branching trees inside the lungs: arteries, veins and bronchi that grow from the hilum towards scattered points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ChestCTLib.phantom.fields import Box, Floats

PATH_WEIGHT = 0.45  # how much a long way back to the hilum counts against a near branch point; 0 gives snakes, 1 stars
MURRAY_EXPONENT = 2.7  # parent^n = sum of children^n; measured in lungs between 2.4 and 3
NODE_STEP_MM = 7.0  # long branches are cut into pieces of this length, so that they may bend and be joined


@dataclass(frozen=True)
class Tree:
    """Straight pieces of a branching tree.

    Attributes:
        start: ``[n, (z, y, x)]`` body mm.
        end: Where each piece ends.
        radius: Radius of each piece, mm.
    """

    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    radius: npt.NDArray[np.float64]


def grow_tree(
    rng: np.random.Generator,
    root: npt.NDArray[np.float64],
    targets: npt.NDArray[np.float64],
    tip_radius_mm: float,
    largest_radius_mm: float,
) -> Tree:
    """Grow a tree from ``root`` to every target, near targets first.

    Args:
        rng: Bends the branches.
        root: ``(z, y, x)`` body mm.
        targets: ``[n, 3]`` body mm.
        tip_radius_mm: Radius of the last pieces.
        largest_radius_mm: No piece is thicker.
    """
    order = np.argsort(((targets - root) ** 2).sum(1))
    capacity = 40 * len(targets) + 2
    nodes = np.empty((capacity, 3))
    parent = np.full(capacity, -1, dtype=np.intp)
    path = np.zeros(capacity)
    nodes[0], count = root, 1
    tips = []
    for target in targets[order]:
        away = np.sqrt(((nodes[:count] - target) ** 2).sum(1))
        at = int(np.argmin(away + PATH_WEIGHT * path[:count]))
        pieces = min(max(1, int(away[at] / NODE_STEP_MM)), capacity - count)
        bend = rng.normal(0.0, 0.05 * away[at], 3)
        first = nodes[at].copy()
        for piece in range(1, pieces + 1):
            share = piece / pieces
            nodes[count] = first + share * (target - first) + np.sin(np.pi * share) * bend
            parent[count] = at
            path[count] = path[at] + np.sqrt(((nodes[count] - nodes[at]) ** 2).sum())
            at, count = count, count + 1
        tips.append(at)
    flow = np.zeros(count)
    flow[tips] = tip_radius_mm**MURRAY_EXPONENT
    for node in range(count - 1, 0, -1):  # children come after their parents
        flow[parent[node]] += flow[node]
    radius = np.minimum(flow ** (1.0 / MURRAY_EXPONENT), largest_radius_mm)
    return Tree(nodes[parent[1:count]], nodes[1:count], radius[1:count])


def scatter_inside(
    rng: np.random.Generator, field: Floats, box: Box, margin_mm: float, count: int
) -> npt.NDArray[np.float64]:
    """Random body positions ``[count, (z, y, x)]`` where ``field`` exceeds ``margin_mm``."""
    inside = np.flatnonzero(field > margin_mm)
    chosen = np.stack(np.unravel_index(rng.choice(inside, count), field.shape), axis=1)
    return (chosen + rng.uniform(-0.5, 0.5, chosen.shape)) * np.asarray(box.step) + np.asarray(box.start)


def draw_tree(tree: Tree, box: Box, share: npt.NDArray[np.uint8]) -> None:
    """Add a tree to ``share``, the filled part of every voxel (255 is full).

    Args:
        tree: In the millimetres of ``box``.
        box: The grid of ``share``.
        share: uint8 array, changed in place; the larger value stays.
    """
    start, step = np.asarray(box.start), np.asarray(box.step)
    pixel = float(np.mean(step))
    half = pixel / 2
    # a vessel thinner than a voxel fills only part of it: draw it one voxel wide and as much fainter
    drawn = np.maximum(tree.radius, half)
    strength = 255.0 * np.minimum((tree.radius / drawn) ** 2, 1.0)
    reach = (drawn + half)[:, None]
    low = np.maximum(np.ceil((np.minimum(tree.start, tree.end) - reach - start) / step), 0).astype(int)
    high = np.minimum(np.floor((np.maximum(tree.start, tree.end) + reach - start) / step) + 1, box.shape).astype(int)
    for n in np.flatnonzero((low < high).all(1)):
        z, y, x = (
            (start[a] + step[a] * np.arange(low[n, a], high[n, a]) - tree.start[n, a]).astype(np.float32)
            for a in range(3)
        )
        z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
        dz, dy, dx = (tree.end[n] - tree.start[n]).astype(np.float32)
        t = np.clip((z * dz + y * dy + x * dx) / np.float32(max(dz * dz + dy * dy + dx * dx, 1e-6)), 0, 1)
        distance = np.sqrt((z - t * dz) ** 2 + (y - t * dy) ** 2 + (x - t * dx) ** 2)
        filled = np.clip((drawn[n] - distance) / pixel + 0.5, 0, 1) * np.float32(strength[n])
        cut = share[low[n, 0] : high[n, 0], low[n, 1] : high[n, 1], low[n, 2] : high[n, 2]]
        np.maximum(cut, filled.astype(np.uint8), out=cut)
