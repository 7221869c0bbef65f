"""Intensity map projection: a scan as one picture of slice against intensity (Section 3, Algorithm 1).

Each axial plane becomes its histogram; the histograms are stacked in the planes' natural order, from head to feet. The
paper leaves the range of intensities, the number of bins and the scale of the colours open; they are settings here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from ChestCTLib.grid import canonical, resample_to_shape
from ChestCTLib.labels import CONSOLIDATION, GROUND_GLASS
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from ChestCTLib.volume import CTVolume

N_CODES = 1 << 16  # different values of a 16-bit voxel
CODE_OF_ZERO_HU = 1 << 15  # an int16 value v has the code v + 32768
MIN_BINS = 8  # fewer cannot tell air, lung, ground glass and soft tissue apart
MAX_SIZE = 2048  # pixels; more than any scan has slices
BRIGHTNESS_SCALE = 1e4  # shares below 1/10,000 of a plane fade to black

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class MapSettings:
    """What an intensity map is made of.

    Attributes:
        low_hu: Lower edge of the first bin, HU. Padding outside the scanner's circle lies below and is not counted.
        high_hu: Upper edge of the last bin, HU, which belongs to it; above lie dense bone, contrast agent and metal.
        bins: Number of bins; at most one per HU.
        size: Rows and columns of the square picture the classifiers see (256 in the paper).

    Raises:
        InputError: A setting is out of range.
    """

    low_hu: int = -1024
    high_hu: int = 512
    bins: int = 256
    size: int = 256

    def __post_init__(self) -> None:
        if not -32768 <= self.low_hu < self.high_hu <= 32767:
            raise InputError(
                f"The range of intensities is {self.low_hu} to {self.high_hu} HU.", "Give a lower and a higher value."
            )
        if not MIN_BINS <= self.bins <= self.high_hu - self.low_hu:
            raise InputError(
                f"{self.bins} bins were asked for.",
                f"Use {MIN_BINS} to {self.high_hu - self.low_hu}: voxels are whole numbers of HU.",
            )
        if not MIN_BINS <= self.size <= MAX_SIZE:
            raise InputError(f"The map's size is {self.size}.", f"Use {MIN_BINS} to {MAX_SIZE} pixels.")

    def __str__(self) -> str:
        return f"{self.low_hu} to {self.high_hu} HU in {self.bins} bins"

    @property
    def edges_hu(self) -> npt.NDArray[np.float64]:
        """Edges of the bins, ``bins + 1`` values, HU."""
        return np.linspace(self.low_hu, self.high_hu, self.bins + 1)


@dataclass(frozen=True)
class IntensityMap:
    """Histograms of all axial planes, head first.

    Attributes:
        counts: ``[slices, bins]`` int64: voxels of each plane in each bin.
        settings: Range, bins and size.
        slice_mm: Distance of the planes, mm.
        masked: Whether only voxels inside the lungs were counted.
    """

    counts: Counts
    settings: MapSettings
    slice_mm: float
    masked: bool = False

    @property
    def plane_voxels(self) -> Counts:
        """Counted voxels of each plane, ``[slices]``."""
        return self.counts.sum(axis=1)

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Histograms as shares of their plane: each row sums to 1, or is 0 where nothing was counted."""
        return _per_plane(self.counts, self.plane_voxels)

    @property
    def planes(self) -> slice:
        """The planes from the first to the last in which anything was counted (the lungs', in a masked map)."""
        counted = np.flatnonzero(self.plane_voxels)
        return slice(int(counted[0]), int(counted[-1]) + 1) if counted.size else slice(0, len(self.counts))

    def image(self) -> npt.NDArray[np.float64]:
        """Shares resampled to ``[size, size]``, linear along both axes."""
        return resampled(self.shares[self.planes], self.settings.size)


@dataclass(frozen=True)
class MapPart:
    """The share that one kind of tissue has in an intensity map.

    Attributes:
        key: "outside", "normal_lung", "ground_glass" or "consolidation".
        name: Name for people.
        counts: ``[slices, bins]`` int64.
    """

    key: str
    name: str
    counts: Counts

    @property
    def histograms(self) -> npt.NDArray[np.float64]:
        """``F_k`` of equation 1: the part's own histogram in each plane, sum 1, or 0 where the part is absent."""
        return _per_plane(self.counts, self.counts.sum(axis=1))


@dataclass(frozen=True)
class Decomposition:
    """An intensity map as the sum of its parts: lesions seen as occlusion of normal lung (equations 1 and 2).

    Attributes:
        whole: The map.
        parts: Parts that exclude each other and together are the whole.
    """

    whole: IntensityMap
    parts: tuple[MapPart, ...] = field(default=())

    def weights(self) -> npt.NDArray[np.float64]:
        """``lambda`` of equation 1, ``[parts, slices]``: not negative; sum 1 in each plane with a counted voxel."""
        plane_voxels = self.whole.plane_voxels
        voxels = np.stack([part.counts.sum(axis=1) for part in self.parts]).astype(np.float64)
        return np.divide(voxels, plane_voxels, out=np.zeros_like(voxels), where=plane_voxels > 0)

    def images(self) -> dict[str, npt.NDArray[np.float64]]:
        """``lambda_k F_k`` of each part, resampled as the whole is: their sum is the whole's picture."""
        return {
            part.key: resampled((weight[:, None] * part.histograms)[self.whole.planes], self.whole.settings.size)
            for part, weight in zip(self.parts, self.weights(), strict=True)
        }


def project(
    volume: CTVolume,
    settings: MapSettings = MapSettings(),
    lungs: Mask | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> IntensityMap:
    """Project a scan onto its intensity map (Algorithm 1).

    Args:
        volume: Any orientation, number of slices and spacing.
        settings: Range, bins and size.
        lungs: Lung labels on the volume's grid: count only voxels inside. None counts every voxel, as the paper does.
        progress: Called while it works.
        cancelled: Asked once a plane.

    Returns:
        The map, head first; each row equals ``numpy.histogram`` of its plane.

    Raises:
        InputError: The mask lies on another grid, or is empty.
        CancelledError: The user cancelled.
    """
    view = canonical(volume)
    inside = None
    if lungs is not None:
        _check_grid(lungs, volume, "lung")
        if not lungs.any():
            raise InputError("The lung mask is empty.", "Segment the lungs first, or make the map without a mask.")
        inside = view.apply(lungs) > 0
    planes = view.volume.hu[::-1]
    edges = _first_codes(settings)
    counts = np.empty((len(planes), settings.bins), dtype=np.int64)
    for number, plane in enumerate(planes):
        raise_if_cancelled(cancelled)
        voxels = plane.ravel() if inside is None else plane[inside[-1 - number]]
        counts[number] = _folded(np.bincount(_codes(voxels), minlength=N_CODES), edges)
        progress((number + 1) / len(planes), "Intensity map")
    return IntensityMap(counts, settings, view.volume.spacing_mm[0], masked=lungs is not None)


def decompose(
    volume: CTVolume,
    lungs: Mask,
    lesions: Mask,
    settings: MapSettings = MapSettings(),
    masked: bool = True,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Decomposition:
    """Split an intensity map into the parts of normal lung and of each kind of lesion.

    Args:
        volume: The scan.
        lungs: Lung labels on its grid. A lesion voxel that the lung mask misses counts as lung.
        lesions: Lesion labels on its grid, 1 ground glass, 2 consolidation; may be empty.
        settings: Range, bins and size.
        masked: Leave out what is neither lung nor lesion; else it is a part of its own.
        progress: Called while it works.
        cancelled: Asked once a plane.

    Returns:
        The whole with its parts: normal lung, ground glass, consolidation, and, without masking, outside the lungs.

    Raises:
        InputError: A mask lies on another grid, or there is neither lung nor lesion.
        CancelledError: The user cancelled.
    """
    _check_grid(lungs, volume, "lung")
    _check_grid(lesions, volume, "lesion")
    kinds = [
        ("outside", "outside the lungs"),
        ("normal_lung", "lung without lesion"),
        ("ground_glass", GROUND_GLASS.name),
        ("consolidation", CONSOLIDATION.name),
    ]
    labels = (lungs > 0).astype(np.uint8)
    labels[lesions == GROUND_GLASS.value] = 2
    labels[lesions == CONSOLIDATION.value] = 3
    if masked and not labels.any():
        raise InputError("Lung and lesion mask are empty.", "Segment the lungs first.")
    view = canonical(volume)
    planes, plane_labels = view.volume.hu[::-1], view.apply(labels)[::-1]
    edges = _first_codes(settings)
    counts = np.zeros((len(kinds), len(planes), settings.bins), dtype=np.int64)
    for number, (plane, kind) in enumerate(zip(planes, plane_labels, strict=True)):
        raise_if_cancelled(cancelled)
        for value in range(masked, len(kinds)):
            voxels = plane[kind == value]
            if voxels.size:
                counts[value, number] = _folded(np.bincount(_codes(voxels), minlength=N_CODES), edges)
        progress((number + 1) / len(planes), "Parts of the intensity map")
    whole = project(volume, settings, labels if masked else None, cancelled=cancelled)
    parts = tuple(MapPart(*kinds[value], counts[value]) for value in (1, 2, 3, 0) if not (masked and value == 0))
    return Decomposition(whole, parts)


def brightness(shares: npt.NDArray[np.floating]) -> Floats:
    """Shares on the scale the classifiers and the colours use: logarithmic, 0 for none, 1 for a whole plane."""
    return (np.log1p(shares * BRIGHTNESS_SCALE) / np.log1p(BRIGHTNESS_SCALE)).astype(np.float32)


def resampled(shares: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Resample ``[slices, bins]`` to ``[size, size]`` linearly; linear, so that parts still sum to their whole."""
    return resample_to_shape(shares, (size, size), order=1)


def _first_codes(settings: MapSettings) -> npt.NDArray[np.int64]:
    """Code of the first whole HU of each bin, and of the value after the last bin's, which includes its upper edge."""
    first = np.ceil(settings.edges_hu).astype(np.int64) + CODE_OF_ZERO_HU
    first[-1] = settings.high_hu + 1 + CODE_OF_ZERO_HU
    return first


def _codes(voxels: npt.NDArray[np.int16]) -> npt.NDArray[np.uint16]:
    return np.ascontiguousarray(voxels).view(np.uint16).ravel() ^ np.uint16(CODE_OF_ZERO_HU)


def _folded(code_counts: Counts, first_codes: npt.NDArray[np.int64]) -> Counts:
    """Counts of single values summed into bins: counting whole numbers first is many times faster than binning each."""
    start, stop = int(first_codes[0]), int(first_codes[-1])
    return np.add.reduceat(code_counts[start:stop], first_codes[:-1] - start)


def _per_plane(counts: Counts, voxels: Counts) -> npt.NDArray[np.float64]:
    out = np.zeros(counts.shape, dtype=np.float64)
    return np.divide(counts, voxels[:, None], out=out, where=voxels[:, None] > 0)


def _check_grid(mask: Mask, volume: CTVolume, name: str) -> None:
    if mask.shape != volume.shape:
        raise InputError(
            f"The {name} mask has {mask.shape} voxels, the scan {volume.shape}.", "Choose the mask made for this scan."
        )
