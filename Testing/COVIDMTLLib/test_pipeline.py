"""The whole case on a phantom: what does not depend on the order of the scan's axes, and parts that are missing."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from ChestCTLib.case_report import CaseReport
from ChestCTLib.errors import ModelError
from ChestCTLib.manifest import volume_sha256
from ChestCTLib.models import find_model
from ChestCTLib.phantom import PhantomSettings, make_phantom
from ChestCTLib.reporting.csv_view import measures_csv
from ChestCTLib.reporting.html_view import report_html
from ChestCTLib.reporting.schema import report_schema
from ChestCTLib.reporting.summary import shown_groups
from ChestCTLib.volume import Acquisition, CTVolume
from COVIDMTLLib.case_files import SUMMARY, Case
from COVIDMTLLib.case_settings import PARTS, CaseSettings
from COVIDMTLLib.pipeline import run_case
from LesionSegLib.settings import HU_BANDS, SHIPPED_NETWORK

QUICK = CaseSettings(lesions="hu-bands", without=frozenset({"network"}))


@pytest.fixture(scope="module")
def scan() -> CTVolume:
    volume = make_phantom(PhantomSettings(seed=3, spacing_mm=(6.0, 3.0, 3.0))).volume
    return replace(volume, acquisition=Acquisition("B31f", 5.0))


pytestmark = pytest.mark.slow  # one case takes some ten seconds


@pytest.fixture(scope="module", autouse=True)
def without_radiomics() -> Iterator[None]:
    """As on a computer without pyradiomics: its import fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "radiomics", None)
        yield


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


def test_a_part_that_cannot_run_says_why_and_the_case_stands(case: Case) -> None:
    features = case.report.section("features")
    assert "pyradiomics" in features.not_available and not features.measures
    assert case.report.measure("lungs.volume.total").value
    assert case.report.section("intensity_map").measures


def test_methods_are_told_with_citations_and_the_cards_of_the_models_that_answered(case: Case) -> None:
    steps, models = case.report.section("methods").tables
    assert {row[0] for row in steps.rows} >= {"Lungs and airway", "Lesion measures", "Intensity map"}
    assert "Lung features" not in {row[0] for row in steps.rows}  # that part could not run
    used = [find_model(model["id"]) for model in case.report.provenance["models"]]
    assert [row[0] for row in models.rows] == [card.title for card in used] and len(used) == 1
    assert models.rows[0][1] == "synthetic" and {used[0].limits, used[0].citation} <= set(models.rows[0])


def test_the_report_keeps_to_its_published_schema(case: Case) -> None:
    jsonschema.validate(json.loads(case.report.to_json()), report_schema())


def test_the_anatomic_extent_is_the_lesion_share_to_the_digit_in_every_view(case: Case) -> None:
    report = case.report
    for extent, share in (("all", ""), ("ground_glass", ".ground_glass"), ("consolidation", ".consolidation")):
        shown, expected = report.measure(f"extent.{extent}"), report.measure(f"lesions.share.total{share}")
        assert shown.text == expected.text and shown.value == expected.value and shown.unit == "%"
        assert re.search(rf"^extent\.{extent},[^\n]*,{re.escape(shown.text)},%,", measures_csv(report), re.MULTILINE)
        assert re.search(rf'data-key="extent\.{extent}">{re.escape(shown.text)}<', report_html(report))


def test_the_summary_holds_lungs_lesions_distribution_severity_and_the_models_evidence(case: Case) -> None:
    groups = {group.title: group for group in shown_groups(case.report, SUMMARY)}
    assert list(groups)[:4] == ["Lungs", "Lesions", "Distribution", "Severity"]
    (answers,) = (group for group in groups.values() if group.models)
    assert [measure.evidence for measure in answers.measures] == ["synthetic"]
    assert all(m.unit for group in groups.values() for m in group.measures if isinstance(m.value, float))


def test_an_unknown_lesion_network_is_refused_before_any_work(scan: CTVolume) -> None:
    told: list[str] = []
    with pytest.raises(ModelError, match="no-such-network"):
        run_case(scan, CaseSettings(lesions="no-such-network"), lambda _, step: told.append(step))
    assert not told


def test_a_case_is_named_after_its_hash_unless_a_name_is_asked_for(scan: CTVolume, case: Case) -> None:
    assert case.report.case_id == f"case-{volume_sha256(scan)[:8]}"


def test_the_manifest_tells_kernel_and_slice_thickness(case: Case) -> None:
    said = case.report.provenance["input"]
    assert (said["kernel"], said["slice_thickness_mm"]) == ("B31f", 5.0)


def test_the_manifest_tells_the_method_that_was_used_when_the_networks_weights_are_missing(
    scan: CTVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(model_id: str) -> None:
        raise ModelError(f"The weights of '{model_id}' are missing.", "Install the extension again.")

    monkeypatch.setattr("LesionSegLib.weights_files.load_multi_decoder", gone)
    report = run_case(scan, CaseSettings(without=frozenset(PARTS), case_id="Study 7")).report
    assert report.case_id == "Study 7"  # as it was asked for
    assert report.provenance["settings"]["lesions"]["method"] == HU_BANDS
    assert report.provenance["settings"]["case"]["lesions"] is None  # what was asked for
    assert report.provenance["models"] == []
    assert any(SHIPPED_NETWORK in warning and "HU bands" in warning for warning in report.warnings)
