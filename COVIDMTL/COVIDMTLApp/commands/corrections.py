"""``covidmtl save-correction`` and the fine-tuning on corrections, ``covidmtl train lesions --corrections``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from COVIDMTLApp.options import Scan, Series

if TYPE_CHECKING:
    from ChestCTLib.device import DeviceChoice
    from ChestCTLib.progress import CancelCheck, Progress

TUNED_ID = "my-corrected-lesions"


def save_correction(
    scan: Scan,
    lungs: Annotated[Path, typer.Option(help="Lung mask of the scan (1 right, 2 left).")],
    lesions: Annotated[Path, typer.Option(help="Corrected lesion mask (1 ground glass, 2 consolidation).")],
    folder: Annotated[Path, typer.Option("--folder", "-f", help="Folder of all corrections.")],
    original: Annotated[Path | None, typer.Option(help="The mask before the correction; empty without.")] = None,
    method: Annotated[str, typer.Option(help="What made the original: hu-bands, or the id of a network.")] = "unknown",
    reader: Annotated[str, typer.Option(help="The reader's initials, one to four letters; only if wanted.")] = "",
    series: Series = None,
) -> None:
    """Save a corrected lesion mask with its scan as a training pair, without anything that names the patient."""
    from COVIDMTLApp import console

    with console.running("Training pair") as (progress, cancelled):
        import numpy as np

        from ChestCTLib.io import read_labels, read_lungs, read_volume
        from ChestCTLib.labels import LESION_LABELS
        from ChestCTLib.models import list_models
        from ChestCTLib.progress import part
        from LesionSegLib import corrections

        volume = read_volume(scan, series, part(progress, 0.0, 0.2), cancelled)
        lung_mask = read_lungs(lungs, volume)
        corrected = read_labels(lesions, volume, LESION_LABELS)
        before = read_labels(original, volume, LESION_LABELS) if original else np.zeros_like(corrected)
        card = next((card for card in list_models("lesions") if card.id == method), None)
        saved = corrections.save_correction(
            folder, volume, lung_mask, corrected, before, method, card, reader, part(progress, 0.2, 1.0), cancelled
        )
        result = {
            "entry": saved.folder.name if saved.folder else "",
            "case": saved.case,
            "changes": len(saved.changes),
            "added_ml": saved.added_ml,
            "removed_ml": saved.removed_ml,
            "reclassified_ml": saved.reclassified_ml,
            "dice": saved.dice,
        }
        console.emit({"result": result})
        for change in saved.changes:
            console.say(f"{change.before} -> {change.after}: {change.voxels} voxels, {change.ml:.2f} mL")
        if not saved.changes:
            console.say("accepted as it was: nothing was changed")
        console.say(f"Saved: {saved.folder}")


def fine_tune_on_corrections(
    out: Path,
    folder: Path,
    start: str,
    epochs: int | None,
    seed: int,
    model_id: str,
    device: DeviceChoice,
    progress: Progress,
    cancelled: CancelCheck,
) -> None:
    """Fine-tune a lesion network, report held-out corrections before and after, write weights and card."""
    from dataclasses import replace

    from ChestCTLib.device import choose_device
    from ChestCTLib.models import OWN_MODELS, Figure
    from COVIDMTLApp import console
    from LesionSegLib.corrections import list_corrections
    from LesionSegLib.training.export import export_multi_decoder
    from LesionSegLib.training.fine_tuning import CORRECTION_RECIPE, FineTuningSettings, fine_tune
    from LesionSegLib.weights_files import load_multi_decoder

    network, card = load_multi_decoder(start)
    recipe = replace(CORRECTION_RECIPE, epochs=epochs or CORRECTION_RECIPE.epochs)
    settings = FineTuningSettings(training=recipe, seed=seed)
    tuned = fine_tune(network, list_corrections(folder), out, settings, choose_device(device), progress, cancelled)
    before, after = tuned.mean("before"), tuned.mean("after")
    cases = sorted({score.case for score in tuned.scores})
    where = f"{len(tuned.scores)} held-out corrections of {len(cases)} cases, not trained on"
    figures = tuple(
        Figure(name, round(value, 4), where)
        for name, value in (("lesion Dice before fine-tuning", before), ("lesion Dice", after))
        if value is not None
    )
    made = export_multi_decoder(
        tuned.network,
        out,
        model_id,
        figures,
        f"{card.learned_from}; then corrections of {len(tuned.trained)} cases by this site's readers",
        f"Corrections split by case (seed {seed}): held out {', '.join(cases) or 'none, for there is one case only'}",
        card.licence,
    )
    rows = [
        {"case": s.case, "before": s.before, "after": s.after, "corrected_ml": s.corrected_ml} for s in tuned.scores
    ]
    console.emit({"result": {"card": f"{made.id}.json", "before": before, "after": after, "held_out": rows}})
    for score in tuned.scores:
        console.say(
            f"{score.case}: Dice {_text(score.before)} -> {_text(score.after)}, lesion {score.before_ml:.1f} -> "
            f"{score.after_ml:.1f} mL, reader {score.corrected_ml:.1f} mL"
        )
    if tuned.scores:
        console.say(f"mean Dice on {where}: {_text(before)} before, {_text(after)} after")
    else:
        console.say("before/after: n/a, a single case leaves none to hold out; correct at least two")
    console.say(f"Model: {out / made.file}; to use it, set {OWN_MODELS}={out.resolve()} and choose --method {made.id}")


def _text(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
