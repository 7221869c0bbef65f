"""The way of a scan: lungs, lesions, measures, features, networks, maps, and the one report of it all.

The only file of this package that knows its siblings. Lungs and lesions must succeed; every later part may be missing
(no weights, no pyradiomics), and then its section says why while the rest of the case stands.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ChestCTLib.case_report import CaseReport, Section
from ChestCTLib.errors import CancelledError, ChestCTError, InputError, MissingDependencyError
from ChestCTLib.grid import canonical
from ChestCTLib.manifest import make_manifest, volume_sha256
from ChestCTLib.models import ModelCard, find_model
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.case_files import Case
from COVIDMTLLib.case_settings import CaseSettings, Part
from COVIDMTLLib.methods_section import methods_section
from COVIDMTLLib.overview_section import overview_section
from LesionSegLib.lesion_section import lesion_section
from LesionSegLib.measures import measure_lesions
from LesionSegLib.segment import LesionResult, segment_lesions
from LesionSegLib.settings import HU_BANDS, SHIPPED_NETWORK, LesionSettings
from LungRefineLib.lung_section import lung_section
from LungRefineLib.segmentation import given_lungs, segment_lungs
from LungRefineLib.settings import LungSettings

log = logging.getLogger(__name__)

Mask = npt.NDArray[np.uint8]
_MakeSection: TypeAlias = Callable[["_Draft", Mask, Mask, Progress, CancelCheck], Section]

SHIPPED_MAP_CLASSIFIER = "intensity-map-small-lungs"  # learned from lung-masked maps
GIVEN = "given"  # as method: the mask came with the scan


@dataclass(frozen=True)
class GivenMasks:
    """Masks that come with the scan, such as ones corrected by hand, and are measured instead of new ones.

    Attributes:
        lungs: uint8 ``[z, y, x]`` on the scan's grid, 1 right, 2 left; None has them segmented.
        lesions: uint8 on its grid, 1 ground glass, 2 consolidation; None has them segmented.
        lesion_source: What made the lesions, for the report.
        corrected: Whether a person corrected the lesions; the report then says so.
    """

    lungs: Mask | None = None
    lesions: Mask | None = None
    lesion_source: str = "the mask that was given"
    corrected: bool = False


@dataclass
class _Draft:
    """A case while it is being made: what the parts add to. Scan, masks and maps lie on canonical axes."""

    volume: CTVolume
    settings: CaseSettings
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    models: list[ModelCard] = field(default_factory=list)
    maps: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def run_case(
    volume: CTVolume,
    settings: CaseSettings | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
    given: GivenMasks = GivenMasks(),
) -> Case:
    """Run the whole case on a scan.

    Args:
        volume: The scan.
        settings: What to compute and how.
        progress: Told the share done and the present step.
        cancelled: Asked between and within steps.
        given: Masks to take instead of segmenting.

    Returns:
        Masks, maps and the report, on the scan's grid. The same scan and settings give identical numbers.

    Raises:
        CancelledError: The user cancelled.
        ModelError: There is no such lesion network.
        ChestCTError: Lungs or lesions could not be segmented.
    """
    settings = settings or CaseSettings()
    view = canonical(volume)  # once: every part then finds the axes in order and copies nothing
    scan = view.volume
    draft = _Draft(scan, settings, warnings=list(volume.warnings))
    lung_settings = LungSettings(method=cast(Any, settings.lungs))
    lesion_settings = replace(LesionSettings(), device=settings.device)
    if settings.lesions is not None:
        lesion_settings = replace(lesion_settings, method=settings.lesions)
    if given.lesions is None and lesion_settings.method not in (HU_BANDS, SHIPPED_NETWORK):
        find_model(lesion_settings.method)  # an unknown one fails before minutes of work

    progress(0.0, "Lungs")
    with draft.timed("lungs"):
        if given.lungs is None:
            lung_result = segment_lungs(scan, lung_settings, part(progress, 0.0, 0.2), cancelled)
        else:
            lung_result = given_lungs(scan, view.apply(given.lungs))
    draft.warnings += lung_result.warnings
    raise_if_cancelled(cancelled)

    progress(0.2, "Lesions")
    with draft.timed("lesions"):
        if given.lesions is None:
            reach = part(progress, 0.2, 0.4)
            lesion_result = segment_lesions(scan, lung_result.lungs, lesion_settings, reach, cancelled)
        else:
            lesion_result = LesionResult(view.apply(given.lesions), GIVEN)
    draft.warnings += lesion_result.warnings
    if lesion_result.model_card_id:
        draft.models.append(find_model(lesion_result.model_card_id))
    raise_if_cancelled(cancelled)

    progress(0.4, "Measures and pictures")
    lungs, lesions = lung_result.lungs, lesion_result.lesions
    with draft.timed("measures"):
        measured = measure_lesions(scan, lungs, lesions, cancelled=cancelled)
    with draft.timed("pictures"):
        draft.sections.append(overview_section(scan, lungs, lesions))
        draft.sections.append(lung_section(scan, lung_result))
        source = _lesion_source(lesion_result, given)
        draft.sections.append(lesion_section(scan, lungs, lesions, measured, source, given.corrected))
        draft.sections.append(_extent_section(lungs, lesions))

    for name, title, start, stop, make in _OPTIONAL_PARTS:
        raise_if_cancelled(cancelled)
        progress(start, title)
        if name in settings.without:
            continue
        with draft.timed(name):
            reach = part(progress, start, stop)
            draft.sections.append(_attempt(name, title, make, draft, lungs, lesions, reach, cancelled))

    draft.sections.append(methods_section({s.key for s in draft.sections if not s.not_available}, draft.models))
    used: dict[str, Any] = {
        "case": settings,
        "lungs": lung_settings if given.lungs is None else GIVEN,
        # the method that was used: the default network falls back to HU bands where its weights are missing
        "lesions": replace(lesion_settings, method=lesion_result.method) if given.lesions is None else GIVEN,
    }
    report = CaseReport(
        case_id=settings.case_id or f"case-{volume_sha256(volume)[:8]}",
        sections=tuple(draft.sections),
        warnings=tuple(dict.fromkeys(draft.warnings)),
        provenance=make_manifest(
            volume, used, _device_name(settings), settings.seed, tuple(draft.models), draft.seconds
        ),
    )
    progress(1.0, "Done")
    return Case(
        volume,
        view.restore(lungs),
        view.restore(lung_result.airway),
        view.restore(lesions),
        report,
        {name: view.restore(values) for name, values in draft.maps.items()},
        draft.texts,
    )


def _attempt(
    name: str,
    title: str,
    make: _MakeSection,
    draft: _Draft,
    lungs: Mask,
    lesions: Mask,
    progress: Progress,
    cancelled: CancelCheck,
) -> Section:
    """A later part of the case, or a section that says why it is missing; the case does not fall with it."""
    key = name.replace("-", "_")
    try:
        return make(draft, lungs, lesions, progress, cancelled)
    except CancelledError:
        raise
    except ChestCTError as error:
        return Section(key, title, not_available=str(error))
    except ModuleNotFoundError as error:
        why = f"The Python package “{error.name}” is not installed. Install it and run the case again."
        return Section(key, title, not_available=why)
    except MemoryError:
        return Section(key, title, not_available="The computer ran out of memory.")
    except Exception as error:
        log.exception("%s failed", title)
        return Section(key, title, not_available=f"It failed unexpectedly ({type(error).__name__}: {error}).")


def _feature_section(draft: _Draft, lungs: Mask, lesions: Mask, progress: Progress, cancelled: CancelCheck) -> Section:
    from COVIDMTLLib.feature_models.assess import assess_features
    from COVIDMTLLib.feature_section import feature_section, used_cards
    from COVIDMTLLib.radiomics.extract import extract_features

    features = extract_features(draft.volume, lungs, progress=progress, cancelled=cancelled)
    draft.texts["features.csv"] = features.to_csv()
    found = assess_features(features, draft.settings.age, draft.settings.sex)
    draft.models += used_cards(found)
    if found.outside.outside:
        draft.warnings.append(found.outside.text)
    return feature_section(features, found)


def _network_section(draft: _Draft, lungs: Mask, lesions: Mask, progress: Progress, cancelled: CancelCheck) -> Section:
    from COVIDMTLLib.assessment import classify_volume
    from COVIDMTLLib.network_section import network_section

    found = classify_volume(draft.volume, lungs, draft.settings.device, progress=progress, cancelled=cancelled)
    draft.models.append(find_model(found.model_id))
    draft.warnings += found.warnings
    draft.maps.update({f"cam_{task.task}": task.cam for task in found.tasks.values()})
    return network_section(draft.volume, lungs, found)


def _intensity_map_section(
    draft: _Draft, lungs: Mask, lesions: Mask, progress: Progress, cancelled: CancelCheck
) -> Section:
    from COVIDMTLLib.intensity_map.files import classify
    from COVIDMTLLib.intensity_map.map import decompose, project
    from COVIDMTLLib.intensity_map.section import intensity_map_section, map_csv

    found = project(draft.volume, lungs=lungs, progress=progress, cancelled=cancelled)
    prediction, why = classify(found, SHIPPED_MAP_CLASSIFIER, draft.settings.device, must=False)
    if prediction is not None:
        draft.models.append(find_model(SHIPPED_MAP_CLASSIFIER))
    draft.texts["intensity_map.csv"] = map_csv(found)
    return intensity_map_section(found, decompose(draft.volume, lungs, lesions), prediction, why)


# Name, title, share of the whole work done when the part begins and ends, and what makes its section.
_OPTIONAL_PARTS: tuple[tuple[Part, str, float, float, _MakeSection], ...] = (
    ("features", "Lung features", 0.45, 0.85, _feature_section),
    ("network", "Multitask network", 0.85, 0.95, _network_section),
    ("intensity-map", "Intensity map", 0.95, 1.0, _intensity_map_section),
)


def _extent_section(lungs: Mask, lesions: Mask) -> Section:
    from COVIDMTLLib.extent import anatomic_extent, extent_section

    try:
        return extent_section(anatomic_extent(lungs, lesions))
    except InputError as error:
        return extent_section(None, str(error))


def _lesion_source(result: LesionResult, given: GivenMasks) -> str:
    if result.method == GIVEN:
        return given.lesion_source
    if result.method == HU_BANDS:
        return "HU bands (no learned weights)"
    card = find_model(result.method)
    return f"{card.title} (learned from: {card.evidence})"


def _device_name(settings: CaseSettings) -> str:
    from ChestCTLib.device import choose_device

    try:
        return str(choose_device(settings.device))
    except MissingDependencyError:  # the case stands without networks
        return "cpu, without PyTorch"
