"""Train a map classifier, score it once on the test cases, and write weights with their card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ChestCTLib.device import DeviceChoice
from ChestCTLib.errors import OutputError
from ChestCTLib.manifest import plain
from ChestCTLib.models import Figure, ModelCard
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress
from COVIDMTLLib.intensity_map.cases import MapCase
from COVIDMTLLib.intensity_map.classes import CLASS_KEYS
from COVIDMTLLib.intensity_map.classifier import TASK, MapClassifier, card_settings, export
from COVIDMTLLib.intensity_map.evaluation import Estimate, evaluate_patients
from COVIDMTLLib.intensity_map.familiarity import Familiarity
from COVIDMTLLib.intensity_map.map import MapSettings
from COVIDMTLLib.intensity_map.training import MapTrainingSettings, TrainedMapNetwork, train_map_network

CITATION = (
    "Intensity-map projection and classifier after medRxiv 2020.10.15.20213462 (Sections 3.2 and 3.3): "
    "aggregated chest CT for COVID-19 diagnosis and prognosis."
)


@dataclass(frozen=True)
class TrainingData:
    """What a classifier learns from.

    Attributes:
        cases: With their split.
        map_settings: Of their maps.
        masked: Whether the maps count lung voxels alone.
        synthetic: Whether they are phantoms.
    """

    cases: Sequence[MapCase]
    map_settings: MapSettings
    masked: bool
    synthetic: bool


@dataclass(frozen=True)
class ExportedMapModel:
    """A trained model on disk."""

    card: ModelCard
    card_file: Path
    best_epoch: int


def train_and_export(
    data: TrainingData,
    settings: MapTrainingSettings,
    folder: Path,
    model_id: str,
    device: DeviceChoice = "auto",
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> ExportedMapModel:
    """Train, or continue a training, and write ``<model_id>.safetensors`` and ``<model_id>.json``.

    The figures of the card are those of the exported half-precision weights on the test cases.

    Args:
        data: What to learn from.
        settings: How to train.
        folder: Folder of the run; made if missing.
        model_id: Id of the model.
        device: Where to train.
        progress: Told the share done.
        cancelled: Asked once a step.

    Raises:
        OutputError: The folder cannot be made.
        InputError: There are too few cases.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder.name} cannot be made: {error.strerror}.", "Choose another folder.") from error
    trained = train_map_network(data.cases, settings, folder, device, progress, cancelled)
    card = _card(model_id, data, settings, trained, figures=())
    written = export(trained.network, card, folder)
    tests = [case for case in data.cases if case.split == "test"]
    if tests:
        exported = MapClassifier.load(folder / f"{model_id}.json", device)
        figures = _figures(exported, tests, data.synthetic)
        written = export(trained.network, _card(model_id, data, settings, trained, figures), folder)
    return ExportedMapModel(written, folder / f"{model_id}.json", trained.best_epoch)


def _figures(classifier: MapClassifier, tests: Sequence[MapCase], synthetic: bool) -> tuple[Figure, ...]:
    probabilities, _ = classifier.predict_images([case.image for case in tests])
    found = evaluate_patients(tests, probabilities)
    where = f"{found.count} held-out {'phantoms of unseen seeds' if synthetic else 'patients'}"
    figures = [_figure("accuracy, three classes", found.accuracy, where)]
    for one in found.classes:
        for name in ("auc", "sensitivity", "specificity"):
            figures.append(_figure(f"{name} {one.key}", getattr(one, name), where))
    return tuple(figure for figure in figures if figure is not None)


def _figure(name: str, found: Estimate, where: str) -> Figure | None:
    if found.value is None:
        return None
    interval = None if found.interval is None else (round(found.interval[0], 4), round(found.interval[1], 4))
    return Figure(name, round(found.value, 4), where, interval)


def _card(
    model_id: str,
    data: TrainingData,
    settings: MapTrainingSettings,
    trained: TrainedMapNetwork,
    figures: Sequence[Figure | None],
) -> ModelCard:
    counts = Counter((case.split, CLASS_KEYS[case.label]) for case in data.cases)
    splits = "; ".join(
        f"{split} {', '.join(f'{counts[split, key]} {key}' for key in CLASS_KEYS)}"
        for split in ("train", "validation", "test")
    )
    maps = data.map_settings
    source = "phantoms of this project's generator" if data.synthetic else "scans of the user's own table"
    return ModelCard(
        id=model_id,
        title=f"Intensity map classifier ({settings.network}, {'lungs only' if data.masked else 'whole planes'})",
        task=TASK,
        file=f"{model_id}.safetensors",
        sha256="",
        evidence="synthetic" if data.synthetic else "real cohort",
        learned_from=f"{len(data.cases)} {source}",
        split=f"By {'seed' if data.synthetic else 'patient'}: {splits}. Epoch {trained.best_epoch} of {trained.epochs} "
        "had the smallest validation loss; the test cases were looked at once, after that choice.",
        input_contract=f"Intensity map of {'the lungs' if data.masked else 'all voxels'}: {maps.low_hu} to "
        f"{maps.high_hu} HU in {maps.bins} bins, {maps.size} x {maps.size}, head first, logarithmic shares.",
        licence="Apache-2.0",
        intended_use="Research on intensity maps. Not a diagnosis.",
        limits="Not valid on patients: phantoms differ from real scans in anatomy, scanner and disease. Maps unlike "
        "the phantoms' are given no probability."
        if data.synthetic
        else "Tested on its own source of scans only.",
        figures=tuple(figure for figure in figures if figure is not None),
        settings=card_settings(
            settings.network,
            settings.width,
            maps,
            data.masked,
            Familiarity.fit([case.image for case in data.cases if case.split == "train"]),
        )
        | {"training": plain(settings)},
        citation=CITATION,
    )
