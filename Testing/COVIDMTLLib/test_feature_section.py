"""The feature models' section: each probability once by label, with evidence, warned outside the cohort."""

from __future__ import annotations

import numpy as np

from ChestCTLib.case_report import Status
from COVIDMTLLib.cohort.context import EVERYONE, shipped_context
from COVIDMTLLib.feature_models.assess import assess_features
from COVIDMTLLib.feature_section import feature_section, used_cards
from COVIDMTLLib.radiomics.definition import FEATURE_NAMES
from COVIDMTLLib.radiomics.table import FeatureTable


def table(values: np.ndarray) -> FeatureTable:
    return FeatureTable.from_mapping(dict(zip(FEATURE_NAMES, values.tolist(), strict=True)), 4000.0)


def test_a_typical_patient_of_the_cohort_gets_probabilities_with_evidence_and_notice() -> None:
    middle = table(shipped_context().quantiles[EVERYONE][4])
    section = feature_section(middle, assess_features(middle, 60, "male"))
    measures = {m.key: m for m in section.measures}
    assert len({m.label for m in section.measures}) == len(section.measures)
    assert measures["features.ct.positive"].evidence == "real cohort"
    shares = [measures[f"features.severity.{name}"].value for name in ("control", "mild", "severe")]
    assert abs(sum(float(share) for share in shares if share is not None) - 1) < 0.002
    assert measures["prognosis.score"].value is not None
    assert section.research_notice
    assert "outside" not in section.title


def test_without_age_and_sex_the_prognosis_is_not_available_and_says_why() -> None:
    middle = table(shipped_context().quantiles[EVERYONE][4])
    found = assess_features(middle)
    measures = {m.key: m for m in feature_section(middle, found).measures}
    assert measures["prognosis.score"].status is Status.NOT_AVAILABLE
    assert "Age and sex" in measures["prognosis.score"].why
    assert "features-prognosis" not in {card.id for card in used_cards(found)}


def test_outside_the_cohort_every_probability_is_warned() -> None:
    odd = table(shipped_context().quantiles[EVERYONE][-1] * 3 + 1)
    section = feature_section(odd, assess_features(odd))
    probabilities = [m for m in section.measures if m.unit == "probability"]
    assert probabilities and all(m.status is Status.WARNED for m in probabilities)
    assert section.measures[0].key == "features.outside_share"
    assert section.title.endswith("outside the cohort, not to be relied on")
    assert "called positive by both" in section.notes[0]
