"""``covidmtl train lesions`` and ``covidmtl evaluate lesions``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from COVIDMTLApp.options import Device

if TYPE_CHECKING:
    from ChestCTLib.progress import CancelCheck, Progress
    from LesionSegLib.training.train_slices import SliceTrainingSettings


class Recipe(str, Enum):
    """How large the training is."""

    cpu = "cpu"
    accelerator = "accelerator"


class Method(str, Enum):
    """Which published system to train."""

    multi_decoder = "multi-decoder"
    single_decoder = "single-decoder"
    reconstruction_mtl = "reconstruction-mtl"
    unet = "unet"
    cnn = "cnn"
    deepsc_covid = "deepsc-covid"


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
RecipeOption = Annotated[Recipe, typer.Option(help="Sized for two CPU cores, or for an accelerator.")]
MODEL_ID = "my-lesions"


def train_lesions(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write weights, card and log to.")],
    method: Annotated[Method, typer.Option(help="Which system.")] = Method.multi_decoder,
    covid19_ct_seg: Covid19CtSeg = None,
    medseg100: Medseg100 = None,
    covid_ct: CovidCt = None,
    phantoms: Annotated[int, typer.Option(help="deepsc-covid: phantoms to make, a third of each class.")] = 60,
    width: Annotated[float, typer.Option(help="deepsc-covid, reconstruction-mtl, unet: factor on channels.")] = 0.25,
    side: Annotated[int, typer.Option(help="reconstruction-mtl, unet, cnn: side of the pictures, pixels.")] = 256,
    recipe: RecipeOption = Recipe.cpu,
    start: Annotated[str | None, typer.Option(help="multi-decoder: fine-tune this model on medseg100.")] = None,
    epochs: EpochsOption = None,
    model_id: Annotated[str, typer.Option(help="Id of the trained model.")] = MODEL_ID,
    seed: SeedOption = 0,
    device: DeviceOption = Device.auto,
) -> None:
    """Train a lesion network on labelled slices, or DeepSC-COVID on phantoms; test parts are never trained on."""
    from COVIDMTLApp import console

    with console.running("Training") as (progress, cancelled):
        out.mkdir(parents=True, exist_ok=True)
        if method in (Method.multi_decoder, Method.single_decoder):
            settings = _slice_settings(
                recipe.value if start is None else "fine-tuning", epochs, seed, method is Method.multi_decoder
            )
            _train_slices(out, covid19_ct_seg, medseg100, settings, start, model_id, device, progress, cancelled)
        elif method is Method.deepsc_covid:
            _train_deepsc(out, phantoms, width, epochs, seed, device, progress, cancelled)
        else:
            folders = tuple(f for f in (covid_ct, medseg100, covid19_ct_seg) if f is not None)
            _train_pictures(out, folders, method, width, side, epochs, seed, device, progress, cancelled)


def evaluate_lesions(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the tables (and the folds' weights).")],
    covid19_ct_seg: Covid19CtSeg = None,
    medseg100: Medseg100 = None,
    method: Annotated[Measured, typer.Option(help="What to cross-validate.")] = Measured.multi_decoder,
    model: Annotated[str | None, typer.Option(help="Score this shipped model on medseg100's test part.")] = None,
    folds: Annotated[int, typer.Option(help="Number of folds, by patient.")] = 5,
    only: Annotated[list[int] | None, typer.Option(help="Only this fold; may be given several times.")] = None,
    recipe: RecipeOption = Recipe.cpu,
    epochs: EpochsOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = Device.auto,
) -> None:
    """Cross-validate a lesion method by patient on covid19_ct_seg, or score a model on medseg100's test part."""
    from COVIDMTLApp import console

    with console.running("Evaluation") as (progress, cancelled):
        from ChestCTLib.device import choose_device
        from ChestCTLib.errors import InputError
        from LesionSegLib.training.labelled_slices import read_segmented_cases, read_single_slices

        out.mkdir(parents=True, exist_ok=True)
        where = choose_device(device.value)
        if model is not None:
            from LesionSegLib.training.single_slice_scores import score_single_slices, write_slice_scores
            from LesionSegLib.weights_files import load_multi_decoder

            if medseg100 is None:
                raise InputError("A model is scored on medseg100.", "Give --medseg100.")
            network, _ = load_multi_decoder(model)
            rows = score_single_slices(network, read_single_slices(medseg100, "test"), where, cancelled)
            write_slice_scores(out / "medseg100-test.csv", rows)
            for row in rows:
                console.say(f"{row.name}: mean Dice {_text(row.dice)} over {row.slices} slices")
            console.emit({"result": {"dice": {row.name: row.dice for row in rows}}})
            return
        if covid19_ct_seg is None:
            raise InputError("Nothing to evaluate on.", "Give --covid19-ct-seg, or --model with --medseg100.")
        cases = read_segmented_cases(covid19_ct_seg, cancelled=cancelled)
        if method is Measured.hu_bands:
            from LesionSegLib.training.cross_validation import CaseScore, write_scores
            from LesionSegLib.training.hu_band_baseline import score_hu_bands

            scores = [
                CaseScore(0, case.case, len(case.pictures), score_hu_bands(case, cancelled=cancelled)) for case in cases
            ]
            write_scores(out / "scores.csv", scores)
        else:
            from LesionSegLib.training.cross_validation import cross_validate

            settings = _slice_settings(recipe.value, epochs, seed, method is Measured.multi_decoder)
            singles = read_single_slices(medseg100, "train") if medseg100 else []
            wanted = tuple(only) if only else None
            scores = cross_validate(cases, singles, out, settings, folds, wanted, where, progress, cancelled)
        dices = [score.overlap.dice for score in scores if score.overlap.dice is not None]
        mean = sum(dices) / len(dices) if dices else None
        console.emit({"result": {"mean_dice": mean, "cases": len(dices)}})
        console.say(f"mean Dice per case {_text(mean)} over {len(dices)} cases; table: {out / 'scores.csv'}")


def _slice_settings(recipe: str, epochs: int | None, seed: int, separate: bool) -> SliceTrainingSettings:
    from dataclasses import replace

    from LesionSegLib.training.recipes import RECIPES

    settings = RECIPES[recipe]
    network = replace(settings.network, separate_decoders=separate)
    return replace(settings, network=network, epochs=epochs or settings.epochs, seed=seed)


def _train_slices(
    out: Path,
    covid19_ct_seg: Path | None,
    medseg100: Path | None,
    settings: SliceTrainingSettings,
    start: str | None,
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
    from LesionSegLib.training.train_slices import train_slices
    from LesionSegLib.weights_files import load_multi_decoder

    if covid19_ct_seg is None and medseg100 is None:
        raise InputError("There is nothing to train on.", "Give --covid19-ct-seg, --medseg100 or both.")
    cases = read_segmented_cases(covid19_ct_seg, part(progress, 0.0, 0.1), cancelled) if covid19_ct_seg else []
    singles = read_single_slices(medseg100, "train") if medseg100 else []
    rows = training_rows(cases, singles)
    before = load_multi_decoder(start)[0] if start is not None else None
    where = choose_device(device.value)
    network = train_slices(rows, out, settings, where, part(progress, 0.1, 1.0), cancelled, before)
    sets = [name for name, given in (("covid19_ct_seg", cases), ("medseg100 train", singles)) if given]
    card = export_multi_decoder(
        network, out, model_id, (), ", ".join(sets), "none held out by this command", "that of the training data"
    )
    console.emit({"result": {"card": str(out / f"{card.id}.json")}})
    console.say(f"Model: {out / card.file}")


def _train_pictures(
    out: Path,
    folders: tuple[Path, ...],
    method: Method,
    width: float,
    side: int,
    epochs: int | None,
    seed: int,
    device: Device,
    progress: Progress,
    cancelled: CancelCheck,
) -> None:
    from ChestCTLib.device import choose_device
    from ChestCTLib.errors import InputError
    from ChestCTLib.progress import part
    from COVIDMTLApp import console
    from LesionSegLib.networks.reconstruction_mtl import TASKS, ReconstructionMTLSettings
    from LesionSegLib.training.pictures import read_pictures
    from LesionSegLib.training.train_pictures import PictureTrainingSettings, score_pictures, train_pictures
    from LesionSegLib.weights_files import save_weights

    if not folders:
        raise InputError("There is nothing to train on.", "Give --covid-ct, --medseg100 or both.")
    settings = PictureTrainingSettings(
        kind="cnn" if method is Method.cnn else "reconstruction-mtl",
        network=ReconstructionMTLSettings(("segmentation",) if method is Method.unet else TASKS, width),
        epochs=epochs or (1500 if method is Method.cnn else 500),
        seed=seed,
    )
    where = choose_device(device.value)
    train, validation, test = (read_pictures(folders, split, side) for split in ("train", "val", "test"))
    network = train_pictures(train, validation, out, settings, where, part(progress, 0.1, 1.0), cancelled)
    scores = score_pictures(network, test, device=where)
    save_weights(network.state_dict(), out / f"{method.value}.safetensors")
    console.emit({"result": {"auc": scores.auc, "accuracy": scores.accuracy, "dice": scores.dice}})
    console.say(f"test: AUC {_text(scores.auc)}, accuracy {_text(scores.accuracy)}, Dice {_text(scores.dice)}")


def _train_deepsc(
    out: Path,
    phantoms: int,
    width: float,
    epochs: int | None,
    seed: int,
    device: Device,
    progress: Progress,
    cancelled: CancelCheck,
) -> None:
    from ChestCTLib.device import choose_device
    from ChestCTLib.errors import InputError
    from ChestCTLib.phantom import PhantomSettings, make_phantom
    from ChestCTLib.progress import part, raise_if_cancelled
    from COVIDMTLApp import console
    from LesionSegLib.networks.deepsc_covid import CLASSES, DeepSCSettings
    from LesionSegLib.training.scans import scan_of_phantom
    from LesionSegLib.training.train_deepsc import DeepSCTrainingSettings, score_deepsc, train_deepsc
    from LesionSegLib.weights_files import save_weights

    if phantoms < 6:
        raise InputError(f"{phantoms} phantoms are too few.", "Use at least 6: two of each class.")
    shape = (48, 96, 128)
    scans = []
    for number in range(phantoms):
        raise_if_cancelled(cancelled)
        progress(0.3 * number / phantoms, f"phantom {number + 1} of {phantoms}")
        made = PhantomSettings(seed=seed + number, diagnosis=CLASSES[number % 3], spacing_mm=(5.0, 3.0, 3.0))
        scans.append(scan_of_phantom(make_phantom(made), shape))
    held_out = max(3, phantoms // 5)
    settings = DeepSCTrainingSettings(
        network=DeepSCSettings(width=width), patch=(24, 96, 128), first_epochs=epochs or 40, second_epochs=epochs or 40,
        seed=seed,
    )  # fmt: skip
    where = choose_device(device.value)
    table = {}
    for index, (name, segment, classify) in enumerate(
        (("joint", True, True), ("segmentation alone", True, False), ("classification alone", False, True))
    ):
        own = part(progress, 0.3 + 0.7 * index / 3, 0.3 + 0.7 * (index + 1) / 3)
        run = out / name.replace(" ", "-")
        run.mkdir(exist_ok=True)
        network = train_deepsc(scans[:-held_out], run, settings, segment, classify, where, own, cancelled)
        save_weights(network.state_dict(), run / "deepsc-covid.safetensors")
        scores = score_deepsc(network, scans[-held_out:], settings, segment, classify, where)
        table[name] = {"dice": scores.dice, "accuracy": scores.accuracy}
        console.say(f"{name}: Dice {_text(scores.dice)}, accuracy {_text(scores.accuracy)} on {held_out} phantoms")
    console.emit({"result": table})


def _text(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
