"""``covidmtl intensity-map``, and training and evaluation of its classifiers."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from COVIDMTLApp.options import Device, Scan, Series

if TYPE_CHECKING:
    from ChestCTLib.progress import CancelCheck, Progress
    from COVIDMTLLib.intensity_map.cases import MapCase
    from COVIDMTLLib.intensity_map.map import MapSettings

DEFAULT_MODEL = "intensity-map-small-lungs"  # learned from lung-masked maps; whole planes told too little
NO_MASK = "The shipped map classifier learned from maps of the lungs alone: give a lung mask."
DEFAULT_CACHE = Path.home() / ".cache" / "covidmtl" / "phantom-maps"


class Network(str, Enum):
    """Which classifier to train."""

    inception_resnet_v2 = "inception-resnet-v2"
    small = "small"


Masked = Annotated[bool, typer.Option(help="Count voxels inside the lungs only.")]
Phantoms = Annotated[int, typer.Option(help="Instead of a table: make this many phantoms of the three classes.")]
Table = Annotated[
    Path | None,
    typer.Argument(metavar="[CASES.csv]", help="Columns scan, label (covid, cap, none), [patient, lungs, split]."),
]
Cache = Annotated[Path, typer.Option(help="Folder that keeps the phantoms' maps.")]
Low = Annotated[int, typer.Option(help="Lower edge of the first bin, HU.")]
High = Annotated[int, typer.Option(help="Upper edge of the last bin, HU.")]
Bins = Annotated[int, typer.Option(help="Number of bins.")]


def intensity_map(
    scan: Scan,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write PNG, CSV and NPY files to.")],
    lungs: Annotated[Path | None, typer.Option(help="Lung mask: make the lung-masked map.")] = None,
    lesions: Annotated[Path | None, typer.Option(help="Lesion mask: also split the map into its parts.")] = None,
    low_hu: Low = -1024,
    high_hu: High = 512,
    bins: Bins = 256,
    model: Annotated[str, typer.Option(help="Id or card of a map classifier; none for no probabilities.")] = "auto",
    device: Annotated[Device, typer.Option(help="Where the classifier computes.")] = Device.auto,
    series: Series = None,
) -> None:
    """Project a scan onto its intensity map: one row a slice, one column a range of HU."""
    from COVIDMTLApp import console

    with console.running("Intensity map") as (progress, cancelled):
        from ChestCTLib.errors import InputError
        from ChestCTLib.io import read_labels, read_lungs, read_volume
        from ChestCTLib.labels import LESION_LABELS
        from ChestCTLib.progress import part
        from COVIDMTLLib.extent import anatomic_extent
        from COVIDMTLLib.intensity_map.files import classify, map_features, write_map
        from COVIDMTLLib.intensity_map.map import MapSettings, decompose, project
        from COVIDMTLLib.intensity_map.section import intensity_map_section

        if lesions is not None and lungs is None:
            raise InputError("A lesion mask was given without a lung mask.", "Give --lungs too.")
        settings = MapSettings(low_hu=low_hu, high_hu=high_hu, bins=bins)
        volume = read_volume(scan, series, part(progress, 0.0, 0.5), cancelled)
        lung_mask = None if lungs is None else read_lungs(lungs, volume)
        found = project(volume, settings, lung_mask, part(progress, 0.5, 0.7), cancelled)
        parts = None
        features: dict[str, float] = {}
        if lung_mask is not None and lesions is not None:
            lesion_mask = read_labels(lesions, volume, LESION_LABELS)
            parts = decompose(volume, lung_mask, lesion_mask, settings, True, part(progress, 0.7, 0.9), cancelled)
            features |= anatomic_extent(lung_mask, lesion_mask).features()
        if model == "auto" and not found.masked:
            prediction, why = None, NO_MASK
        else:
            wanted = DEFAULT_MODEL if model == "auto" else model
            prediction, why = classify(found, wanted, device.value, must=model != "auto")
        section = intensity_map_section(found, parts, prediction, why)
        if prediction is not None:
            features |= map_features(prediction)
        write_map(found, section, out, features)
        console.emit({"result": {"folder": str(out), "slices": len(found.counts), "masked": found.masked}})
        console.say_measures(section.measures)
        console.say(f"Map: {out / 'intensity-map.png'}")


def train_intensity_map(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; a started run in it is continued.")],
    table: Table = None,
    phantoms: Phantoms = 0,
    network: Annotated[Network, typer.Option(help="The paper's network, or the small one.")] = Network.small,
    width: Annotated[float, typer.Option(help="Factor on the paper's network's channel numbers.")] = 1.0,
    epochs: Annotated[int, typer.Option(help="Largest number of epochs.")] = 96,
    batch: Annotated[int, typer.Option(help="Maps a step.")] = 12,
    learning_rate: Annotated[float, typer.Option(help="Of Nadam.")] = 1e-4,
    weight_decay: Annotated[float, typer.Option(help="Decoupled weight decay.")] = 0.0,
    cosine: Annotated[bool, typer.Option(help="Let the learning rate fall to 0 over the epochs.")] = False,
    patience: Annotated[int, typer.Option(help="End after so many epochs without progress; 0: never.")] = 0,
    masked: Masked = False,
    low_hu: Low = -1024,
    high_hu: High = 512,
    bins: Bins = 256,
    model_id: Annotated[str, typer.Option(help="Id of the trained model.")] = "my-intensity-map",
    seed: Annotated[int, typer.Option(help="Of weights, order, variation and split.")] = 0,
    cache: Cache = DEFAULT_CACHE,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.auto,
) -> None:
    """Train a classifier of intensity maps on a table of scans or on phantoms; scored once on the test split."""
    from COVIDMTLApp import console

    with console.running("Training") as (progress, cancelled):
        from ChestCTLib.progress import part
        from COVIDMTLLib.intensity_map.export import TrainingData, train_and_export
        from COVIDMTLLib.intensity_map.map import MapSettings
        from COVIDMTLLib.intensity_map.training import MapTrainingSettings

        map_settings = MapSettings(low_hu=low_hu, high_hu=high_hu, bins=bins)
        settings = MapTrainingSettings(
            network.value, width, epochs, batch, learning_rate, weight_decay, cosine, patience, seed
        )
        cases = _cases(table, phantoms, map_settings, masked, cache, seed, part(progress, 0.0, 0.4), cancelled)
        data = TrainingData(cases, map_settings, masked, synthetic=phantoms > 0)
        done = train_and_export(data, settings, out, model_id, device.value, part(progress, 0.4, 1.0), cancelled)
        console.emit({"result": {"card": str(done.card_file), "best_epoch": done.best_epoch}})
        for figure in done.card.figures:
            low, high = figure.interval or (figure.value, figure.value)
            console.say(f"{figure.name}: {figure.value:.3f} ({low:.3f} to {high:.3f}) on {figure.measured_on}")
        console.say(f"Model: {done.card_file}")


def evaluate_intensity_map(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the tables.")],
    table: Table = None,
    phantoms: Phantoms = 0,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Id of a shipped model, or the path of a card; several are compared. The shipped one."),
    ] = None,
    all_splits: Annotated[bool, typer.Option("--all", help="Score every case, not only the test split.")] = False,
    first_seed: Annotated[int, typer.Option(help="Seed of the first phantom.")] = 0,
    cache: Cache = DEFAULT_CACHE,
    device: Annotated[Device, typer.Option(help="Where the classifier computes.")] = Device.auto,
) -> None:
    """Score a map classifier per scan and per patient, in the layout of the paper's tables 2 and 3."""
    from COVIDMTLApp import console

    with console.running("Evaluation") as (progress, cancelled):
        from ChestCTLib.errors import InputError
        from COVIDMTLLib.intensity_map.classifier import MapClassifier
        from COVIDMTLLib.intensity_map.files import compare_and_write

        loaded = [MapClassifier.load(one, device.value) for one in model or [DEFAULT_MODEL]]
        first = loaded[0]
        if any((one.map_settings, one.masked) != (first.map_settings, first.masked) for one in loaded):
            raise InputError("The models learned from different kinds of maps.", "Evaluate them one by one.")
        cases = _cases(
            table, phantoms, first.map_settings, first.masked, cache, 0, progress, cancelled, first_seed=first_seed
        )
        chosen = cases if all_splits else [case for case in cases if case.split == "test"]
        found = compare_and_write(loaded, chosen, out)
        count = {"scans": found[0][0].count, "patients": found[0][1].count}
        console.emit({"result": {"folder": str(out), **count}})
        for one, both in zip(loaded, found, strict=True):
            for scores in both:
                low, high = scores.accuracy.interval or (0.0, 0.0)
                share = f"{scores.accuracy.value:.1%}" if scores.accuracy.value is not None else "n/a"
                where = f"{one.card.id}: accuracy per {scores.level} (n = {scores.count})"
                console.say(f"{where}: {share} ({low:.1%} to {high:.1%})")
            console.say(f"It learned from: {one.card.evidence}. Tables: {out}")


def _cases(
    table: Path | None,
    phantoms: int,
    settings: MapSettings,
    masked: bool,
    cache: Path,
    seed: int,
    progress: Progress,
    cancelled: CancelCheck,
    first_seed: int = 0,
) -> list[MapCase]:
    from ChestCTLib.errors import InputError
    from COVIDMTLLib.intensity_map.cases import PhantomCasesSettings, phantom_cases, table_cases

    if (table is None) == (phantoms == 0):
        raise InputError("Give either a table of cases or --phantoms.", "Such as: --phantoms 540.")
    if table is not None:
        return table_cases(table, settings, masked, seed, progress, cancelled)
    return phantom_cases(PhantomCasesSettings(phantoms, first_seed, masked), settings, cache, progress, cancelled)
