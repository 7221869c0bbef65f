"""Fine-tuning on single slices: decoders that start from the trained one, averaged runs, folds without leaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from LesionSegLib.networks.multi_decoder import MultiDecoderNet, MultiDecoderSettings
from LesionSegLib.preprocessing import prepare_pictures
from LesionSegLib.training import fine_tune_slices
from LesionSegLib.training.fine_tune_slices import average_networks, cross_validate_single_slices, start_all_decoders
from LesionSegLib.training.labelled_slices import LabelledSlices, SingleSlice
from LesionSegLib.training.train_slices import SliceTrainingSettings

SHAPE = MultiDecoderSettings(widths=(8, 16))
SETTINGS = SliceTrainingSettings(network=SHAPE, epochs=1, batch=2, single_repeats=1, bfloat16=False)


def single(number: int) -> SingleSlice:
    picture = np.random.default_rng(number).integers(0, 255, (48, 64), dtype=np.uint8)
    classes = np.zeros(picture.shape, np.uint8)
    classes[10:20, 10:30] = 1 + number % 2
    prepared, _, frame = prepare_pictures(picture[None], None, equalised=False)
    return SingleSlice(str(number), picture, classes, frame, prepared[0])


def test_every_decoder_starts_from_the_one_that_learned_lesions() -> None:
    begin = start_all_decoders(MultiDecoderNet(SHAPE))
    first, second = (decoder.state_dict() for decoder in begin.decoders)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_averaged_networks_lie_in_the_middle() -> None:
    a, b = MultiDecoderNet(SHAPE), MultiDecoderNet(SHAPE)
    mean = average_networks([a, b]).state_dict()
    for name, value in mean.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (a.state_dict()[name] + b.state_dict()[name]) / 2)


def test_no_slice_is_scored_by_a_network_that_saw_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[LabelledSlices] = []
    original = fine_tune_slices.fine_tune

    def watched(rows: LabelledSlices, *given: object) -> MultiDecoderNet:
        seen.append(rows)
        return original(rows, *given)

    monkeypatch.setattr(fine_tune_slices, "fine_tune", watched)
    slices = [single(number) for number in range(6)]
    scores = cross_validate_single_slices(slices, tmp_path, replace(SETTINGS), MultiDecoderNet(SHAPE), 3)
    pictures = [{picture.tobytes() for picture in rows.pictures} for rows in seen]
    assert [len(fold) for fold in pictures] == [4, 4, 4]
    assert len(set.union(*pictures)) == 6 and not set.intersection(*pictures)
    assert [score.slices for score in scores] == [6, 3, 3]
