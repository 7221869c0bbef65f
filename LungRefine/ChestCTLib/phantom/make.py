"""Make a phantom: anatomy, airway, vessels and lesions on a coarse box, then the scan on the wanted grid."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ChestCTLib.phantom.airway import build_airway
from ChestCTLib.phantom.anatomy import Anatomy, draw_anatomy
from ChestCTLib.phantom.fields import Box, Floats, linear_step, random_field
from ChestCTLib.phantom.lesions import CORE_EDGE_MM, GAP_MM, GLASS_EDGE_MM, Lesions, place_lesions
from ChestCTLib.phantom.settings import Phantom, PhantomSettings
from ChestCTLib.phantom.target import TargetGrid
from ChestCTLib.phantom.thorax import Thorax, build_thorax
from ChestCTLib.phantom.tissues import BLOOD_HU
from ChestCTLib.phantom.trees import Tree, draw_tree, grow_tree, scatter_inside
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from ChestCTLib.volume import CTVolume

LOW_MM = (-62.0, 0.0, 0.0)  # template height where the scan begins
HEIGHT_MM = 338.0
MODEL_STEP_MM = 2.0  # anatomy is smooth; a finer box only costs time
COARSEST_MODEL_STEP_MM = 4.0  # for coarse grids
VESSEL_TIP_MM = 0.65  # finer vessels are not seen on CT
VESSEL_ROOT_MM = 7.5
SHOULDER_MM = 205.0  # template height from which the shoulders make the image noisier
SLAB_VOXELS = 6_000_000
AIRWAY_AIR_HU = -990.0
LOWEST_HU, HIGHEST_HU = -1024, 3071
DEFAULT_SETTINGS = PhantomSettings()


def make_phantom(
    settings: PhantomSettings = DEFAULT_SETTINGS,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Phantom:
    """Make a chest CT volume with known truth.

    Args:
        settings: Seed, diagnosis, grid; the same settings always give the same phantom.
        progress: Told the share done.
        cancelled: Asked between steps.

    Returns:
        The scan and its truth on one grid.

    Raises:
        CancelledError: The user cancelled.
    """
    streams = [np.random.default_rng([settings.seed, n]) for n in range(8)]
    anatomy = draw_anatomy(streams[0])
    side = anatomy.field_of_view
    low = np.array([LOW_MM[0] * anatomy.scale[0], 8.0 - side / 2, -side / 2])
    high = np.array([(LOW_MM[0] + HEIGHT_MM) * anatomy.scale[0], 8.0 + side / 2, side / 2])
    target = TargetGrid.of(settings, low, high)
    step = float(np.clip(np.mean(settings.spacing_mm), MODEL_STEP_MM, COARSEST_MODEL_STEP_MM))
    box = Box.covering(tuple(low), tuple(high), step)

    progress(0.0, "building the chest")
    thorax = build_thorax(anatomy, streams[1], box)
    raise_if_cancelled(cancelled)
    airway = build_airway(anatomy, streams[2], np.maximum(thorax.right, thorax.left), box, settings.closed_airway)
    right = np.minimum(thorax.right, -airway.main)
    left = np.minimum(thorax.left, -airway.main)
    progress(0.25, "growing lesions")
    gap_mm = max(GAP_MM, float(np.linalg.norm(settings.spacing_mm)) + 2 * step)
    lesions = place_lesions(settings.diagnosis, settings.seed, streams[3], right, left, box, gap_mm)
    raise_if_cancelled(cancelled)
    progress(0.4, "growing vessels")
    trees = _vessel_trees(streams[4], thorax, right, left, box)
    share = np.zeros(target.box.shape, dtype=np.uint8)
    for tree in trees:
        draw_tree(Tree(target.to_grid(tree.start), target.to_grid(tree.end), tree.radius), target.box, share)
        raise_if_cancelled(cancelled)

    texture = random_field(streams[5], box, 4.0)
    fissures = _fissures(anatomy, streams[6], box)
    noise = anatomy.noise_hu if settings.noise_hu is None else settings.noise_hu

    shape = target.box.shape
    hu = np.empty(shape, dtype=np.int16)
    lungs, kinds = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    ids = np.zeros(shape, dtype=np.uint16)
    air, vessels = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    pixel = float(np.mean(settings.spacing_mm))
    depth = max(1, SLAB_VOXELS // (shape[1] * shape[2]))
    for first in range(0, shape[0], depth):
        raise_if_cancelled(cancelled)
        progress(0.5 + 0.5 * first / shape[0], "drawing slices")
        last = min(first + depth, shape[0])
        cut = slice(first, last)
        slab = target.slab(first, last)
        in_right, in_left = slab.sample(right, box), slab.sample(left, box)
        lung = np.maximum(in_right, in_left)
        inside = lung > 0
        lumen, outer = slab.sample(airway.lumen, box), slab.sample(airway.outer, box)
        vessel = share[cut].astype(np.float32) / 255.0

        gravity = slab.box.open_axes()[1] / 100.0 * anatomy.gravity_hu
        parenchyma = anatomy.lung_hu + gravity + anatomy.texture_hu * slab.sample(texture, box)
        parenchyma += slab.sample(fissures, box)
        lungs[cut] = np.where(inside, np.where(in_right > in_left, 1, 2), 0)
        if lesions is not None:
            parenchyma = _draw_lesions(slab, lesions, box, parenchyma, inside, kinds[cut], ids[cut])
        parenchyma += vessel * (BLOOD_HU - parenchyma)
        scan = slab.sample(thorax.tissue, box)
        scan += linear_step(lung, pixel) * (parenchyma - scan)
        wall = linear_step(outer, pixel)
        scan += wall * (35.0 - scan) * (outer > lumen + 0.2)
        scan += linear_step(lumen, pixel) * (AIRWAY_AIR_HU - scan)
        scan += _noise(np.random.default_rng([settings.seed, 99, first]), slab.box, noise, anatomy)
        if anatomy.round_image:
            scan[:, _outside_circle(shape[1], shape[2])] = LOWEST_HU
        hu[cut] = np.clip(np.rint(scan), LOWEST_HU, HIGHEST_HU)
        air[cut] = (lumen > 0) & ~inside
        vessels[cut] = inside & (vessel > 0.5)

    ids = _one_number_a_piece(ids, kinds)
    volume = CTVolume(target.turn(hu), target.affine(np.asarray(anatomy.origin_lps)))
    progress(1.0, "done")
    return Phantom(
        volume,
        target.turn(lungs),
        target.turn(kinds),
        target.turn(ids),
        target.turn(air),
        target.turn(vessels),
        settings.diagnosis,
        settings,
    )


def _vessel_trees(rng: np.random.Generator, thorax: Thorax, right: Floats, left: Floats, box: Box) -> list[Tree]:
    """An artery and a vein tree for each lung."""
    trees = []
    for root, lung in zip(thorax.hila, (right, left), strict=True):
        for shift, count in ((np.array([0.0, 0.0, 0.0]), 700), (np.array([-14.0, -6.0, 0.0]), 600)):
            targets = scatter_inside(rng, lung, box, 4.0, count)
            trees.append(grow_tree(rng, root + shift, targets, VESSEL_TIP_MM, VESSEL_ROOT_MM))
    return trees


def _fissures(anatomy: Anatomy, rng: np.random.Generator, box: Box) -> Floats:
    """HU added by the fissures: thin oblique sheets in both lungs and a level one on the right."""
    scale = anatomy.scale
    z, y, x = box.open_axes()
    z, y, x = z / scale[0], y / scale[1], x / scale[2]
    wave = random_field(rng, box, 45.0) * 4.0
    sheet = np.abs(z - (132.0 + 1.05 * (y - 5.0)) + 0.05 * np.abs(x) + wave) / 1.45
    minor = np.where((x < 0) & (z > 132.0 + 1.05 * (y - 5.0)), np.abs(z - 128.0 + wave + 0.06 * y), 50.0)
    return (150.0 * np.exp(-((np.minimum(sheet, minor) / 1.1) ** 2))).astype(np.float32)


def _draw_lesions(
    slab: TargetGrid,
    lesions: Lesions,
    box: Box,
    parenchyma: np.ndarray,
    inside: np.ndarray,
    kinds: np.ndarray,
    ids: np.ndarray,
) -> np.ndarray:
    """Blend the lesions into the parenchyma and write their labels."""
    depth = slab.sample(lesions.depth, box)
    if depth.max() < -4:
        return parenchyma
    core = slab.sample(lesions.core, box)
    mask = (depth > 0) & inside
    kinds[mask] = 1
    kinds[mask & (core > 0)] = 2
    ids[mask] = slab.sample_nearest(lesions.ids, box)[mask]
    glass = linear_step(depth, GLASS_EDGE_MM)
    parenchyma = parenchyma + glass * (np.maximum(slab.sample(lesions.ground_glass, box), parenchyma + 60) - parenchyma)
    solid = linear_step(core, CORE_EDGE_MM) * (glass > 0)
    return parenchyma + solid * (slab.sample(lesions.solid, box) - parenchyma)


def _noise(rng: np.random.Generator, box: Box, deviation: float, anatomy: Anatomy) -> Floats:
    """Scanner noise: correlated over about a pixel within the slice, with streaks from shoulder to shoulder."""
    white = rng.standard_normal(box.shape, dtype=np.float32)
    smooth = ndimage.gaussian_filter(white, (0, 0.7, 0.7), mode="wrap", truncate=2.0)
    smooth *= np.float32(deviation / max(float(smooth.std()), 1e-6))
    shoulders = np.clip((box.axis(0) / anatomy.scale[0] - SHOULDER_MM) / 30.0, 0.0, 1.0)
    for index in np.flatnonzero(shoulders > 0):
        streaks = ndimage.gaussian_filter(white[index], (0.6, 14.0), mode="nearest")
        streaks *= 1.2 * deviation / max(float(streaks.std()), 1e-6)
        smooth[index] += shoulders[index] * (0.3 * smooth[index] + streaks)
    return smooth


def _outside_circle(rows: int, columns: int) -> np.ndarray:
    y, x = np.ogrid[:rows, :columns]
    return (2 * y / (rows - 1) - 1) ** 2 + (2 * x / (columns - 1) - 1) ** 2 > 1


def _one_number_a_piece(ids: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Number the lesions from 1 on; what the grid cut off from a lesion's largest piece leaves both arrays."""
    result = np.zeros_like(ids)
    number = 0
    for value, box in enumerate(ndimage.find_objects(ids), start=1):
        if box is None:
            continue
        pieces, _ = ndimage.label(ids[box] == value, structure=np.ones((3, 3, 3)))
        largest = int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1
        number += 1
        result[box][pieces == largest] = number
    kinds[result == 0] = 0
    return result
