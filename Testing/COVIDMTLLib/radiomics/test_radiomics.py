"""The 375 features: names, definitions and the way they are computed."""

from __future__ import annotations

import csv
import io
import logging
import math
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ChestCTLib.errors import CancelledError, InputError, MissingDependencyError
from ChestCTLib.grid import canonical
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.radiomics import FEATURE_NAMES, ExtractionSettings, FeatureTable, extract_features
from COVIDMTLLib.radiomics.definition import SUB_BANDS
from COVIDMTLLib.radiomics.lung_image import MIN_LUNG_ML, WAVELET_MARGIN, lung_image
from COVIDMTLLib.radiomics.parts import PARTS, Part, compute, merge

radiomics = pytest.importorskip("radiomics", reason="pyradiomics is not installed")


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(seed=3, spacing_mm=(5.0, 3.0, 3.0)))


@pytest.fixture(scope="module")
def corner(phantom: Phantom) -> npt.NDArray[np.uint16]:
    """A small piece of the phantom's lung image, so that every call is quick."""
    image = lung_image(phantom.volume, phantom.lungs)
    middle = tuple(slice(side // 4, side // 4 + 41) for side in image.shape)
    return np.pad(image[middle], [(WAVELET_MARGIN, WAVELET_MARGIN + 1)] * 3)


@pytest.fixture(scope="module")
def slab(phantom: Phantom) -> npt.NDArray[np.uint8]:
    """The middle slices of the lungs, just enough to be accepted, so that extraction is quick."""
    area = np.count_nonzero(phantom.lungs, axis=(1, 2)) * phantom.volume.voxel_ml
    middle = int(area.argmax())
    reach = next(n for n in range(1, len(area)) if area[middle - n : middle + n].sum() > MIN_LUNG_ML)
    lungs = np.zeros_like(phantom.lungs)
    lungs[middle - reach : middle + reach] = phantom.lungs[middle - reach : middle + reach]
    return lungs


@pytest.mark.data
def test_names_and_order_are_the_cohorts(data_dir: Path) -> None:
    import gzip

    with gzip.open(data_dir / "cohort" / "features.csv.gz", "rt") as stream:
        assert tuple(next(csv.reader(stream))[1:]) == FEATURE_NAMES


def test_there_are_375_different_names() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) == 375
    assert FEATURE_NAMES[71] == "LLH_glcm_Autocorrelation"


def test_every_value_equals_a_direct_pyradiomics_call(corner: npt.NDArray[np.uint16]) -> None:
    import SimpleITK as sitk
    from radiomics import featureextractor, firstorder, glcm, glrlm, glszm

    radiomics.setVerbosity(logging.CRITICAL)
    image, mask = sitk.GetImageFromArray(corner), sitk.GetImageFromArray((corner > 0).astype(np.uint8))
    expected: dict[str, float] = {}
    for kind in (firstorder.RadiomicsFirstOrder, glcm.RadiomicsGLCM, glrlm.RadiomicsGLRLM, glszm.RadiomicsGLSZM):
        calculator = kind(image, mask, binWidth=25)
        calculator.enableAllFeatures()
        expected.update(calculator.execute())
    extractor = featureextractor.RadiomicsFeatureExtractor(binWidth=25)
    extractor.disableAllImageTypes()
    extractor.disableAllFeatures()
    extractor.enableImageTypeByName("Wavelet", customArgs={"wavelet": "coif1"})
    extractor.enableFeatureClassByName("glcm")
    extractor.enableFeatureClassByName("glrlm")
    found = extractor.execute(image, mask)
    expected.update({k.removeprefix("wavelet-"): float(v) for k, v in found.items() if k.startswith("wavelet-")})

    ours = merge({one: compute(one, corner) for one in PARTS})
    for name in FEATURE_NAMES:
        assert ours[name] == pytest.approx(float(expected[name]), rel=1e-6), name


@pytest.mark.slow
def test_worker_processes_give_the_same_numbers_as_one_process(phantom: Phantom, slab: npt.NDArray[np.uint8]) -> None:
    steps: list[float] = []
    alone = extract_features(phantom.volume, slab, ExtractionSettings(workers=0))
    together = extract_features(phantom.volume, slab, ExtractionSettings(workers=2), lambda f, s: steps.append(f))
    assert alone == together
    assert alone.missing == ()
    assert steps == sorted(steps)
    assert steps[-1] == pytest.approx(1.0)


def test_parts_left_out_leave_their_features_undefined(phantom: Phantom, slab: npt.NDArray[np.uint8]) -> None:
    settings = ExtractionSettings(workers=0, parts=(Part("firstorder"), Part("glrlm")))
    found = extract_features(phantom.volume, slab, settings).as_dict()
    assert found["Mean"] is not None
    assert found["RunEntropy"] is not None
    assert found["GrayLevelVariance"] is None  # the cohort's is GLSZM's, which was not asked for
    assert found["Contrast"] is None
    assert found["LLL_glcm_Contrast"] is None


def test_the_upper_clip_comes_before_the_resampling_as_the_cohorts_maxima_show(phantom: Phantom) -> None:
    hu = phantom.volume.hu.copy()
    inside = phantom.lungs > 0
    hu[inside & (np.arange(hu.shape[2]) % 8 < 4)] = 6000  # metal: clipped to 4095, the spline then overshoots
    image = lung_image(CTVolume(hu, phantom.volume.ijk_to_lps), inside)
    assert 4095 < image.max() < 6000


@pytest.mark.slow
def test_a_cancel_ends_the_workers_soon(phantom: Phantom, slab: npt.NDArray[np.uint8]) -> None:
    import multiprocessing

    asked = iter([False, False])
    start = time.monotonic()
    with pytest.raises(CancelledError):
        extract_features(phantom.volume, slab, ExtractionSettings(workers=2), cancelled=lambda: next(asked, True))
    assert time.monotonic() - start < 60
    assert multiprocessing.active_children() == []


def test_the_image_is_one_millimetre_with_zero_outside_the_lungs(phantom: Phantom, slab: npt.NDArray[np.uint8]) -> None:
    image = lung_image(phantom.volume, slab)
    assert image.dtype == np.uint16
    assert all(side % 2 == 0 for side in image.shape)
    millilitres = np.count_nonzero(slab) * phantom.volume.voxel_ml
    assert np.count_nonzero(image) / 1000.0 == pytest.approx(millilitres, rel=0.02)
    for axis in range(3):
        assert np.take(image, range(WAVELET_MARGIN), axis=axis).max() == 0
    inside = image[image > 0]
    assert np.median(inside) - 1024 == pytest.approx(np.median(phantom.volume.hu[slab > 0]), abs=25)


def test_a_flipped_scan_has_the_same_image(phantom: Phantom, slab: npt.NDArray[np.uint8]) -> None:
    volume = phantom.volume
    affine = volume.ijk_to_lps.copy()
    affine[:3, 3] += affine[:3, 2] * (volume.shape[0] - 1)
    affine[:3, 2] *= -1
    flipped = CTVolume(volume.hu[::-1].copy(), affine)
    assert canonical(flipped).flips == (True, False, False)
    again = lung_image(flipped, slab[::-1])
    np.testing.assert_array_equal(again, lung_image(volume, slab))


def test_an_empty_or_foreign_mask_is_refused_with_a_remedy(phantom: Phantom) -> None:
    with pytest.raises(InputError, match=r"holds 0 mL.*Check the lung segmentation"):
        extract_features(phantom.volume, np.zeros_like(phantom.lungs))
    with pytest.raises(InputError, match="on the scan's grid"):
        extract_features(phantom.volume, phantom.lungs[1:])


def test_without_pyradiomics_the_message_says_how_to_get_it(phantom: Phantom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("COVIDMTLLib.radiomics.extract.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*pyradiomics==3\.0\.1"):
        extract_features(phantom.volume, phantom.lungs)


def test_an_undefined_feature_reads_not_available() -> None:
    table = FeatureTable.from_mapping({**dict.fromkeys(FEATURE_NAMES, 1.0), "Skewness": math.nan}, 4000.0)
    assert table.missing == ("Skewness",)
    rows = {row["feature"]: row["value"] for row in csv.DictReader(io.StringIO(table.to_csv()))}
    assert rows["Skewness"] == "n/a"
    assert float(rows["Mean"]) == 1.0
    assert np.isnan(table.as_array()).sum() == 1


def test_the_bands_order_is_the_cohorts() -> None:
    bands = list(dict.fromkeys(name.split("_")[0] for name in FEATURE_NAMES[71:]))
    assert tuple(bands) == SUB_BANDS
