"""What the 375 lung features tell, as a section of the case report: tasks, cohort context, prognosis."""

from __future__ import annotations

from collections.abc import Iterable

from ChestCTLib.case_report import Column, Measure, Picture, Section, Status, Table
from ChestCTLib.errors import ModelError
from ChestCTLib.models import ModelCard, find_model
from ChestCTLib.reporting.pictures import png_bytes
from COVIDMTLLib.cohort.context import shipped_context
from COVIDMTLLib.cohort.published import BOX_PLOT_FEATURES
from COVIDMTLLib.feature_models.assess import FeatureAssessment, ModelAnswer
from COVIDMTLLib.network_section import slug
from COVIDMTLLib.radiomics.table import FeatureTable
from COVIDMTLLib.tasks import SEVERITY, TASK_BY_NAME

KEY = "features"
PERCENT = 100.0
OUTSIDE_TITLE = ": outside the cohort, not to be relied on"
MOST_EXTREME = 15  # features listed: those farthest from the cohort's middle
FEATURE_DIGITS = 4  # that count: features reach from millionths to thousands of millions


def used_cards(found: FeatureAssessment) -> tuple[ModelCard, ...]:
    """Cards of the models that answered."""
    answers = [found.main, found.robust, *([found.demographic] if found.demographic else [])]
    ids = [answer.model for answer in answers if answer.tasks]
    if found.prognosis.score is not None:
        ids.append(found.prognosis.model)
    return tuple(find_model(model_id) for model_id in ids)


def feature_section(features: FeatureTable, found: FeatureAssessment) -> Section:
    """Probabilities by the feature models, where the scan lies in the cohort, and the prognosis.

    Args:
        features: The scan's features.
        found: What the models say about them.
    """
    outside = found.outside.text if found.outside.outside else ""
    share = Measure(
        f"{KEY}.outside_share",
        "Features beyond the cohort's 1st to 99th percentile",
        PERCENT * found.outside.share,
        "%",
        f"cohort context; 99 % of its patients stay below {PERCENT * found.outside.limit:.0f} %",
        Status.WARNED if outside else Status.OK,
    )
    measures = [
        share,  # first: it decides whether the probabilities below mean anything
        *_answer("", "", found.main, outside),
        *_answer("robust.", "Robust model, ", found.robust, outside),
        *(_answer("demographic.", "With age and sex, ", found.demographic, outside) if found.demographic else ()),
        *_prognosis(found, outside),
    ]
    if features.missing:
        label = "Features undefined for this scan"
        measures.append(Measure(f"{KEY}.undefined", label, len(features.missing), "", "radiomics", decimals=0))
    picture = Picture(
        "context",
        "This scan among the cohort's patients",
        "Ten features of the paper's Fig. 5. Boxes: quartiles of the severity groups; whiskers: 5th, 95th percentile.",
        png_bytes(shipped_context().figure(features)),
    )
    title = f"Lung features and the cohort{OUTSIDE_TITLE if outside else ''}"
    notes = (found.outside.text, found.text)
    return Section(KEY, title, tuple(measures), (_table(found), _profile(features)), (picture,), notes, "", True)


def _answer(prefix: str, who: str, answer: ModelAnswer, outside: str) -> Iterable[Measure]:
    card = _card(answer.model)
    title = card.title if card else answer.model
    evidence = card.evidence if card else ""
    for name, task in TASK_BY_NAME.items():
        found = next((t for t in answer.tasks if t.task == name), None)
        classes = task.classes if name == SEVERITY.name else task.classes[1:]
        for label in classes:
            value = found.probabilities[task.classes.index(label)] if found else None
            yield Measure(
                f"{KEY}.{prefix}{name}.{slug(label)}",
                f"{who}{task.title}: {label}",
                value,
                "probability",
                title,
                Status.WARNED if outside else Status.OK,
                answer.why if value is None else outside,
                decimals=3,
                evidence=evidence,
            )


def _prognosis(found: FeatureAssessment, outside: str) -> Iterable[Measure]:
    answer = found.prognosis
    card = _card(answer.model)
    title, evidence = (card.title, card.evidence) if card else (answer.model, "")
    status = Status.WARNED if outside else Status.OK
    for key, label, value, unit, decimals in (
        ("score", "Prognosis score for death (not a risk)", answer.score, "score", 3),
        ("percentile", "Known survivors with a lower prognosis score", answer.percentile, "%", 0),
    ):
        why = answer.why if value is None else outside
        yield Measure(f"prognosis.{key}", label, value, unit, title, status, why, decimals=decimals, evidence=evidence)


def _table(found: FeatureAssessment) -> Table:
    columns = (
        Column("feature", "Feature"),
        Column("value", "This scan", significant=FEATURE_DIGITS),
        Column("percentile", "Percentile, all patients", "%", 0),
        *(Column(slug(group), f"among {group}", "%", 0) for group in SEVERITY.classes),
    )
    placed = [p for p in found.context if p.percentile is not None]
    placed.sort(key=lambda p: abs((p.percentile or 50.0) - 50.0), reverse=True)
    rows = tuple(
        (p.feature, p.value, p.percentile, *(p.by_group[group] for group in SEVERITY.classes))
        for p in placed[:MOST_EXTREME]
    )
    title = f"The {MOST_EXTREME} features farthest from the cohort's middle (1 and 99 %: at its end or beyond)"
    return Table("context", title, columns, rows)


def _profile(features: FeatureTable) -> Table:
    """The picture's features in numbers, from which any program can draw it."""
    columns = (
        Column("feature", "Feature"),
        Column("value", "This scan", significant=FEATURE_DIGITS),
        Column("low", "5th percentile", significant=FEATURE_DIGITS),
        Column("high", "95th percentile", significant=FEATURE_DIGITS),
        *(Column(slug(group), f"Median among {group}", significant=FEATURE_DIGITS) for group in SEVERITY.classes),
    )
    values, context = features.as_dict(), shipped_context()
    rows = []
    for name in BOX_PLOT_FEATURES:
        low, high, medians = context.spread(name)
        rows.append((name, values[name], low, high, *medians))
    return Table("profile", "This scan among the cohort's patients, in numbers", columns, tuple(rows))


def _card(model_id: str) -> ModelCard | None:
    try:
        return find_model(model_id)
    except ModelError:
        return None
