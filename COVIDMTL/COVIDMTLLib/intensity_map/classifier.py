"""Map classifiers: built by name, loaded from weights with a card, and what they say about a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ChestCTLib.device import DeviceChoice, choose_device
from ChestCTLib.errors import InputError, ModelError
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.models import ModelCard, card_text, file_sha256, find_model, model_file, read_card
from COVIDMTLLib.intensity_map.cases import map_image
from COVIDMTLLib.intensity_map.classes import CLASSES
from COVIDMTLLib.intensity_map.familiarity import Familiarity
from COVIDMTLLib.intensity_map.inception_resnet import InceptionResNetSettings, InceptionResNetV2
from COVIDMTLLib.intensity_map.map import Floats, IntensityMap, MapSettings
from COVIDMTLLib.intensity_map.small_network import SmallMapNetwork, SmallMapSettings

TASK = "intensity-map"  # of the model cards
NetworkName = Literal["inception-resnet-v2", "small"]
MapNetwork = InceptionResNetV2 | SmallMapNetwork
BATCH = 12  # maps at once


@dataclass(frozen=True)
class MapPrediction:
    """What a classifier says about a scan, or about a patient.

    Attributes:
        probabilities: One per class of :data:`CLASSES`; they sum to 1.
        features: What the last layer saw: the map features of the prognosis model.
        card: The model's card; its evidence belongs beside every probability shown.
        strangeness: How unlike the training maps the map is; above 1 the probabilities mean nothing.
    """

    probabilities: tuple[float, ...]
    features: tuple[float, ...]
    card: ModelCard
    strangeness: float = 0.0

    @property
    def familiar(self) -> bool:
        """Whether the map is like those the classifier learned from."""
        return self.strangeness <= 1


def make_network(name: NetworkName, width: float = 1.0) -> MapNetwork:
    """Build a classifier of maps with fresh weights.

    Args:
        name: "inception-resnet-v2" (the paper's) or "small".
        width: Factor on the large network's channel numbers; the small one has one size.

    Raises:
        InputError: The name is unknown.
    """
    if name == "inception-resnet-v2":
        return InceptionResNetV2(InceptionResNetSettings(n_classes=len(CLASSES), width=width))
    if name == "small":
        return SmallMapNetwork(SmallMapSettings(n_classes=len(CLASSES)))
    raise InputError(f"Unknown map network '{name}'.", f"Use one of {', '.join(get_args(NetworkName))}.")


class MapClassifier:
    """A trained classifier of intensity maps.

    Args:
        card: The model's card; its settings say which network, and which maps it learned from.
        network: The trained network.
        device: Where it computes.
    """

    def __init__(self, card: ModelCard, network: MapNetwork, device: DeviceChoice = "auto") -> None:
        self.card = card
        self.map_settings = MapSettings(**card.settings["map"])
        self.masked = bool(card.settings["masked"])
        self.familiarity = Familiarity(**card.settings["familiar"])
        self.device = choose_device(device)
        self.network = network.to(self.device).eval()

    @classmethod
    def load(cls, model: str | Path, device: DeviceChoice = "auto") -> MapClassifier:
        """Load a shipped model by its id, or one of your own by the path of its card.

        Raises:
            ModelError: There is no such model, its weights are damaged, or it does another task.
        """
        card, weights = _card_and_weights(model)
        if card.task != TASK:
            raise ModelError(f"The model '{card.id}' does '{card.task}', not '{TASK}'.", "Choose another model.")
        from safetensors.torch import load_file

        network = make_network(card.settings["network"], card.settings["width"])
        state = {
            name: value.float() if value.is_floating_point() else value for name, value in load_file(weights).items()
        }
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise ModelError(f"The weights of '{card.id}' do not fit its card.", "Export the model again.") from error
        return cls(card, network, device)

    def predict(self, found: IntensityMap) -> MapPrediction:
        """Classify one scan's map.

        Raises:
            InputError: The map was made with other settings than the model learned from.
        """
        if found.settings != self.map_settings or found.masked != self.masked:
            made, wanted = ("lung-masked" if masked else "unmasked" for masked in (found.masked, self.masked))
            raise InputError(
                f"The {made} map of {found.settings} does not fit the model '{self.card.id}'.",
                f"It takes the {wanted} map of {self.map_settings}.",
            )
        image = map_image(found)
        probabilities, features = self.predict_images([image])
        strangeness = self.familiarity.ratio(image)
        return MapPrediction(
            tuple(map(float, probabilities[0])), tuple(map(float, features[0])), self.card, strangeness
        )

    def predict_images(self, images: Sequence[Floats]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Classify maps as :func:`map_image` makes them.

        Returns:
            Probabilities ``[maps, classes]`` and features ``[maps, n_features]``.
        """
        probabilities, features = [], []
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                batch = as_batch(images[start : start + BATCH]).to(self.device)
                seen = self.network.features(batch)
                features.append(seen.cpu().double().numpy())
                probabilities.append(self.network.head(seen).double().softmax(dim=1).cpu().numpy())
        return np.concatenate(probabilities), np.concatenate(features)


def patient_prediction(scans: Sequence[MapPrediction]) -> MapPrediction:
    """Average a patient's scans: probabilities and features; the strangest scan decides whether they mean anything.

    Raises:
        InputError: There is no scan, or the scans were classified by different models.
    """
    if not scans or len({scan.card.id for scan in scans}) != 1:
        raise InputError(f"{len(scans)} scans cannot be averaged.", "Give scans classified by one model.")
    mean = [np.mean([getattr(s, name) for s in scans], axis=0).tolist() for name in ("probabilities", "features")]
    return MapPrediction(tuple(mean[0]), tuple(mean[1]), scans[0].card, max(scan.strangeness for scan in scans))


def as_batch(images: Sequence[Floats]) -> Tensor:
    """Images ``[size, size]`` as the network's input ``[batch, 1, size, size]``."""
    return torch.from_numpy(np.stack(images).astype(np.float32))[:, None]


def export(network: MapNetwork, card: ModelCard, folder: Path) -> ModelCard:
    """Write weights (half precision) and card into a folder.

    Args:
        network: The trained network.
        card: The card; its file name and sha256 are filled in here.
        folder: Where ``<id>.safetensors`` and ``<id>.json`` go.

    Returns:
        The card as written.
    """
    from safetensors.torch import save

    state = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    weights = folder / f"{card.id}.safetensors"
    with atomic_path(weights) as temporary:
        temporary.write_bytes(save(state))
        temporary.chmod(0o644)  # safetensors lets only the owner read what it writes
    written = replace(card, file=weights.name, sha256=file_sha256(weights))
    with atomic_path(folder / f"{card.id}.json") as temporary:
        temporary.write_text(card_text(written), encoding="utf-8")
    return written


def card_settings(
    name: NetworkName, width: float, settings: MapSettings, masked: bool, familiar: Familiarity
) -> dict[str, Any]:
    """What a card must hold so that :meth:`MapClassifier.load` can build the model."""
    return {
        "network": name,
        "width": width,
        "map": asdict(settings),
        "masked": masked,
        "classes": list(CLASSES),
        "familiar": {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(familiar).items()},
    }


def _card_and_weights(model: str | Path) -> tuple[ModelCard, Path]:
    path = Path(model)
    if path.suffix != ".json":
        card = find_model(str(model))
        return card, model_file(card)
    if not path.is_file():
        raise ModelError(f"There is no model card {path.name}.", "Give a shipped model's id or a card's path.")
    card = read_card(path.read_text("utf-8"))
    weights = path.parent / card.file
    if not weights.is_file() or file_sha256(weights) != card.sha256:
        raise ModelError(f"The weights {card.file} are missing or not those of the card.", "Export the model again.")
    return card, weights
