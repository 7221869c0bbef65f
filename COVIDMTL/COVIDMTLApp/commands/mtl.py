"""``covidmtl train mtl|single``, ``covidmtl evaluate mtl`` and ``covidmtl reproduce ablation``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from COVIDMTLApp.options import Device

if TYPE_CHECKING:
    from ChestCTLib.progress import CancelCheck, Progress
    from COVIDMTLLib.training.cases import PreparedCase
    from COVIDMTLLib.training.data_table import TableRow
    from COVIDMTLLib.training.distributed import Workers
    from COVIDMTLLib.training.engine import TrainedNetwork
    from COVIDMTLLib.training.recipes import Recipe

DEFAULT_CACHE = Path.home() / ".cache" / "covidmtl" / "prepared-scans"


class RecipeChoice(str, Enum):
    """What to train."""

    paper = "paper"
    phantom_cpu = "phantom-cpu"
    phantom_gpu = "phantom-gpu"


class SingleNetwork(str, Enum):
    """Networks that learn one task."""

    resnet3d = "resnet3d"
    decovnet = "decovnet"
    squeezenet3d = "squeezenet3d"
    shiftnet3d = "shiftnet3d"


class Loss(str, Enum):
    """How the tasks' losses are joined."""

    random = "random"
    uncertainty = "uncertainty"
    mean = "mean"


class Lines(str, Enum):
    """Distribution of Shift3D's number of lines."""

    uniform = "uniform"
    gaussian = "gaussian"


class TaskChoice(str, Enum):
    """The tasks."""

    ct = "ct"
    nat = "nat"
    severity = "severity"


Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; an unfinished run in it is continued.")]
Table = Annotated[
    Path | None,
    typer.Argument(metavar="[CASES.csv]", help="Columns path, ct, nat, severity, [lungs, id, group, split, features]."),
]
RecipeOption = Annotated[RecipeChoice, typer.Option(help="Network, grid and training that belong together.")]
Epochs = Annotated[int | None, typer.Option(help="Instead of the recipe's.", min=1)]
BatchSize = Annotated[int | None, typer.Option("--batch", help="Cases a step, instead of the recipe's.", min=1)]
Seed = Annotated[int, typer.Option(help="Of weights, order, augmentation and split.", min=0)]
DeviceOption = Annotated[Device, typer.Option(help="Where to compute; on several GPUs start it with torchrun.")]
Cache = Annotated[Path, typer.Option(help="Folder that keeps the prepared scans.")]
Shift = Annotated[bool, typer.Option("--shift/--no-shift", help="Shift3D while training.")]
ShiftLines = Annotated[Lines, typer.Option(help="Distribution of the number of shifted lines (Table 7).")]
PerChannel = Annotated[bool, typer.Option(help="One shift a channel instead of one a sample.")]
Decay = Annotated[int, typer.Option(help="Steps over which the chance of a shift falls to 0; 0 keeps it.", min=0)]
Loaders = Annotated[int | None, typer.Option(help="Processes that prepare batches.", min=0)]


def train_mtl(
    out: Out,
    table: Table = None,
    recipe: RecipeOption = RecipeChoice.paper,
    loss: Annotated[Loss, typer.Option(help="How the tasks' losses are joined.")] = Loss.random,
    draws: Annotated[int, typer.Option(help="Draws of the random-weighted loss.", min=1)] = 2,
    tasks: Annotated[list[TaskChoice] | None, typer.Option("--task", help="Only these tasks; repeatable.")] = None,
    features: Annotated[bool, typer.Option(help="Join the table's lung features.")] = False,
    features_only: Annotated[bool, typer.Option(help="Learn from the table's lung features alone.")] = False,
    transfer_from: Annotated[
        Path | None, typer.Option(help="Freeze the trunk of this run and learn one task with new layers (Fig 10).")
    ] = None,
    epochs: Epochs = None,
    batch: BatchSize = None,
    seed: Seed = 0,
    shift: Shift = True,
    shift_lines: ShiftLines = Lines.uniform,
    shift_per_channel: PerChannel = False,
    shift_decay: Decay = 0,
    device: DeviceOption = Device.auto,
    loaders: Loaders = None,
    cache: Cache = DEFAULT_CACHE,
    export: Annotated[Path | None, typer.Option(help="Also write weights and model card to this folder.")] = None,
) -> None:
    """Train COVID-MTL: one network for all tasks."""
    from COVIDMTLApp import console

    with console.running("Training") as (progress, cancelled):
        from ChestCTLib.errors import InputError

        chosen = _recipe(recipe.value, out, epochs, batch, seed, device.value, loaders, loss.value, draws)
        chosen = _shifting(chosen, shift, shift_lines.value, shift_per_channel, shift_decay)
        if tasks:
            chosen = _changed_network(chosen, tasks=tuple(task.value for task in tasks))
        if transfer_from is not None:
            if len(chosen.network.tasks) != 1:
                raise InputError(f"{len(chosen.network.tasks)} tasks were named.", "Name one: --task severity.")
            _transfer(chosen, transfer_from, out, table, epochs, shift, cache, progress, cancelled)
        else:
            _train(chosen, out, table, features, features_only, cache, export, progress, cancelled)


def train_single(
    out: Out,
    task: Annotated[TaskChoice, typer.Option(help="The task to learn.")],
    table: Table = None,
    network: Annotated[SingleNetwork, typer.Option(help="The network.")] = SingleNetwork.shiftnet3d,
    recipe: RecipeOption = RecipeChoice.paper,
    epochs: Epochs = None,
    batch: BatchSize = None,
    seed: Seed = 0,
    shift_lines: ShiftLines = Lines.uniform,
    shift_per_channel: PerChannel = False,
    shift_decay: Decay = 0,
    device: DeviceOption = Device.auto,
    loaders: Loaders = None,
    cache: Cache = DEFAULT_CACHE,
) -> None:
    """Train one of the networks that COVID-MTL is compared with, for one task."""
    from COVIDMTLApp import console

    with console.running("Training") as (progress, cancelled):
        chosen = _recipe(recipe.value, out, epochs, batch, seed, device.value, loaders, "mean", 1)
        chosen = _shifting(chosen, True, shift_lines.value, shift_per_channel, shift_decay)
        chosen = _changed_network(chosen, architecture=network.value, tasks=(task.value,))
        _train(chosen, out, table, False, False, cache, None, progress, cancelled)


def evaluate_mtl(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables, figures and predictions.")],
    table: Table = None,
    runs: Annotated[
        list[str] | None,
        typer.Option("--run", help="NAME=FOLDER of a run; repeatable. Runs of one NAME are one model, task by task."),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Id of a shipped model; repeatable.")] = None,
    split: Annotated[str, typer.Option(help="Split of the table to evaluate; 'all' for every row.")] = "test",
    phantoms: Annotated[int, typer.Option(help="Instead of a table: so many held-out phantoms.", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Of the split, as it was trained with, and of the bootstrap.")] = 0,
    resamples: Annotated[int, typer.Option(help="Of the bootstrap.", min=10)] = 1000,
    device: DeviceOption = Device.auto,
    cache: Cache = DEFAULT_CACHE,
) -> None:
    """Measure networks on labelled cases: Tables 3, 4, 6, 7 and 10's layout, ROC, confusion, DeLong."""
    from COVIDMTLApp import console

    with console.running("Evaluation") as (progress, cancelled):
        from ChestCTLib.progress import part
        from COVIDMTLLib.evaluation import evaluate
        from COVIDMTLLib.predictions import join_single_tasks, predict, write_predictions

        networks = _networks(runs or [], model or [], device.value)
        by_name: dict[str, list[Any]] = {}
        for number, (name, trained) in enumerate(networks):
            step = part(progress, 0.9 * number / len(networks), 0.9 * (number + 1) / len(networks))
            cases = _evaluated_cases(table, phantoms, split, seed, trained, cache, part(step, 0.0, 0.7), cancelled)
            by_name.setdefault(name, []).append(predict(name, trained, cases, part(step, 0.7, 1.0), cancelled))
        models = [join_single_tasks(name, parts) for name, parts in by_name.items()]
        progress(0.9, "Scoring")
        tables = evaluate(models, resamples, seed)
        files = [path.name for found in tables for path in found.write(out)]
        for number, predictions in enumerate(models):
            write_predictions(predictions, out / f"predictions_{number + 1}.csv")
        for shown in tables:
            console.say(f"{shown.title}\n  {', '.join(shown.columns)}")
            for row in shown.rows:
                console.say("  " + ", ".join(f"{c:.3f}" if isinstance(c, float) else str(c) for c in row))
        console.say(f"{out}: {len(files)} files of tables and figures")
        console.emit({"result": {"folder": str(out), "files": files}})


def reproduce_ablation(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for runs, table and figure; continued if there.")],
    seeds: Annotated[int, typer.Option(help="Runs of each combination.", min=1)] = 3,
    epochs: Epochs = None,
    phantoms: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="Phantoms for training, validation, test.", metavar="TRAIN VALIDATION TEST"),
    ] = None,
    device: DeviceOption = Device.auto,
) -> None:
    """Shift3D on and off with each multitask loss on phantoms, as Figs 4 and 9."""
    from COVIDMTLApp import console

    with console.running("Ablation") as (progress, cancelled):
        from dataclasses import replace

        from COVIDMTLLib.training.ablation import ABLATION, ablation_table, run_ablation

        training = replace(ABLATION.training, device=device.value, epochs=epochs or ABLATION.training.epochs)
        recipe = replace(ABLATION, training=training, phantoms=phantoms or ABLATION.phantoms)
        found = ablation_table(run_ablation(out, recipe, seeds, progress, cancelled), recipe)
        files = found.write(out)
        for row in found.rows:
            console.say(", ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
        console.emit({"result": {"files": [str(path) for path in files]}})


def _recipe(
    name: str, out: Path, epochs: int | None, batch: int | None, seed: int, device: str, loaders: int | None,
    loss: str, draws: int,
) -> Recipe:  # fmt: skip
    from dataclasses import replace

    from COVIDMTLLib.training.recipes import find_recipe

    found = find_recipe(name)
    changes: dict[str, Any] = {"seed": seed, "device": device, "loss": loss, "draws": draws}
    changes |= {"epochs": epochs} if epochs else {}
    changes |= {"batch": batch} if batch else {}
    changes |= {"loaders": loaders} if loaders is not None else {}
    return replace(found, training=replace(found.training, **changes))


def _shifting(recipe: Recipe, on: bool, lines: str, per_channel: bool, decay: int) -> Recipe:
    from dataclasses import replace

    from COVIDMTLLib.training.recipes import without_shift

    if not on:
        return replace(recipe, network=without_shift(recipe.network))
    changes: dict[str, Any] = {"lines": lines, "per_channel": per_channel, "decay_iterations": decay}
    return _changed_network(recipe, shift=replace(recipe.network.shift, **changes))


def _changed_network(recipe: Recipe, **changes: Any) -> Recipe:
    from dataclasses import replace

    return replace(recipe, network=replace(recipe.network, **changes))


def _train(
    recipe: Recipe, out: Path, table: Path | None, features: bool, features_only: bool, cache: Path,
    export: Path | None, progress: Progress, cancelled: CancelCheck,
) -> None:  # fmt: skip
    from ChestCTLib.device import choose_device
    from ChestCTLib.errors import InputError
    from COVIDMTLLib.training.distributed import workers

    if table is None and (features or features_only):
        raise InputError("Lung features were asked for without a table.", "Give a table with feature columns.")
    if table is not None and export is not None:
        raise InputError("Only models learned from phantoms are exported with a card.", "Leave --export out.")
    with workers(choose_device(recipe.training.device)) as own:
        progress = own.telling(progress)
        if table is None:
            _train_on_phantoms(recipe, out, export if own.leads else None, progress, cancelled)
        else:
            _train_on_table(recipe, out, table, features, features_only, cache, own, progress, cancelled)
        if own.leads:
            _tell(out)


def _train_on_phantoms(
    recipe: Recipe, out: Path, export: Path | None, progress: Progress, cancelled: CancelCheck
) -> None:
    from ChestCTLib.progress import part
    from COVIDMTLApp import console
    from COVIDMTLLib.training.phantom_card import export_phantom_model
    from COVIDMTLLib.training.recipes import train_on_phantoms

    trained, held_out = train_on_phantoms(recipe, out, part(progress, 0.0, 0.9), cancelled)
    if export is not None:
        card = export_phantom_model(trained, recipe, held_out, export, part(progress, 0.9, 1.0), cancelled)
        console.say(f"{export}: {card.id}")


def _train_on_table(
    recipe: Recipe, out: Path, table: Path, features: bool, features_only: bool, cache: Path, own: Workers,
    progress: Progress, cancelled: CancelCheck,
) -> None:  # fmt: skip
    from ChestCTLib.progress import part
    from COVIDMTLLib.training.cases import split_cases
    from COVIDMTLLib.training.engine import train

    with own.leader_first():
        cases = _prepared(table, recipe, cache, part(progress, 0.0, 0.3), cancelled)
    if features or features_only:
        changes: dict[str, Any] = {"n_features": len(cases[0].features)}
        recipe = _changed_network(recipe, **changes | ({"architecture": "features"} if features_only else {}))
    split = split_cases(cases, recipe.training.seed)
    train(
        recipe.network, recipe.input, recipe.training, split["train"], split["validation"], out,
        progress=part(progress, 0.3, 1.0), cancelled=cancelled,
    )  # fmt: skip


def _transfer(
    recipe: Recipe, source: Path, out: Path, table: Path | None, epochs: int | None, shift: bool, cache: Path,
    progress: Progress, cancelled: CancelCheck,
) -> None:  # fmt: skip
    from dataclasses import replace

    from ChestCTLib.device import choose_device
    from ChestCTLib.progress import part
    from COVIDMTLLib.training.cases import split_cases
    from COVIDMTLLib.training.distributed import workers
    from COVIDMTLLib.training.engine import load_trained
    from COVIDMTLLib.training.phantom_cases import make_phantom_cases
    from COVIDMTLLib.training.transfer import TRANSFER_EPOCHS, transfer

    trained = load_trained(source)
    recipe = replace(recipe, input=trained.input_settings)
    settings = replace(recipe.training, epochs=epochs or TRANSFER_EPOCHS)
    with workers(choose_device(settings.device)) as own:
        progress = own.telling(progress)
        step = part(progress, 0.0, 0.3)
        with own.leader_first():
            if table is None:
                counts, place = recipe.phantoms, source / "phantoms"
                learn, watch = (
                    [p.case for p in make_phantom_cases(name, count, recipe.input, place, step, cancelled)]
                    for name, count in (("train", counts[0]), ("validation", counts[1]))
                )
            else:
                split = split_cases(_prepared(table, recipe, cache, step, cancelled), settings.seed)
                learn, watch = split["train"], split["validation"]
        task = recipe.network.tasks[0]
        transfer(trained, settings, learn, watch, out, task, shift, part(progress, 0.3, 1.0), cancelled)
        if own.leads:
            _tell(out)


def _prepared(
    table: Path, recipe: Recipe, cache: Path, progress: Progress, cancelled: CancelCheck
) -> list[PreparedCase]:
    from COVIDMTLLib.training.data_table import prepare_cases, read_table

    rows = read_table(table)
    return prepare_cases(rows, recipe.input, cache, _segmenter(rows, cancelled), progress, cancelled)


def _segmenter(rows: list[TableRow], cancelled: CancelCheck) -> Any:
    """Lungs of scans whose row names no mask: found by the refined method."""

    def segment(volume: Any) -> Any:
        from LungRefineLib import segment_lungs

        return segment_lungs(volume, cancelled=cancelled).lungs

    return segment


def _networks(runs: list[str], models: list[str], device: str) -> list[tuple[str, TrainedNetwork]]:
    from ChestCTLib.device import choose_device
    from ChestCTLib.errors import InputError
    from ChestCTLib.models import find_model
    from COVIDMTLLib.training.engine import load_trained
    from COVIDMTLLib.training.weights import load_network

    place = choose_device(device)  # type: ignore[arg-type]  # the enum's values are the choices
    found = []
    for run in runs:
        name, _, folder = run.rpartition("=")
        found.append((name or Path(folder).name, load_trained(Path(folder), place)))
    found += [(model_id, load_network(find_model(model_id), place)) for model_id in models]
    if not found:
        raise InputError("No network was named.", "Give --run NAME=FOLDER or --model ID.")
    return found


def _evaluated_cases(
    table: Path | None, phantoms: int, split: str, seed: int, trained: TrainedNetwork, cache: Path,
    progress: Progress, cancelled: CancelCheck,
) -> list[PreparedCase]:  # fmt: skip
    from ChestCTLib.errors import InputError
    from COVIDMTLLib.training.cases import split_cases
    from COVIDMTLLib.training.data_table import prepare_cases, read_table
    from COVIDMTLLib.training.phantom_cases import make_phantom_cases

    if (table is None) == (phantoms == 0):
        raise InputError("Cases to evaluate: a table or --phantoms.", "Give one of them.")
    if table is None:
        place = cache / "phantoms"
        return [
            p.case for p in make_phantom_cases("test", phantoms, trained.input_settings, place, progress, cancelled)
        ]
    rows = read_table(table)
    cases = prepare_cases(rows, trained.input_settings, cache, _segmenter(rows, cancelled), progress, cancelled)
    if split == "all":
        return cases
    chosen = split_cases(cases, seed).get(split, [])
    if not chosen:
        raise InputError(f"No case is in the split '{split}'.", "Use train, validation, test or all.")
    return chosen


def _tell(out: Path) -> None:
    from ChestCTLib.learning.log import LOG_NAME, read_log
    from COVIDMTLApp import console

    last = read_log(out / LOG_NAME)[-1]
    console.say(f"{out}: trained, see {LOG_NAME}")
    console.emit({"result": {"folder": str(out), "log": last}})
