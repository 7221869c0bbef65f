"""The longer runs of ``covidmtl train lesions``: whole-picture networks and DeepSC-COVID, with their baselines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ChestCTLib.device import DeviceChoice
    from ChestCTLib.progress import CancelCheck, Progress
    from LesionSegLib.training.scans import DeepSCScan

READING = 0.1  # share of the progress
HELD_OUT = 0.4  # of the phantoms: accuracy on few scans says little
PHANTOM_SPACING_MM = (6.0, 4.0, 4.0)  # about the CPU recipe's grid; finer ones would be resampled away
SUBNETS = (("joint", True, True), ("segmentation alone", True, False), ("classification alone", False, True))


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


@dataclass(frozen=True)
class DeepSCRequest:
    """What to train DeepSC-COVID on.

    Attributes:
        out: Existing folder.
        recipe: Name of a recipe.
        phantoms: How many, a third of each class; the last :data:`HELD_OUT` are held out.
        stacks: Folder of ``covid19_ct_seg`` for the segmentation subnet, or None.
        width: Instead of the recipe's; None keeps it.
        epochs: Of each stage, likewise.
        seed: Of every random choice.
        device: What to compute on.
    """

    out: Path
    recipe: str
    phantoms: int
    stacks: Path | None
    width: float | None
    epochs: int | None
    seed: int
    device: DeviceChoice


def train_deepsc_networks(request: DeepSCRequest, progress: Progress, cancelled: CancelCheck) -> None:
    """Train DeepSC-COVID jointly and each subnet alone on the same scans; score all three on held-out phantoms."""
    from ChestCTLib.device import choose_device
    from ChestCTLib.errors import InputError
    from ChestCTLib.progress import part
    from COVIDMTLApp import console
    from LesionSegLib.training.recipes import DEEPSC_GRIDS, DEEPSC_RECIPES
    from LesionSegLib.training.train_deepsc import score_deepsc, train_deepsc
    from LesionSegLib.weights_files import save_weights

    if request.phantoms < 6:
        raise InputError(f"{request.phantoms} phantoms are too few.", "Use at least 6: two of each class.")
    settings = DEEPSC_RECIPES[request.recipe]
    network = replace(settings.network, width=request.width or settings.network.width)
    settings = replace(
        settings,
        network=network,
        first_epochs=request.epochs or settings.first_epochs,
        second_epochs=request.epochs or settings.second_epochs,
        seed=request.seed,
    )
    scans = _phantom_scans(request, DEEPSC_GRIDS[request.recipe], part(progress, 0.0, READING), cancelled)
    held_out = max(3, round(HELD_OUT * len(scans)))
    train, test = scans[:-held_out], scans[-held_out:]
    train += _stacks(request.stacks, DEEPSC_GRIDS[request.recipe])
    where = choose_device(request.device)
    table = {}
    for index, (name, segment, classify) in enumerate(SUBNETS):
        share = (1.0 - READING) / len(SUBNETS)
        own = part(progress, READING + share * index, READING + share * (index + 1))
        run = request.out / name.replace(" ", "-")
        run.mkdir(exist_ok=True)
        trained = train_deepsc(train, run, settings, segment, classify, where, own, cancelled)
        save_weights(trained.state_dict(), run / "deepsc-covid.safetensors")
        scores = score_deepsc(trained, test, settings, segment, classify, where)
        table[name] = {"dice": scores.dice, "accuracy": scores.accuracy, "evidence_ratio": scores.evidence_ratio}
        console.say(
            f"{name}: Dice {_text(scores.dice)}, accuracy {_text(scores.accuracy)}, evidence in lesions "
            f"{_text(scores.evidence_ratio)} times that in the lungs, on {held_out} phantoms"
        )
    console.emit({"result": table})


def _phantom_scans(
    request: DeepSCRequest, shape: tuple[int, int, int], progress: Progress, cancelled: CancelCheck
) -> list[DeepSCScan]:
    from ChestCTLib.phantom import PhantomSettings, make_phantom
    from ChestCTLib.progress import raise_if_cancelled
    from LesionSegLib.networks.deepsc_covid import CLASSES
    from LesionSegLib.training.scans import scan_of_phantom

    scans = []
    for number in range(request.phantoms):
        raise_if_cancelled(cancelled)
        progress(number / request.phantoms, f"phantom {number + 1} of {request.phantoms}")
        diagnosis = CLASSES[number % len(CLASSES)]
        made = PhantomSettings(seed=request.seed + number, diagnosis=diagnosis, spacing_mm=PHANTOM_SPACING_MM)
        scans.append(scan_of_phantom(make_phantom(made), shape))
    return scans


def _stacks(folder: Path | None, shape: tuple[int, int, int]) -> list[DeepSCScan]:
    from ChestCTLib.io.slices import read_slice_set
    from LesionSegLib.training.scans import scan_of_slices

    return [] if folder is None else [scan_of_slices(case, shape) for case in read_slice_set(folder)]


def _text(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
