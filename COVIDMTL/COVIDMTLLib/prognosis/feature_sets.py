"""The sets of inputs that Table 7 of the intensity-map paper compares."""

from __future__ import annotations

from dataclasses import dataclass

LUNG_FEATURES = "lung features"  # the cohort's, which take the place of the paper's classifier features
FEW_COMPONENTS, MANY_COMPONENTS = 3, 18  # principal components of the features of the CT


@dataclass(frozen=True)
class FeatureSet:
    """One row of Table 7: what a model sees.

    Attributes:
        name: As shown.
        components: Principal components of the features of the CT; 0 for none.
        demographics: Whether age and sex are used.
        extent: Whether lesion extents are used.
    """

    name: str
    components: int = 0
    demographics: bool = False
    extent: bool = False


def table_7(features: str) -> tuple[FeatureSet, ...]:
    """The nine rows of Table 7, in its order.

    Args:
        features: What the features of the CT are called, such as "lung features".
    """
    many, few = f"{features} (top {MANY_COMPONENTS} PCA)", f"{features} (top {FEW_COMPONENTS} PCA)"
    return (
        FeatureSet(_capital(many), MANY_COMPONENTS),
        FeatureSet(_capital(few), FEW_COMPONENTS),
        FeatureSet("Lesion extent", extent=True),
        FeatureSet(f"Lesion extent + {few}", FEW_COMPONENTS, extent=True),
        FeatureSet("Patient demographics", demographics=True),
        FeatureSet(f"Demographics + {many}", MANY_COMPONENTS, demographics=True),
        FeatureSet(f"Demographics + {few}", FEW_COMPONENTS, demographics=True),
        FeatureSet("Demographics + lesion extent", demographics=True, extent=True),
        FeatureSet(f"Demographics + {few} + lesion extent", FEW_COMPONENTS, demographics=True, extent=True),
    )


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


(SHIPPED_SET,) = (
    inputs
    for inputs in table_7(LUNG_FEATURES)
    if inputs.demographics and inputs.components == FEW_COMPONENTS and not inputs.extent
)
"""What the shipped model sees; fixed before leave-one-out, as 18 deaths carry no more components."""
