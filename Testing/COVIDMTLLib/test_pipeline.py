"""The whole case on a phantom: what does not depend on the order of the scan's axes, and parts that are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ChestCTLib.case_report import CaseReport
from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.volume import Acquisition, CTVolume
from COVIDMTLLib.case_files import Case
from COVIDMTLLib.case_settings import CaseSettings
from COVIDMTLLib.pipeline import run_case

QUICK = CaseSettings(lesions="hu-bands", without=frozenset({"features", "network"}))


@pytest.fixture(scope="module")
def scan() -> CTVolume:
    volume = make_phantom(PhantomSettings(seed=3, spacing_mm=(6.0, 3.0, 3.0))).volume
    return replace(volume, acquisition=Acquisition("B31f", 5.0))


@pytest.fixture(scope="module")
def case(scan: CTVolume) -> Case:
    return run_case(scan, QUICK)


def numbers(report: CaseReport) -> dict[str, object]:
    return {m.key: m.value for s in report.sections for m in s.measures}


def test_a_flipped_scan_gives_the_same_numbers_and_masks_on_its_own_grid(scan: CTVolume, case: Case) -> None:
    affine = scan.ijk_to_lps @ np.diag([1.0, -1.0, -1.0, 1.0])
    affine[:3, 3] = (scan.ijk_to_lps @ [0.0, scan.shape[1] - 1.0, scan.shape[0] - 1.0, 1.0])[:3]
    flipped = run_case(replace(scan, hu=scan.hu[::-1, ::-1], ijk_to_lps=affine), QUICK)
    assert np.array_equal(flipped.lungs, case.lungs[::-1, ::-1])
    assert np.array_equal(flipped.lesions, case.lesions[::-1, ::-1])
    assert numbers(flipped.report) == numbers(case.report)


def test_the_manifest_tells_kernel_and_slice_thickness(case: Case) -> None:
    said = case.report.provenance["input"]
    assert (said["kernel"], said["slice_thickness_mm"]) == ("B31f", 5.0)
