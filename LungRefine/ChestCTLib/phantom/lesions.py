"""Lesions after DeepSC-COVID's findings 1 to 4: how many, how large, how dense, how near the pleura.

The paper's figures: COVID-19 has 4.4 lesions on average, lesion/lung volume 14.3 % (over 12 % in more than half of the
scans), a wide span of sizes, one HU peak between -960 and -600, and 62.4 % of the lesion volume in the periphery. CAP
has 1.7 lesions, 4.4 % (over 12 % in 5 % of the scans), long upright shapes, two HU peaks (-970 to -580 and -70 to 140),
and 24.5 % in the periphery. Its equation 1 leaves the peripheral thickness open; at 10 mm an evenly scattered lesion
would have some 45 %, between the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats

from ChestCTLib.phantom.anatomy import spread_quantile
from ChestCTLib.phantom.fields import Box, Floats, random_field
from ChestCTLib.phantom.settings import Diagnosis

PERIPHERY_MM = 10.0  # peripheral thickness the shares below are made for
GAP_MM = 8.0  # free lung between two lesions; more on grids whose voxels would bridge it
OUTSIDE = -20.0  # field where a lesion may not grow, mm-like; low, so that interpolation leaves the gap open
SMALLEST_ML = 1.5  # a smaller lesion would vanish on an 8 mm grid
GLASS_EDGE_MM = 5.0  # width over which ground glass fades into the lung
CORE_EDGE_MM = 3.0  # consolidation ends more sharply
WARPS = (0.24, 0.12, 0.0)  # roughness of a lesion's outline, tried until it stays one piece


@dataclass(frozen=True)
class LesionPlan:
    """What a class of disease looks like.

    Attributes:
        counts: Probability of 1, 2, 3... lesions.
        ratio_shape: Shape of the gamma distribution of lesion/lung volume.
        ratio_mean: Its mean.
        size_spread: Deviation of the log volume of the lesions within a scan.
        peripheral: Mean share of lesion volume within ``PERIPHERY_MM`` of the lung's border, slice by slice.
        upright: How much longer than wide a lesion is.
        consolidated: Mean share of consolidation.
        ground_glass_hu: Mean density of ground glass.
        cluster_mm: Further lesions begin within this distance of the first one's seed, where there is room.
        solid_hu: Lowest and highest density of consolidation; often incomplete in COVID-19, so without a second peak.
    """

    counts: tuple[float, ...]
    ratio_shape: float
    ratio_mean: float
    size_spread: float
    peripheral: float
    upright: float
    consolidated: float
    ground_glass_hu: float
    solid_hu: tuple[float, float]
    cluster_mm: float


PLANS: dict[Diagnosis, LesionPlan] = {
    "covid": LesionPlan(
        counts=(0.09, 0.13, 0.16, 0.17, 0.15, 0.12, 0.08, 0.05, 0.03, 0.02),  # 4.4 on average
        ratio_shape=3.0,
        ratio_mean=0.143,
        size_spread=0.95,
        peripheral=0.62,
        upright=1.25,
        consolidated=0.07,
        ground_glass_hu=-685.0,
        solid_hu=(-220.0, 45.0),
        cluster_mm=np.inf,
    ),
    "cap": LesionPlan(
        counts=(0.52, 0.31, 0.12, 0.05),  # 1.7 on average
        ratio_shape=1.5,
        ratio_mean=0.044,
        size_spread=0.35,
        peripheral=0.24,
        upright=1.9,
        consolidated=0.45,
        ground_glass_hu=-690.0,
        solid_hu=(10.0, 40.0),
        cluster_mm=50.0,  # CAP gathers, its lesions' centres spread 16 mm against 86 mm
    ),
}


@dataclass(frozen=True)
class Lesions:
    """Lesions on the coarse box.

    Attributes:
        depth: Depth inside the nearest lesion, mm-like, positive inside.
        core: Depth inside consolidation, positive inside.
        ids: uint16, number of the lesion, carried a little beyond its border.
        ground_glass: HU of ground glass where there is a lesion.
        solid: HU of consolidation where there is one.
    """

    depth: Floats
    core: Floats
    ids: npt.NDArray[np.uint16]
    ground_glass: Floats
    solid: Floats


def border_distance(lungs: npt.NDArray[np.bool_], box: Box) -> Floats:
    """Distance to the lung's border within each slice, mm (what equation 1's slice-wise erosion sees)."""
    out = np.zeros(lungs.shape, dtype=np.float32)
    for index in np.flatnonzero(lungs.any(axis=(1, 2))):
        out[index] = ndimage.distance_transform_edt(lungs[index], sampling=box.step[1:])
    return out


def place_lesions(
    diagnosis: Diagnosis, seed: int, rng: np.random.Generator, right: Floats, left: Floats, box: Box, gap_mm: float
) -> Lesions | None:
    """Grow the lesions of one scan inside the lungs.

    Args:
        diagnosis: Which plan.
        seed: Spreads count, volume and peripheral share evenly over consecutive seeds.
        rng: Everything else.
        right: Depth inside the right lung, mm, positive inside.
        left: Depth inside the left lung.
        box: Where both are given.
        gap_mm: Free lung between two lesions.

    Returns:
        The lesions, or None where the diagnosis has none.
    """
    plan = PLANS.get(diagnosis)
    if plan is None:
        return None
    lungs = (right > 0) | (left > 0)
    distance = border_distance(lungs, box)
    count = int(np.searchsorted(np.cumsum(plan.counts), spread_quantile(seed, 0))) + 1
    ratio = float(stats.gamma(plan.ratio_shape, scale=plan.ratio_mean / plan.ratio_shape).ppf(spread_quantile(seed, 1)))
    ratio = min(max(ratio, 0.004), 0.5)
    share = float(np.clip(stats.norm(plan.peripheral, 0.10).ppf(spread_quantile(seed, 2)), 0.05, 0.93))
    weights = np.exp(rng.normal(0.0, plan.size_spread, count))
    voxel_ml = float(np.prod(box.step)) / 1000.0
    volumes = np.maximum(weights / weights.sum() * ratio * lungs.sum(), SMALLEST_ML / voxel_ml)
    sides = np.where(lungs, np.where(right > left, 1, 2), 0).astype(np.uint8)

    warp = random_field(rng, box, 22.0)
    detail = random_field(rng, box, 7.0)
    free = lungs.copy()
    depth = np.full(box.shape, -20.0, dtype=np.float32)
    core = np.full(box.shape, -20.0, dtype=np.float32)
    ids = np.zeros(box.shape, dtype=np.uint16)
    solid = np.zeros(box.shape, dtype=np.float32)
    first_seed: npt.NDArray[np.intp] | None = None
    for number, volume in enumerate(np.sort(volumes)[::-1], start=1):
        room = np.where(free, sides, 0).astype(np.uint8)
        seed_point = _choose_seed(rng, plan, share, room, distance, first_seed, box)
        if seed_point is None:
            break
        first_seed = seed_point if first_seed is None else first_seed
        field, cut = _grow(rng, plan, seed_point, int(volume), share, room, distance, warp, detail, box)
        mask = field > 0
        np.maximum(depth[cut], field, out=depth[cut])
        _consolidate(rng, plan, mask, field, distance[cut], detail[cut], box, core[cut])
        around, mask = _widen(cut, mask, int(np.ceil(gap_mm / min(box.step))) + 1, box.shape)
        reach = ndimage.distance_transform_edt(~mask, sampling=box.step)
        ids[around][reach < gap_mm / 2] = number
        solid[around][reach < gap_mm / 2] = rng.uniform(*plan.solid_hu)
        free[around][reach < gap_mm] = False
    # patchy haze with thickened septa in it ("crazy paving")
    septa = np.exp(-((random_field(rng, box, 4.5) / 0.35) ** 2)) * np.clip(0.4 + 0.6 * warp, 0.0, 1.0)
    ground_glass = plan.ground_glass_hu - 25.0 + 55.0 * warp + 55.0 * detail + 150.0 * septa
    solid += 10.0 * warp + 10.0 * detail
    return Lesions(depth, core, ids, ground_glass.astype(np.float32), solid)


def _widen(
    cut: tuple[slice, ...], mask: npt.NDArray[np.bool_], margin: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], npt.NDArray[np.bool_]]:
    """A part of the box and the mask in it with a margin around, as far as the box reaches."""
    wide = tuple(slice(max(s.start - margin, 0), min(s.stop + margin, n)) for s, n in zip(cut, shape, strict=True))
    rims = [(s.start - w.start, w.stop - s.stop) for s, w in zip(cut, wide, strict=True)]
    return wide, np.pad(mask, rims)


def _choose_seed(
    rng: np.random.Generator,
    plan: LesionPlan,
    share: float,
    room: npt.NDArray[np.uint8],
    distance: Floats,
    first: npt.NDArray[np.intp] | None,
    box: Box,
) -> npt.NDArray[np.intp] | None:
    """Where a lesion begins: index of a free point of the lung; None where no room is left."""
    near_border = rng.random() < share
    candidates = np.flatnonzero((room > 0) & ((distance < 9.0) if near_border else (distance > 14.0)))
    if candidates.size == 0:
        candidates = np.flatnonzero(room)
    if candidates.size == 0:
        return None
    if first is not None and np.isfinite(plan.cluster_mm):
        points = np.stack(np.unravel_index(candidates, room.shape), axis=1)
        close = np.linalg.norm((points - first) * np.asarray(box.step), axis=1) < plan.cluster_mm
        candidates = candidates[close] if close.any() else candidates
    drawn = np.stack(np.unravel_index(rng.choice(candidates, min(4, candidates.size)), room.shape), axis=1)
    # COVID-19 prefers the back of the lung
    return drawn[int(np.argmax(drawn[:, 1])) if plan.peripheral > 0.5 else 0]


def _grow(
    rng: np.random.Generator,
    plan: LesionPlan,
    seed: npt.NDArray[np.intp],
    volume: int,
    share: float,
    room: npt.NDArray[np.uint8],
    distance: Floats,
    warp: Floats,
    detail: Floats,
    box: Box,
) -> tuple[Floats, tuple[slice, ...]]:
    """Grow one lesion of ``volume`` points around its seed; its field and the part of the box it lies in."""
    ball = (3.0 * volume / (4.0 * np.pi)) ** (1.0 / 3.0)
    reach = np.ceil(ball * np.array([2.2 * plan.upright, 2.6, 2.6])).astype(int) + 4
    low, high = np.maximum(seed - reach, 0), np.minimum(seed + reach + 1, room.shape)
    cut = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    inside = room[cut] == room[tuple(seed)]
    z, y, x = (np.arange(a, b, dtype=np.float32) - s for a, b, s in zip(low, high, seed, strict=True))
    stretch = np.exp(rng.normal(0, 0.18, 3))
    radial = np.sqrt(
        (z[:, None, None] / (plan.upright * stretch[0])) ** 2
        + (y[None, :, None] / stretch[1]) ** 2
        + (x[None, None, :] / stretch[2]) ** 2
    )
    volume = min(volume, int(0.8 * inside.sum()))
    for roughness in WARPS:
        cost = radial / ball + roughness * (warp[cut] + 0.4 * detail[cut])
        total, level = _reach_share(cost, inside, distance[cut], volume, share)
        taken = inside & (total <= level)
        labels, _ = ndimage.label(taken, structure=np.ones((3, 3, 3)))
        sizes = np.bincount(labels.ravel())[1:]
        taken = labels == int(np.argmax(sizes)) + 1
        if sizes.max() > 0.92 * volume:
            break
    step = float(np.mean(box.step))
    field = np.where(taken | (total > level), (level - total) * ball * step, -step)  # other pieces go
    field = np.where(inside, field, OUTSIDE)
    # beyond the lung's border the field goes on as it is there, so that the lesion reaches the pleura on any grid
    beyond, nearest = ndimage.distance_transform_edt(distance[cut] <= 0, sampling=box.step, return_indices=True)
    field = np.where(beyond < 3.0 * step, field[tuple(nearest)], OUTSIDE)
    return np.clip(field, OUTSIDE, -OUTSIDE).astype(np.float32), cut


def _reach_share(
    cost: Floats, inside: npt.NDArray[np.bool_], distance: Floats, volume: int, share: float
) -> tuple[Floats, float]:
    """Weigh the distance from the border so that the ``volume`` cheapest points have ``share`` of them near it.

    Returns:
        The total cost and the level below which a point belongs to the lesion.
    """
    base, depth = cost[inside], np.minimum(distance[inside], 30.0)
    outer = depth < PERIPHERY_MM
    low, high = -0.12, 0.12  # cost of a millimetre of distance from the border
    for _ in range(9):
        weight = 0.5 * (low + high)
        total = base + np.float32(weight) * depth
        level = float(np.partition(total, volume - 1)[volume - 1])
        low, high = (low, weight) if outer[total <= level].mean() > share else (weight, high)
    whole = np.full(cost.shape, np.inf, dtype=np.float32)
    whole[inside] = total
    return whole, level


def _consolidate(
    rng: np.random.Generator,
    plan: LesionPlan,
    mask: npt.NDArray[np.bool_],
    field: Floats,
    distance: Floats,
    detail: Floats,
    box: Box,
    core: Floats,
) -> None:
    """Turn part of a lesion into consolidation: against the pleura in COVID-19, at the heart of the lesion in CAP."""
    share = float(np.clip(rng.gamma(3.0, plan.consolidated / 3.0), 0.0, 0.8))
    if plan.peripheral > 0.5 and rng.random() < 0.5:
        return
    inside = mask & (distance > 0)
    if plan.peripheral > 0.5:
        share *= 2.0
        rank = -distance / 12.0 + field / 20.0 + 0.5 * detail
    else:
        rank = ndimage.distance_transform_edt(mask, sampling=box.step) / 20.0 + 0.25 * detail
    values = rank[inside]
    if values.size < 20 or share < 0.01:
        return
    level = np.quantile(values, 1.0 - min(share, 0.9))
    new = np.clip((rank - level) * 20.0, -20, 20)
    np.maximum(core, np.where(mask, new, -20.0).astype(np.float32), out=core)
