"""What the shipped models say about one scan, and the shipped files themselves."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from ChestCTLib.errors import InputError
from ChestCTLib.models import find_model, list_models, model_file
from COVIDMTLLib.cohort.context import CohortContext, shipped_context
from COVIDMTLLib.cohort.table import read_cohort
from COVIDMTLLib.feature_models.assess import (
    DEMOGRAPHIC_MODEL,
    MAIN_MODEL,
    PROGNOSIS_MODEL,
    ROBUST_MODEL,
    assess_features,
)
from COVIDMTLLib.feature_models.robust import shipped_stability
from COVIDMTLLib.feature_models.store import load_stack
from COVIDMTLLib.radiomics import FEATURE_NAMES, FeatureTable
from COVIDMTLLib.statistics.scores import auc

SIZE_LIMIT = 15_000_000  # bytes of all feature models together


def _typical() -> FeatureTable:
    """The cohort's median of every feature: no patient's row, and well inside the cohort."""
    return FeatureTable(tuple(shipped_context().quantiles["all"][4].tolist()), 4000.0)


def test_a_typical_scan_gets_calibrated_answers_from_every_model() -> None:
    found = assess_features(_typical(), age=60, sex="female")
    for answer in (found.main, found.robust, found.demographic):
        assert answer is not None
        assert answer.why == ""
        for task in answer.tasks:
            assert sum(task.probabilities) == pytest.approx(1.0)
        nat, severity = answer.probability("nat"), answer.probability("severity", 0)
        assert nat is not None
        assert severity == pytest.approx(1.0 - nat)
    assert found.prognosis.score is not None
    assert 0.0 <= found.prognosis.score <= 1.0
    assert not found.outside.outside
    assert "Research only" in found.text


def test_without_age_and_sex_the_prognosis_says_why_it_is_missing() -> None:
    found = assess_features(_typical())
    assert found.demographic is None
    assert (found.prognosis.score, found.prognosis.percentile) == (None, None)
    assert found.prognosis.why == "Age and sex were not given."


def test_an_undefined_feature_gives_a_reason_instead_of_a_number() -> None:
    values = list(_typical().values)
    values[FEATURE_NAMES.index("Mean")] = None
    found = assess_features(FeatureTable(tuple(values), 4000.0), 60, "male")
    assert found.main.tasks == ()
    assert "undefined" in found.main.why
    assert found.main.probability("ct") is None
    assert found.prognosis.score is None
    assert found.context[FEATURE_NAMES.index("Mean")].percentile is None


def test_an_impossible_age_or_sex_is_refused() -> None:
    with pytest.raises(InputError, match="200"):
        assess_features(_typical(), 200, "male")
    with pytest.raises(InputError, match="male or female"):
        assess_features(_typical(), 20, "M")  # type: ignore[arg-type]


def test_a_strange_scan_is_called_outside_and_says_not_to_rely_on_it() -> None:
    far = FeatureTable(tuple((shipped_context().quantiles["all"][-1] * 3 + 1).tolist()), 4000.0)
    found = assess_features(far)
    assert found.outside.outside
    assert "should not be relied on" in found.outside.text
    assert sum(placed.outside for placed in found.context) > 300


def test_the_median_lies_at_the_fiftieth_percentile() -> None:
    placed = {one.feature: one for one in shipped_context().place(_typical())}
    assert placed["Imc1"].percentile == pytest.approx(50.0, abs=1.0)
    assert not placed["Imc1"].outside
    assert placed["Imc1"].by_group["control/suspected"] != placed["Imc1"].by_group["severe/critically ill"]


def test_the_context_figure_marks_the_scan_once_a_feature() -> None:
    figure = shipped_context().figure(_typical())
    (axes,) = figure.axes
    assert len(axes.get_yticklabels()) == 10


def test_shipped_feature_models_are_whole_and_small() -> None:
    ids = {card.id for card in list_models("features")} | {card.id for card in list_models("prognosis")}
    assert {MAIN_MODEL, ROBUST_MODEL, DEMOGRAPHIC_MODEL, "features-network", "features-lightgbm"} <= ids
    files = [model_file(find_model(model_id)) for model_id in ids if model_id.startswith("features")]
    assert sum(path.stat().st_size for path in files) < SIZE_LIMIT
    for model_id in (MAIN_MODEL, ROBUST_MODEL, DEMOGRAPHIC_MODEL, PROGNOSIS_MODEL):
        card = find_model(model_id)
        assert card.figures
        assert card.evidence == "real cohort"


def test_the_context_ships_quantiles_and_no_patient() -> None:
    text = (resources.files("COVIDMTLLib.cohort") / "context_quantiles.json").read_text("utf-8")
    values = json.loads(text)
    assert min(values["levels"]) >= 0.01
    assert max(values["levels"]) <= 0.99
    assert min(values["patients"].values()) > 100
    assert CohortContext.from_json(text).to_json() == text


def test_the_robust_model_uses_stable_features_only() -> None:
    model = load_stack(find_model(ROBUST_MODEL))
    allowed = set(shipped_stability().columns().tolist())
    for columns in model.columns.values():
        assert set(columns.tolist()) <= allowed


@pytest.mark.data
@pytest.mark.slow
def test_shipped_models_measure_on_the_test_rows_what_their_cards_say(data_dir: Path) -> None:
    cohort = read_cohort(data_dir / "cohort")
    for model_id in (MAIN_MODEL, ROBUST_MODEL):
        card = find_model(model_id)
        said = {f.name: f.value for f in card.figures if f.measured_on.startswith("399")}
        found = load_stack(card).tasks(cohort.values(cohort.test))
        for task in ("ct", "nat", "severity"):
            area = auc(cohort.task(task, cohort.test), found[task])
            assert area == pytest.approx(said[f"AUC {task}"], abs=2e-3)


@pytest.mark.data
def test_the_shipped_context_is_the_cohorts_and_few_of_its_patients_lie_outside(data_dir: Path) -> None:
    cohort = read_cohort(data_dir / "cohort")
    context = CohortContext.fit(cohort)
    np.testing.assert_allclose(context.quantiles["all"], shipped_context().quantiles["all"])
    tables = (FeatureTable(tuple(row.tolist()), 4000.0) for row in cohort.values(cohort.test[:100]))
    assert sum(context.outside(table).outside for table in tables) <= 6
