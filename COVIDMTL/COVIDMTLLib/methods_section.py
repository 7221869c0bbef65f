"""The report's methods: after which publications its steps work, and the cards of the models that answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ChestCTLib.case_report import Column, Section, Table
from ChestCTLib.models import Figure, ModelCard

KEY = "methods"
BAO = (
    "Bao G. et al. COVID-MTL: Multitask learning with Shift3D and random-weighted loss. Pattern Recognition 124 (2022) "
    "108499"
)
WANG = (
    "Wang X. et al. Joint learning of 3D lesion segmentation and classification for explainable COVID-19 diagnosis "
    "(DeepSC-COVID). IEEE Transactions on Medical Imaging 40 (2021)"
)
AGGREGATED = "Aggregated chest CT for COVID-19 diagnosis and prognosis. medRxiv 2020.10.15.20213462"
STEPS = (
    ("lungs", "Lungs and airway", "Threshold at -420 HU and seeded refinement, left and right told apart", BAO),
    ("lesions", "Lesion measures", "Lesion volume ratio, peripheral lesion ratio, single lesions", WANG),
    ("extent", "Anatomic extent", "Lesion over lung volume, by kind of lesion", AGGREGATED),
    ("features", "Lung features", "375 radiomics features (pyradiomics), stacked models, cohort context", BAO),
    ("network", "Multitask network", "3-D network over the volume; class activation maps", BAO),
    ("intensity_map", "Intensity map", "Slice histograms stacked into one picture, and their classifier", AGGREGATED),
)


def methods_section(parts: Collection[str], models: Sequence[ModelCard]) -> Section:
    """Methods with their citations, and what must be known of each model before its answer is trusted.

    Args:
        parts: Keys of the report's other sections: only what was done is told.
        models: Cards of the models that answered.
    """
    steps = tuple((name, how, after) for key, name, how, after in STEPS if key in parts)
    once = {card.id: card for card in models}.values()
    return Section(
        KEY,
        "Methods and models",
        tables=(
            Table("steps", "Methods", (Column("step", "Step"), Column("how", "How"), Column("after", "After")), steps),
            Table(
                "models",
                "Models",
                (
                    Column("model", "Model"),
                    Column("evidence", "Evidence"),
                    Column("learned_from", "Learned from"),
                    Column("figure", "Measured"),
                    Column("limits", "Limits"),
                    Column("after", "After"),
                ),
                tuple(
                    (c.title, c.evidence, c.learned_from, _figure(c.figures), c.limits, c.citation or None)
                    for c in once
                ),
                "No model was used.",
            ),
        ),
        notes=("Versions, settings, seed and the hash of the input stand at the end of the report.",),
    )


def _figure(figures: Sequence[Figure]) -> str:
    """The card's first figure in words: a card begins with its main one."""
    if not figures:
        return "not measured"
    first = figures[0]
    interval = f" ({first.interval[0]:.3f} to {first.interval[1]:.3f})" if first.interval else ""
    return f"{first.name} {first.value:.3f}{interval} {first.unit}".rstrip() + f", on {first.measured_on}"
