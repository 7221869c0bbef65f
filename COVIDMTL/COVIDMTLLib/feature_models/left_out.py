"""How far the robust model's answer moves on a scan that the choice of its features has not seen.

Features that were chosen on a scan hold on that scan; the honest question is whether they hold on the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ChestCTLib.errors import InputError
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part
from COVIDMTLLib.feature_models.robust import ROBUST_STACK, Measured, Stability, probability_changes
from COVIDMTLLib.feature_models.stack import StackSettings, train_stack

MIN_SCANS = 2  # one is left out, one at least must choose the features

Features = npt.NDArray[np.float64]


def check_number_of_scans(count: int) -> None:
    """Refuse a number of scans of which none can be left out, best before they are measured.

    Raises:
        InputError: There are fewer than two scans.
    """
    if count < MIN_SCANS:
        raise InputError(f"{count} scan was given; one cannot be left out.", "Give two or more scans.")


def leave_one_scan_out(
    cohort: Features,
    labels: Mapping[str, npt.NDArray[np.int64]],
    scans: Mapping[str, Measured],
    settings: StackSettings = ROBUST_STACK,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> Stability:
    """Stability of the features on all scans, with the model's changes on each scan when the others chose.

    Args:
        cohort: Features ``[patients, 375]`` of the training rows.
        labels: Their classes in the three tasks.
        scans: By scan, its features as it is and as perturbed; two at least.
        settings: Of the model.
        progress: Told as it trains, once a scan.
        cancelled: Asked as it trains.

    Raises:
        InputError: There are fewer than two scans.
        CancelledError: The user cancelled.
    """
    check_number_of_scans(len(scans))
    changes = {}
    for number, (name, scan) in enumerate(scans.items()):
        others = {other: measured for other, measured in scans.items() if other != name}
        columns = Stability.measure(cohort, others).columns()
        step = part(progress, number / len(scans), (number + 1) / len(scans))
        model, _ = train_stack(cohort, labels, settings, columns, step, cancelled)
        changes[name] = probability_changes(model, scan)
    return replace(Stability.measure(cohort, scans), changes=changes)
