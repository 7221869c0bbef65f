"""``covidmtl train features`` and ``evaluate stability``: models on the lung features."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class FeatureModel(str, Enum):
    """The models that are trained on the lung features."""

    main = "features-stack"
    demographics = "features-demographics"
    robust = "features-robust"
    prognosis = "features-prognosis"


def train_features(
    cohort: Annotated[Path, typer.Option(help="Folder with features.csv.gz and labels.csv.", metavar="DIR")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for weights, cards and figures.")],
    stability: Annotated[
        Path | None, typer.Option(help="Stability of the features, from covidmtl evaluate stability.", metavar="JSON")
    ] = None,
    model: Annotated[
        list[FeatureModel] | None, typer.Option(help="Train only this model; repeatable. All if not given.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer trees, splits, members and repeats: to see that it runs.")
    ] = False,
) -> None:
    """Train the feature models: choose and stack inside the training rows, score the test rows once."""
    from ChestCTLib.errors import InputError
    from COVIDMTLApp import console
    from COVIDMTLLib.cohort.table import read_cohort
    from COVIDMTLLib.feature_models.robust import Stability
    from COVIDMTLLib.feature_models.train import QUICK, Effort
    from COVIDMTLLib.feature_models.train import train_features as train

    with console.running("Feature models") as (progress, cancelled):
        moved = None
        if stability is not None:
            try:
                moved = Stability.from_json(stability.read_text(encoding="utf-8"))
            except (KeyError, ValueError, TypeError) as error:
                raise InputError(
                    f"{stability.name} holds no stability table: {error}.", "Make one with covidmtl evaluate stability."
                ) from error
        wanted = [one.value for one in model or FeatureModel]
        effort = QUICK if quick else Effort()
        found = train(read_cohort(cohort), output, moved, wanted, effort, progress, cancelled)
        for model_id, one in found.items():
            for report in one.on_test:
                low, high = report.auc_interval
                console.say(
                    f"{model_id} {report.task}: test AUC {report.auc:.3f} [{low:.3f}, {high:.3f}], "
                    f"Brier {report.brier:.3f}, calibration error {report.calibration_error:.3f}; "
                    f"random forest {report.reference_auc:.3f}, p {report.p:.3f}"
                )
            for report in one.on_folds:
                console.say(f"{model_id} {report.task}: out-of-fold AUC {report.auc:.3f} inside the training rows")
        console.say(f"Research only; probabilities of one cohort's labels, not a diagnosis. Wrote {output}")
        console.emit({"result": {"folder": str(output), "models": wanted}})


def evaluate_stability(
    scans: Annotated[list[Path], typer.Argument(help="Scans to change and measure again.", metavar="SCAN...")],
    cohort: Annotated[Path, typer.Option(help="Folder with features.csv.gz and labels.csv.", metavar="DIR")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file to write.")],
) -> None:
    """Measure how far each feature moves when a scan is smoothed, made noisier, moved, thickened or outlined anew."""
    from ChestCTLib.io import read_volume
    from ChestCTLib.io.atomic import atomic_path
    from ChestCTLib.progress import part
    from COVIDMTLApp import console
    from COVIDMTLLib.cohort.table import read_cohort
    from COVIDMTLLib.feature_models.left_out import check_number_of_scans, leave_one_scan_out
    from COVIDMTLLib.feature_models.robust import perturbed_features
    from COVIDMTLLib.radiomics.extract import require_pyradiomics
    from COVIDMTLLib.tasks import TASKS
    from LungRefineLib.segmentation import segment_lungs

    with console.running("Stability") as (progress, cancelled):
        check_number_of_scans(len(scans))
        require_pyradiomics()
        table = read_cohort(cohort)
        measured = {}
        for number, scan in enumerate(scans):
            report = part(progress, 0.9 * number / len(scans), 0.9 * (number + 1) / len(scans))
            volume = read_volume(scan, progress=part(report, 0.0, 0.05), cancelled=cancelled)
            lungs = segment_lungs(volume, progress=part(report, 0.05, 0.15), cancelled=cancelled).lungs
            measured[f"scan {number + 1}"] = perturbed_features(volume, lungs, part(report, 0.15, 1.0), cancelled)
        labels = {task.name: table.task(task.name, table.train) for task in TASKS}
        rows = table.values(table.train)
        found = leave_one_scan_out(rows, labels, measured, progress=part(progress, 0.9, 1.0), cancelled=cancelled)
        with atomic_path(output) as path:
            path.write_text(found.to_json(), encoding="utf-8")
        for name, changes in found.changes.items():
            shown = ", ".join(f"{change:+.3f} {title}" for title, change in changes.items())
            console.say(f"{name}, features chosen on the others: ct probability {shown}")
        console.say(f"{output}: {len(found.columns())} of {len(found.movement)} features hold")
        console.emit({"result": {"file": str(output), "stable": len(found.columns())}})
