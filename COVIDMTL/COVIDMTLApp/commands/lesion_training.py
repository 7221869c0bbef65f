"""``covidmtl train lesions`` and ``covidmtl evaluate lesions``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from COVIDMTLApp.options import Device

if TYPE_CHECKING:
    import torch

    from ChestCTLib.progress import CancelCheck, Progress
    from LesionSegLib.training.train_slices import SliceRecipe, SliceTrainingSettings


class Recipe(str, Enum):
    """How large the training is."""

    cpu = "cpu"
    accelerator = "accelerator"
    pictures = "pictures"


class Method(str, Enum):
    """Which published system to train."""

    multi_decoder = "multi-decoder"
    single_decoder = "single-decoder"
    reconstruction_mtl = "reconstruction-mtl"
    unet = "unet"
    cnn = "cnn"
    encoder_classifier = "encoder-classifier"
    deepsc_covid = "deepsc-covid"


class Baseline(str, Enum):
    """What the reconstruction multitask network is compared with."""

    unet = "unet"
    cnn = "cnn"
    classification = "classification"
    reconstruction_segmentation = "reconstruction+segmentation"
    reconstruction_classification = "reconstruction+classification"
    segmentation_classification = "segmentation+classification"


class Measured(str, Enum):
    """What to cross-validate."""

    multi_decoder = "multi-decoder"
    single_decoder = "single-decoder"
    hu_bands = "hu-bands"


Covid19CtSeg = Annotated[Path | None, typer.Option(help="Folder of covid19_ct_seg.")]
Medseg100 = Annotated[Path | None, typer.Option(help="Folder of medseg100 (train and test).")]
CovidCt = Annotated[Path | None, typer.Option(help="Folder of covid_ct (classes, no masks).")]
DeviceOption = Annotated[Device, typer.Option(help="What networks run on.")]
SeedOption = Annotated[int, typer.Option(help="Seed of every random choice.")]
EpochsOption = Annotated[int | None, typer.Option(help="Instead of the recipe's.")]
RecipeOption = Annotated[Recipe, typer.Option(help="For two CPU cores, an accelerator, or single pictures.")]
MODEL_ID = "my-lesions"
READING = 0.2  # share of the progress: undoing an equalisation takes half a second a slice


def train_lesions(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write weights, card and log to.")],
    method: Annotated[Method, typer.Option(help="Which system.")] = Method.multi_decoder,
    covid19_ct_seg: Covid19CtSeg = None,
    medseg100: Medseg100 = None,
    covid_ct: CovidCt = None,
    phantoms: Annotated[
        int, typer.Option(help="deepsc-covid: phantoms to train on, a third of each class; half as many are scored.")
    ] = 120,
    baseline: Annotated[
        list[Baseline] | None,
        typer.Option(help="reconstruction-mtl: also train this in the same run; may be given several times."),
    ] = None,
    width: Annotated[float | None, typer.Option(help="Factor on channels, instead of the recipe's.")] = None,
    side: Annotated[int | None, typer.Option(help="Side of whole pictures, pixels, instead of the recipe's.")] = None,
    test: Annotated[bool, typer.Option(help="Score the test part; leave it alone while trying recipes.")] = True,
    recipe: RecipeOption = Recipe.cpu,
    start: Annotated[
        str | None,
        typer.Option(help="--corrections: fine-tune this model (id or card); encoder-classifier: use its features."),
    ] = None,
    corrections: Annotated[
        Path | None, typer.Option(help="Folder of readers' corrections: fine-tune the shipped network on them.")
    ] = None,
    epochs: EpochsOption = None,
    model_id: Annotated[str, typer.Option(help="Id of the trained model.")] = MODEL_ID,
    seed: SeedOption = 0,
    device: DeviceOption = Device.auto,
) -> None:
    """Train a lesion network on labelled slices, or DeepSC-COVID on phantoms; test parts are never trained on."""
    from COVIDMTLApp import console
    from COVIDMTLApp.commands.deepsc_networks import DeepSCRequest, train_deepsc_networks
    from COVIDMTLApp.commands.lesion_networks import (
        PictureRequest,
        train_lesion_encoder_classifier,
        train_picture_networks,
    )

    with console.running("Training") as (progress, cancelled):
        out.mkdir(parents=True, exist_ok=True)
        if corrections is not None:
            from COVIDMTLApp.commands.corrections import TUNED_ID, fine_tune_on_corrections
            from LesionSegLib.settings import SHIPPED_NETWORK

            own_id = TUNED_ID if model_id == MODEL_ID else model_id
            begin = start or SHIPPED_NETWORK
            fine_tune_on_corrections(out, corrections, begin, epochs, seed, own_id, device.value, progress, cancelled)
        elif method in (Method.multi_decoder, Method.single_decoder):
            slices = _slice_recipe(recipe.value, epochs, seed, method is Method.multi_decoder)
            _train_slices(out, covid19_ct_seg, medseg100, slices, model_id, device, progress, cancelled)
        elif recipe is Recipe.pictures:
            from ChestCTLib.errors import InputError

            raise InputError(f"The recipe pictures is not one of {method.value}.", "Use cpu or accelerator.")
        elif method is Method.deepsc_covid:
            request = DeepSCRequest(
                out, recipe.value, phantoms, covid19_ct_seg, width, epochs, seed, device.value, test
            )
            train_deepsc_networks(request, progress, cancelled)
        elif method is Method.encoder_classifier:
            train_lesion_encoder_classifier(out, covid_ct, start, test, progress, cancelled)
        else:
            folders = tuple(f for f in (covid_ct, medseg100, covid19_ct_seg) if f is not None)
            names = (method.value, *[one.value for one in baseline or []])
            asked = PictureRequest(out, recipe.value, folders, names, width, side, epochs, seed, device.value, test)
            train_picture_networks(asked, progress, cancelled)


def evaluate_lesions(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the tables (and the folds' weights).")],
    covid19_ct_seg: Covid19CtSeg = None,
    medseg100: Medseg100 = None,
    method: Annotated[Measured, typer.Option(help="What to cross-validate.")] = Measured.multi_decoder,
    model: Annotated[
        str | None,
        typer.Option(
            help="Score this model (id or card) on medseg100's test part, or on every case of --covid19-ct-seg."
        ),
    ] = None,
    folds: Annotated[int, typer.Option(help="Number of folds, by patient.")] = 5,
    only: Annotated[list[int] | None, typer.Option(help="Only this fold; may be given several times.")] = None,
    recipe: RecipeOption = Recipe.cpu,
    epochs: EpochsOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = Device.auto,
) -> None:
    """Cross-validate a method on covid19_ct_seg, or score a finished model on cases or single slices."""
    from COVIDMTLApp import console

    with console.running("Evaluation") as (progress, cancelled):
        from ChestCTLib.device import choose_device
        from ChestCTLib.errors import InputError
        from ChestCTLib.progress import part
        from LesionSegLib.training.labelled_slices import read_segmented_cases, read_single_slices

        out.mkdir(parents=True, exist_ok=True)
        where = choose_device(device.value)
        if model is not None and covid19_ct_seg is None:
            _evaluate_single_slices(out, medseg100, model, where, cancelled)
            return
        if covid19_ct_seg is None:
            raise InputError("Nothing to evaluate on.", "Give --covid19-ct-seg, or --model with --medseg100.")
        cases = read_segmented_cases(covid19_ct_seg, part(progress, 0.0, READING), cancelled)
        rest = part(progress, READING, 1.0)
        if model is not None:
            from LesionSegLib.training.cross_validation import score_case, write_scores
            from LesionSegLib.weights_files import load_multi_decoder

            network, card = load_multi_decoder(model)
            console.say(f"{card.id} learned from: {card.learned_from}")
            scores = []
            for done, case in enumerate(cases):
                rest(done / len(cases), f"case {case.case}")
                scores.append(score_case(network, case, None, where, cancelled))
            write_scores(out / "scores.csv", scores)
        elif method is Measured.hu_bands:
            from LesionSegLib.training.cross_validation import CaseScore, write_scores
            from LesionSegLib.training.hu_band_baseline import score_hu_bands

            scores = [
                CaseScore(None, case.case, len(case.hu), score_hu_bands(case, cancelled=cancelled)) for case in cases
            ]
            write_scores(out / "scores.csv", scores)
        else:
            from LesionSegLib.training.cross_validation import cross_validate

            chosen = _slice_recipe(recipe.value, epochs, seed, method is Measured.multi_decoder)
            singles = read_single_slices(medseg100, "train") if medseg100 else []
            wanted = tuple(only) if only else None
            scores = cross_validate(cases, singles, out, chosen, folds, wanted, where, rest, cancelled)
        dices = [score.overlap.dice for score in scores if score.overlap.dice is not None]
        mean = sum(dices) / len(dices) if dices else None
        console.emit({"result": {"mean_dice": mean, "cases": len(dices)}})
        console.say(f"mean Dice per case {_text(mean)} over {len(dices)} cases; table: {out / 'scores.csv'}")


def _evaluate_single_slices(
    out: Path, medseg100: Path | None, model: str, device: torch.device, cancelled: CancelCheck
) -> None:
    """Score a model on medseg100's test part."""
    from ChestCTLib.errors import InputError
    from COVIDMTLApp import console
    from LesionSegLib.training.labelled_slices import read_single_slices
    from LesionSegLib.training.single_slice_scores import score_single_slices, write_slice_scores
    from LesionSegLib.weights_files import load_multi_decoder

    if medseg100 is None:
        raise InputError("A model is scored on medseg100.", "Give --medseg100.")
    network, _ = load_multi_decoder(model)
    rows = score_single_slices(network, read_single_slices(medseg100, "test"), device, cancelled)
    write_slice_scores(out / "medseg100-test.csv", rows)
    for row in rows:
        console.say(f"{row.name}: mean Dice {_text(row.dice)} over {row.slices} slices")
    console.emit({"result": {"dice": {row.name: row.dice for row in rows}}})


def _slice_recipe(recipe: str, epochs: int | None, seed: int, separate: bool) -> SliceRecipe:
    from dataclasses import replace

    from LesionSegLib.training.recipes import RECIPES

    def asked(settings: SliceTrainingSettings) -> SliceTrainingSettings:
        network = replace(settings.network, separate_decoders=separate)
        return replace(settings, network=network, epochs=epochs or settings.epochs, seed=seed)

    return RECIPES[recipe].each(asked)


def _train_slices(
    out: Path,
    covid19_ct_seg: Path | None,
    medseg100: Path | None,
    recipe: SliceRecipe,
    model_id: str,
    device: Device,
    progress: Progress,
    cancelled: CancelCheck,
) -> None:
    from ChestCTLib.device import choose_device
    from ChestCTLib.errors import InputError
    from ChestCTLib.progress import part
    from COVIDMTLApp import console
    from LesionSegLib.training.cross_validation import training_rows
    from LesionSegLib.training.export import export_multi_decoder
    from LesionSegLib.training.labelled_slices import read_segmented_cases, read_single_slices
    from LesionSegLib.training.train_slices import train_recipe

    if covid19_ct_seg is None and medseg100 is None:
        raise InputError("There is nothing to train on.", "Give --covid19-ct-seg, --medseg100 or both.")
    cases = read_segmented_cases(covid19_ct_seg, part(progress, 0.0, 0.1), cancelled) if covid19_ct_seg else []
    singles = read_single_slices(medseg100, "train") if medseg100 else []
    rows = training_rows(cases, singles)
    network = train_recipe(rows, out, recipe, choose_device(device.value), part(progress, 0.1, 1.0), cancelled)
    sets = [name for name, given in (("covid19_ct_seg", cases), ("medseg100 train", singles)) if given]
    card = export_multi_decoder(
        network, out, model_id, (), ", ".join(sets), "none held out by this command", "that of the training data"
    )
    console.emit({"result": {"card": str(out / f"{card.id}.json")}})
    console.say(f"Model: {out / card.file}")


def _text(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
