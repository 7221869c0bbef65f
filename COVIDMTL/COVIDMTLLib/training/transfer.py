"""Transfer of a two-task network to severity: trunk frozen, new fully connected layers (Section 5.4, Fig 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ChestCTLib.errors import InputError
from ChestCTLib.learning.seeding import seed_everything
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress
from COVIDMTLLib.networks.build import build_network
from COVIDMTLLib.networks.covid_mtl import MultitaskNetwork
from COVIDMTLLib.tasks import SEVERITY
from COVIDMTLLib.training.cases import PreparedCase
from COVIDMTLLib.training.engine import TrainedNetwork, train
from COVIDMTLLib.training.settings import TrainSettings

TRANSFER_EPOCHS = 50  # Section 5.4


def transfer(
    source: TrainedNetwork,
    settings: TrainSettings,
    train_cases: Sequence[PreparedCase],
    validation_cases: Sequence[PreparedCase],
    folder: Path,
    task: str = SEVERITY.name,
    keep_shift: bool = True,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> TrainedNetwork:
    """Train new fully connected layers for another task over a trained trunk.

    Args:
        source: A network over volumes; it stays as it is.
        settings: How to train; the paper takes 50 epochs.
        train_cases: Cases to learn from.
        validation_cases: Cases to watch; may be empty.
        folder: Gets the run; calling again continues it.
        task: The new task.
        keep_shift: Whether Shift3D goes on shifting (Fig 10 compares both).
        progress: Told the share of epochs done.
        cancelled: Asked between steps.

    Returns:
        The transferred network after the last epoch.

    Raises:
        InputError: The source is no network over volumes alone.
    """
    if not isinstance(source.network, MultitaskNetwork) or source.network.auxiliary is not None:
        raise InputError("The network to transfer takes lung features.", "Transfer one over volumes only.")
    shift = source.network_settings.shift
    network_settings = replace(
        source.network_settings,
        tasks=(task,),
        transferred=True,
        shift=shift if keep_shift else replace(shift, chance=0.0),
    )
    seed_everything(settings.seed)
    network = build_network(network_settings)
    assert isinstance(network, MultitaskNetwork)
    network.trunk.load_state_dict(source.network.trunk.state_dict())
    return train(
        network_settings,
        source.input_settings,
        settings,
        train_cases,
        validation_cases,
        folder,
        network=network,
        progress=progress,
        cancelled=cancelled,
    )
