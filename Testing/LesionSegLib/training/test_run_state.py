"""Interrupted trainings go on; a folder of another training is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.learning.log import read_log
from LesionSegLib.networks.reconstruction_mtl import ReconstructionMTLSettings
from LesionSegLib.training.augment import AugmentSettings
from LesionSegLib.training.pictures import LabelledPictures
from LesionSegLib.training.train_pictures import PictureTrainingSettings, train_pictures

SETTINGS = PictureTrainingSettings(
    network=ReconstructionMTLSettings(width=0.0625),
    epochs=3,
    batch=4,
    augmentation=AugmentSettings(flip=0.0),
    average_decay=0.5,
)


def toy(count: int) -> LabelledPictures:
    draw = np.random.default_rng(count)
    pictures = draw.random((count, 1, 32, 32), dtype=np.float32)
    known = np.ones(count, bool)
    return LabelledPictures(pictures, (pictures > 0.5).astype(np.float32), known, np.arange(count) % 2, known)


class StopAfter:
    """Cancels a training once it reports an epoch."""

    def __init__(self, epoch: int) -> None:
        self.mark = f"epoch {epoch},"
        self.reached = False

    def progress(self, share: float, message: str) -> None:
        self.reached = self.reached or message.startswith(self.mark)

    def cancelled(self) -> bool:
        return self.reached


def test_an_interrupted_training_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = train_pictures(toy(12), toy(4), whole, SETTINGS)
    stop = StopAfter(2)
    with pytest.raises(CancelledError):
        train_pictures(toy(12), toy(4), parts, SETTINGS, progress=stop.progress, cancelled=stop.cancelled)
    found = train_pictures(toy(12), toy(4), parts, SETTINGS)
    for a, b in zip(expected.state_dict().values(), found.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)
    assert read_log(parts / "log.csv") == read_log(whole / "log.csv")


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    train_pictures(toy(8), toy(4), tmp_path, replace(SETTINGS, epochs=1))
    with pytest.raises(InputError, match="other settings"):
        train_pictures(toy(8), toy(4), tmp_path, replace(SETTINGS, epochs=1, seed=5))
