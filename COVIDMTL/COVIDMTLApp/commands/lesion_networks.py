"""The longer runs of ``covidmtl train lesions``: whole-picture networks, with their baselines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ChestCTLib.device import DeviceChoice
    from ChestCTLib.progress import CancelCheck, Progress

READING = 0.1  # share of the progress


@dataclass(frozen=True)
class PictureRequest:
    """What to train on whole pictures.

    Attributes:
        out: Existing folder.
        recipe: Name of a recipe.
        folders: Slice sets.
        names: Networks, see :data:`LesionSegLib.training.compare_pictures.VARIANTS`.
        width: Instead of the recipe's; None keeps it.
        side: Likewise.
        epochs: Likewise.
        seed: Of every random choice.
        device: What to compute on.
        test: Whether to score the test parts.
    """

    out: Path
    recipe: str
    folders: tuple[Path, ...]
    names: tuple[str, ...]
    width: float | None
    side: int | None
    epochs: int | None
    seed: int
    device: DeviceChoice
    test: bool


def train_picture_networks(request: PictureRequest, progress: Progress, cancelled: CancelCheck) -> None:
    """Train the reconstruction multitask network or its baselines, after each other, and write their comparison."""
    from ChestCTLib.device import choose_device
    from ChestCTLib.errors import InputError
    from ChestCTLib.progress import part
    from COVIDMTLApp import console
    from LesionSegLib.training.compare_pictures import COMPARISON_NAME, compare_variants
    from LesionSegLib.training.pictures import read_pictures
    from LesionSegLib.training.recipes import PICTURE_RECIPES, PICTURE_SIDES, VOLUME_STEPS

    if not request.folders:
        raise InputError("There is nothing to train on.", "Give --covid-ct, --medseg100 or both.")
    settings = PICTURE_RECIPES[request.recipe]
    network = replace(settings.network, width=request.width or settings.network.width)
    settings = replace(settings, network=network, epochs=request.epochs or settings.epochs, seed=request.seed)
    side, step = request.side or PICTURE_SIDES[request.recipe], VOLUME_STEPS[request.recipe]
    train, validation, test = (
        read_pictures(request.folders, split, side, step, part(progress, 0.0, READING), cancelled)
        for split in ("train", "val", "test")
    )
    where = choose_device(request.device)
    table = compare_variants(
        train,
        validation,
        test if request.test else None,
        request.out,
        request.names,
        settings,
        where,
        part(progress, READING, 1.0),
        cancelled,
    )
    result = {}
    for row in table:
        scores = row.test or row.validation
        result[row.name] = {"auc": scores.auc, "accuracy": scores.accuracy, "dice": scores.dice}
        numbers = f"AUC {_text(scores.auc)}, accuracy {_text(scores.accuracy)}, Dice {_text(scores.dice)}"
        console.say(f"{row.name}, {'test' if row.test else 'validation'}: {numbers}")
    console.emit({"result": result})
    console.say(f"Table: {request.out / COMPARISON_NAME}")


def train_lesion_encoder_classifier(
    out: Path, covid_ct: Path | None, start: str | None, test: bool, progress: Progress, cancelled: CancelCheck
) -> None:
    """Classify pictures from the features of a lesion network (the shipped one unless ``start`` names another)."""
    from ChestCTLib.errors import InputError
    from ChestCTLib.io.atomic import atomic_path
    from COVIDMTLApp import console
    from LesionSegLib.settings import SHIPPED_NETWORK
    from LesionSegLib.training.encoder_classifier import train_encoder_classifier
    from LesionSegLib.weights_files import load_multi_decoder

    if covid_ct is None:
        raise InputError("There is nothing to train on.", "Give --covid-ct.")
    network, card = load_multi_decoder(start or SHIPPED_NETWORK)
    _, scores = train_encoder_classifier(covid_ct, network, test, progress, cancelled)
    result = {"encoder": card.id, **asdict(scores)}
    with atomic_path(out / "encoder-classifier.json") as temporary:
        temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    console.emit({"result": result})
    console.say(f"folds by group: AUC {_text(scores.folds_auc)}; test: AUC {_text(scores.test_auc)}")


def _text(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
