"""The model registry: every shipped model with its card, listed without importing torch.

A model is two files in the folder ``weights`` of a ``*Lib``: ``<id>.json``, the card, and the weights beside it
(safetensors, or LightGBM's text format; never pickle).
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from ChestCTLib.errors import ModelError

Evidence = Literal["real cohort", "real slices", "synthetic", "real slices and synthetic"]
"""What a model learned from; shown wherever its output is shown."""
SYNTHETIC: Evidence = "synthetic"
ONLY_PHANTOMS = "Learned from phantoms only; not valid on patients."  # stands beside every answer of such a model

WEIGHT_PACKAGES = ("LesionSegLib", "COVIDMTLLib")  # packages that may hold a ``weights`` folder; named, not imported
OWN_MODELS = "COVIDMTL_MODELS"
"""Environment variable with folders of models trained on this site, parted as in PATH; each holds cards and weights."""
SUFFIXES = (".safetensors", ".txt")  # never pickle: loading must not run code


@dataclass(frozen=True)
class Figure:
    """One measured figure of a model.

    Attributes:
        name: What was measured, such as "AUC ct" or "lesion Dice".
        value: The figure.
        measured_on: The data it was measured on, and how that was kept apart from training.
        interval: 95 % interval, if one was computed.
        unit: Unit; empty for pure numbers.
    """

    name: str
    value: float
    measured_on: str
    interval: tuple[float, float] | None = None
    unit: str = ""


@dataclass(frozen=True)
class ModelCard:
    """What a reader must know before trusting a model.

    Attributes:
        id: Unique id, also the file name without suffix.
        title: One line for menus.
        task: "lesions", "mtl", "features", "prognosis", "intensity-map", ...
        file: Name of the weights file beside the card.
        sha256: Of the weights file, lower-case hex.
        evidence: What it learned from.
        learned_from: Training data, with licence.
        split: How training, validation and test were kept apart.
        input_contract: Spacing, size, intensity range and normalisation of the input.
        licence: Licence of the weights.
        intended_use: What it may be used for.
        limits: Where it fails or was never tried.
        figures: All measured figures.
        settings: What the loader needs to build the model (architecture name, widths, class names...).
        citation: The published system it implements.
    """

    id: str
    title: str
    task: str
    file: str
    sha256: str
    evidence: Evidence
    learned_from: str
    split: str
    input_contract: str
    licence: str
    intended_use: str
    limits: str
    figures: tuple[Figure, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    citation: str = ""
    package: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.evidence not in get_args(Evidence):
            raise ModelError(f"Model card '{self.id}' names the unknown evidence '{self.evidence}'.")
        if Path(self.file).suffix not in SUFFIXES or Path(self.file).name != self.file:
            raise ModelError(f"Model card '{self.id}' names the file '{self.file}'.", f"Use one of {SUFFIXES}.")


def read_card(text: str, package: str = "") -> ModelCard:
    """Read a model card from JSON text.

    Raises:
        ModelError: Fields are missing or unknown.
    """
    try:
        values = json.loads(text)
        figures = tuple(
            Figure(**{**f, "interval": tuple(f["interval"]) if f.get("interval") else None})
            for f in values.pop("figures", [])
        )
        return ModelCard(**values, figures=figures, package=package)
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"A model card cannot be read: {error}.", "Install the extension again.") from error


def card_text(card: ModelCard) -> str:
    """The card as JSON text, the inverse of :func:`read_card`."""
    values = asdict(card)
    values.pop("package")
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def list_models(task: str | None = None) -> list[ModelCard]:
    """All shipped models and those of :data:`OWN_MODELS`, sorted by id.

    Imports neither torch nor the packages they lie in.

    Args:
        task: Only models of this task.
    """
    cards = []
    for package in WEIGHT_PACKAGES:
        if find_spec(package) is None:
            continue
        folder = resources.files(package) / "weights"
        if folder.is_dir():
            cards += [
                read_card(entry.read_text("utf-8"), package)
                for entry in folder.iterdir()
                if entry.name.endswith(".json")
            ]
    shipped = {card.id for card in cards}
    cards += [card for card in _own_models() if card.id not in shipped]
    return sorted((c for c in cards if task is None or c.task == task), key=lambda c: c.id)


def find_model(model_id: str) -> ModelCard:
    """The card of one model.

    Raises:
        ModelError: No shipped model has this id.
    """
    cards = {card.id: card for card in list_models()}
    if model_id not in cards:
        raise ModelError(f"There is no model '{model_id}'.", f"Shipped are: {', '.join(cards) or 'none'}.")
    return cards[model_id]


def model_file(card: ModelCard) -> Path:
    """The weights file of a card, after checking its sha256.

    Raises:
        ModelError: The file is missing, or is not the one the card describes.
    """
    if Path(card.package).is_absolute():  # of this site
        path = Path(card.package) / card.file
    else:
        path = Path(str(resources.files(card.package) / "weights" / card.file))
    if not path.is_file():
        raise ModelError(f"The weights of '{card.id}' are missing ({card.file}).", "Install the extension again.")
    found = file_sha256(path)
    if found != card.sha256:
        raise ModelError(
            f"The weights of '{card.id}' are damaged (sha256 {found[:12]}..., expected {card.sha256[:12]}...).",
            "Install the extension again.",
        )
    return path


def _own_models() -> list[ModelCard]:
    folders = [Path(part) for part in os.environ.get(OWN_MODELS, "").split(os.pathsep) if part]
    return [
        read_card(path.read_text("utf-8"), str(folder.resolve()))
        for folder in folders
        for path in sorted(folder.glob("*.json"))
        if path.with_suffix(SUFFIXES[0]).is_file() or path.with_suffix(SUFFIXES[1]).is_file()
    ]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as lower-case hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
