"""One scan through a trained network: probabilities of the tasks and a class activation map for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from ChestCTLib.device import DeviceChoice, choose_device
from ChestCTLib.errors import InputError, ModelError
from ChestCTLib.models import Evidence, ModelCard, find_model, list_models, model_file
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.cam import explain, scaled
from COVIDMTLLib.network_input import NetworkInput, network_input, normalised
from COVIDMTLLib.networks.covid_mtl import MultitaskNetwork
from COVIDMTLLib.tasks import TASK_BY_NAME
from COVIDMTLLib.training.engine import TrainedNetwork
from COVIDMTLLib.training.weights import load_network

CARD_TASK = "mtl"  # how the registry calls these models
# Share of a map's peak below which it is 0: the customary threshold of CAM localisation (Zhou et al. 2016). What lies
# below is spread over the whole lung by the last maps' wide field of view and says nothing about a place.
SHOWN_FROM = 0.2
LOW_COVERAGE = 0.9  # below, so much of the lungs lies outside the network's crop that the user should know


@dataclass(frozen=True)
class TaskAssessment:
    """What a network says about one task.

    Attributes:
        task: Name of the task.
        classes: Names of the classes.
        probabilities: One for each class, with sum 1; an output of a network, not the chance of a disease.
        cam_class: The class that the map explains: the positive one, for severity the one called most likely.
        cam: float32 ``[z, y, x]`` on the scan's grid in [0, 1], the highest value in the lungs being 1 and a fifth of
            it 0; 0 outside the lungs, which the network never sees, and all 0 where nothing speaks for the class.
    """

    task: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    cam_class: str
    cam: npt.NDArray[np.float32]


@dataclass(frozen=True)
class NetworkAssessment:
    """What a network says about a scan.

    Attributes:
        tasks: By task name.
        model_id: Id of the model card.
        evidence: What the model learned from; to be shown wherever a probability is.
        coverage: Share of the lungs that the network saw, in [0, 1].
        warnings: What to know about this result.
    """

    tasks: dict[str, TaskAssessment]
    model_id: str
    evidence: Evidence
    coverage: float
    warnings: tuple[str, ...] = ()


def shipped_network_id() -> str:
    """Id of the shipped multitask network.

    Raises:
        ModelError: None is shipped.
    """
    cards = [card for card in list_models(CARD_TASK) if not card.settings["network"]["n_features"]]
    if not cards:
        raise ModelError("No multitask network is installed.", "Train one: covidmtl train mtl --recipe phantom-cpu.")
    return cards[0].id


def classify_volume(
    volume: CTVolume,
    lungs: npt.NDArray[np.uint8],
    device: DeviceChoice = "auto",
    model_id: str | None = None,
    features: Sequence[float] | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> NetworkAssessment:
    """Probabilities of the three tasks and where the network looked.

    Args:
        volume: The scan, any orientation and spacing.
        lungs: uint8 on the scan's grid, above 0 inside the lungs.
        device: "auto", "cpu" or "cuda".
        model_id: A model of the registry; None takes the shipped one.
        features: Lung features, not standardised; only for a model that takes them.
        progress: Told the share done.
        cancelled: Asked between steps.

    Returns:
        Probabilities and maps, with the evidence behind the model.

    Raises:
        InputError: The mask is empty or on another grid, or features are missing.
        ModelError: The model is missing or damaged.
        CancelledError: The user cancelled.
    """
    card = find_model(model_id or shipped_network_id())
    if card.task != CARD_TASK:
        raise ModelError(f"'{card.id}' is no multitask network over volumes.", "Choose one of task 'mtl'.")
    progress(0.0, "Preparing the network's input")
    place = choose_device(device)
    trained = _loaded(card, str(place))
    raise_if_cancelled(cancelled)
    crop = network_input(volume, lungs, trained.input_settings)
    raise_if_cancelled(cancelled)
    progress(0.3, "Running the network")
    return assess(crop, trained, card, features, progress, cancelled)


@torch.no_grad()
def assess(
    crop: NetworkInput,
    trained: TrainedNetwork,
    card: ModelCard,
    features: Sequence[float] | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> NetworkAssessment:
    """As :func:`classify_volume`, for a prepared crop and a loaded network."""
    network = trained.network
    if not isinstance(network, MultitaskNetwork):
        raise InputError(f"'{card.id}' takes no volumes.", "Choose a network over volumes.")
    place = next(network.parameters()).device
    image = normalised(torch.from_numpy(crop.intensities)[None, None].to(place), trained.input_settings)
    rows = None
    if features is not None:
        rows = torch.from_numpy(trained.scale.apply(features))[None].to(place)
    shared = network.trunk(image)
    logits = network.from_shared(shared, rows)
    tasks = {}
    for number, (name, values) in enumerate(logits.items()):
        raise_if_cancelled(cancelled)
        progress(0.6 + 0.4 * number / len(logits), f"Mapping where the network looked: {name}")
        chances = values[0].float().softmax(dim=0).cpu().tolist()
        wanted = 1 if len(chances) == 2 else int(np.argmax(chances))
        cam = scaled(explain(network, shared, name, wanted)[0], crop.intensities.shape)
        classes = TASK_BY_NAME[name].classes
        tasks[name] = TaskAssessment(name, classes, tuple(chances), classes[wanted], _in_lungs(crop, cam))
    warnings = []
    if crop.coverage < LOW_COVERAGE:
        warnings.append(f"The network saw only {crop.coverage:.0%} of the lungs: they are larger than its input.")
    progress(1.0, "Network done")
    return NetworkAssessment(tasks, card.id, card.evidence, crop.coverage, tuple(warnings))


def _in_lungs(crop: NetworkInput, cam: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The map on the scan's grid, without what its coarse voxels spill over the lungs' border, scaled to [0, 1]."""
    values = np.where(crop.inside, crop.restore(cam), 0).astype(np.float32)
    peak = float(values.max())
    if peak <= 0:
        return np.zeros_like(values)
    return ((values / peak - SHOWN_FROM) / (1 - SHOWN_FROM)).clip(0, 1).astype(np.float32)


def _loaded(card: ModelCard, device: str) -> TrainedNetwork:
    model_file(card)  # checks the sha256 each time: the file may have changed since it was loaded
    return _cached(card.id, card.sha256, device)


@lru_cache(maxsize=2)
def _cached(model_id: str, sha256: str, device: str) -> TrainedNetwork:
    return load_network(find_model(model_id), device)
