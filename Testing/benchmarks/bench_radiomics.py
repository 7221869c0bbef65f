"""Wall time of the 375 features: our parallel extraction beside the same pyradiomics calls made one after another.

Run: python Testing/benchmarks/bench_radiomics.py SCAN [--lungs MASK]
The serial side makes the calls the cohort's authors describe on the same 1 mm image: four classes on the image, then
GLCM and GLRLM of all sub-bands. Both sides start from the scan and its lungs.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ChestCTLib.io import read_labels, read_volume
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.radiomics import FEATURE_NAMES, extract_features
from COVIDMTLLib.radiomics.definition import BIN_WIDTH, GLRLM, WAVELET, WAVELET_GLCM
from COVIDMTLLib.radiomics.lung_image import lung_image
from LungRefineLib.segmentation import segment_lungs


def serial(volume: CTVolume, lungs: np.ndarray) -> dict[str, float]:
    """Direct pyradiomics calls in one process."""
    import radiomics
    from radiomics import featureextractor, firstorder, glcm, glrlm, glszm

    radiomics.setVerbosity(logging.CRITICAL)
    array = lung_image(volume, lungs)  # resampled once, on one grid: another grid is another scan
    image, mask = sitk.GetImageFromArray(array), sitk.GetImageFromArray((array > 0).astype(np.uint8))
    values: dict[str, float] = {}
    for kind in (firstorder.RadiomicsFirstOrder, glcm.RadiomicsGLCM, glrlm.RadiomicsGLRLM, glszm.RadiomicsGLSZM):
        calculator = kind(image, mask, binWidth=BIN_WIDTH)
        calculator.enableAllFeatures()
        values.update({name: float(value) for name, value in calculator.execute().items()})
    for feature_class, names in (("glcm", WAVELET_GLCM), ("glrlm", GLRLM)):
        extractor = featureextractor.RadiomicsFeatureExtractor(binWidth=BIN_WIDTH)
        extractor.disableAllImageTypes()
        extractor.disableAllFeatures()
        extractor.enableImageTypeByName("Wavelet", customArgs={"wavelet": WAVELET})
        extractor.enableFeaturesByName(**{feature_class: list(names)})
        found = extractor.execute(image, mask).items()
        values.update({k.removeprefix("wavelet-"): float(v) for k, v in found if k.startswith("wavelet-")})
    return values


def main() -> None:
    """Time both sides in one run and print the ratio and the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path)
    parser.add_argument("--lungs", type=Path)
    arguments = parser.parse_args()
    volume = read_volume(arguments.scan)
    lungs = read_labels(arguments.lungs, volume) if arguments.lungs else segment_lungs(volume).lungs

    start = time.perf_counter()
    ours = extract_features(volume, lungs).as_dict()
    parallel_s = time.perf_counter() - start
    start = time.perf_counter()
    direct = serial(volume, lungs)
    serial_s = time.perf_counter() - start

    apart = max(abs((ours[n] or 0.0) - direct[n]) / max(abs(direct[n]), 1e-12) for n in FEATURE_NAMES)
    print(f"parallel {parallel_s:.1f} s, serial {serial_s:.1f} s, ratio {parallel_s / serial_s:.2f}")
    print(f"largest relative difference of {len(FEATURE_NAMES)} features: {apart:.1e}")


if __name__ == "__main__":
    main()
