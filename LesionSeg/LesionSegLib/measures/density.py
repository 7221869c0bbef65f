"""Density: mean lung density, aeration by HU limits, and the lesions' histogram with its peaks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

from LesionSegLib.measures.attenuation import HuCounts
from LesionSegLib.measures.result import Density
from LesionSegLib.measures.settings import MeasureSettings

SMOOTHING_BINS = 1.0  # deviation of the Gaussian that takes counting noise off the histogram before peaks are sought


def measure_density(lungs: HuCounts, lesions: HuCounts, voxel_ml: float, settings: MeasureSettings) -> Density:
    """Measure the density of lungs and lesions.

    Args:
        lungs: Voxels of the lungs by attenuation, lesions included.
        lesions: Voxels of the lesions inside the lungs.
        voxel_ml: Volume of a voxel, mL.
        settings: Aeration limits and histogram.

    Returns:
        Volumes are 0 without lungs; means are None and the histogram is empty where there is nothing to measure.
    """
    limits = (settings.over_inflated_below_hu, settings.well_aerated_below_hu, settings.poorly_aerated_below_hu)
    below = [lungs.below(limit) for limit in limits]
    over, well, poor, none = np.diff([0, *below, lungs.size]) * voxel_ml
    edges = np.arange(settings.histogram_low_hu, settings.histogram_high_hu + 1, settings.histogram_bin_hu)
    shares = lesions.histogram(edges)
    return Density(
        mean_lung_hu=lungs.mean_hu,
        over_inflated_ml=float(over),
        well_aerated_ml=float(well),
        poorly_aerated_ml=float(poor),
        non_aerated_ml=float(none),
        mean_lesion_hu=lesions.mean_hu,
        sd_lesion_hu=lesions.sd_hu,
        histogram_edges_hu=tuple(float(edge) for edge in edges),
        histogram_percent=tuple(float(share) for share in shares),
        peaks_hu=histogram_peaks(shares, edges, settings.peak_prominence),
    )


def histogram_peaks(
    shares: npt.NDArray[np.float64], edges: npt.NDArray[np.int_], prominence: float
) -> tuple[float, ...]:
    """Densities at which a histogram peaks (DeepSC-COVID, finding 3).

    Args:
        shares: One value a bin, %.
        edges: Edges of the bins, HU.
        prominence: How far a peak stands out, as a share of the highest one.

    Returns:
        Centres of the peaks' bins, rising, HU; empty for an empty histogram.
    """
    if not shares.size:
        return ()
    padding = 4  # bins of zeros, so that a peak in the first or last bin is one too
    smooth = ndimage.gaussian_filter1d(np.pad(shares, padding), SMOOTHING_BINS)
    peaks, _ = signal.find_peaks(smooth, prominence=prominence * smooth.max())
    centres = (edges[:-1] + edges[1:]) / 2
    return tuple(float(centres[np.clip(peak - padding, 0, centres.size - 1)]) for peak in peaks)
