"""The slice training on toy volumes: it learns what it is shown, and what it writes can be read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ChestCTLib.errors import CancelledError
from ChestCTLib.models import read_card
from LesionSegLib.losses.multi_label import ALPHA_LIMITS
from LesionSegLib.networks.multi_decoder import MultiDecoderSettings
from LesionSegLib.preprocessing import INPUT_SHAPE, frame_round
from LesionSegLib.training.augment import AugmentSettings
from LesionSegLib.training.cross_validation import cross_validate, segment_case
from LesionSegLib.training.export import export_multi_decoder
from LesionSegLib.training.labelled_slices import (
    SegmentedCase,
    SingleSlice,
    join,
    rows_of_single_slices,
    slices_of_cases,
)
from LesionSegLib.training.recipes import CPU_RECIPE
from LesionSegLib.training.single_slice_scores import score_single_slices
from LesionSegLib.training.train_slices import SliceRecipe, _alphas, train_recipe, train_slices
from LesionSegLib.weights_files import build_multi_decoder

TINY = replace(
    CPU_RECIPE,
    network=MultiDecoderSettings(widths=(8, 16)),
    augmentation=AugmentSettings(rotation_deg=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0.01),
    epochs=6,
    slices_per_epoch=24,
    batch=4,
    learning_rate=1e-2,
    average_decay=0.8,
)


def toy_case(number: int, slices: int = 8) -> SegmentedCase:
    """Grey lungs with a bright lesion."""
    draw = np.random.default_rng(number)
    lungs = np.zeros((slices, *INPUT_SHAPE), bool)
    lungs[:, 12:180, 12:244] = True
    lesions = np.zeros_like(lungs)
    top, left = draw.integers(15, 80), draw.integers(15, 120)
    lesions[:, top : top + 40, left : left + 50] = True
    prepared = (0.1 + 0.1 * draw.random(lungs.shape) + 0.6 * lesions).astype(np.float32)
    hu = np.rint(1200 * prepared - 1000).astype(np.int16)
    return SegmentedCase(number, hu, lungs, lesions, frame_round(lungs), prepared, lungs.astype(np.float32))


def toy_single(number: int) -> SingleSlice:
    case = toy_case(number, 1)
    classes = case.lesions[0].astype(np.uint8)
    rows = np.flatnonzero(classes.any(axis=1))
    classes[rows[20] :] *= 2  # the lower half is consolidation
    prepared = case.prepared[0] + 0.2 * (classes == 2)
    frame = frame_round(np.ones(INPUT_SHAPE, bool))
    return SingleSlice(str(number), (255 * prepared).astype(np.uint8), classes, frame, prepared.astype(np.float32))


def test_cross_validation_scores_every_held_out_case_once_and_learns(tmp_path: Path) -> None:
    cases = [toy_case(number) for number in range(6)]
    singles = [toy_single(number) for number in range(10, 14)]
    scores = cross_validate(cases, singles, tmp_path, SliceRecipe(TINY), folds=2)
    assert sorted(score.case for score in scores) == list(range(6))
    dices = [score.overlap.dice for score in scores]
    assert min(dice for dice in dices if dice is not None) > 0.7
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 7


def test_a_trained_network_comes_back_from_its_files_with_the_same_answers(tmp_path: Path) -> None:
    data = join([slices_of_cases([toy_case(0)]), rows_of_single_slices([toy_single(1)])])
    network = train_slices(data, tmp_path, replace(TINY, epochs=1))
    card = export_multi_decoder(network, tmp_path, "toy", (), "toys", "none", "none")
    assert read_card((tmp_path / "toy.json").read_text()) == card
    assert (tmp_path / card.file).stat().st_size < 2.5 * sum(p.numel() for p in network.parameters()) + 20000
    again = build_multi_decoder(json.loads((tmp_path / "toy.json").read_text())["settings"], tmp_path / card.file)
    case = toy_case(3, 2)
    np.testing.assert_allclose(segment_case(again, case), segment_case(network, case), atol=0.02)
    assert [score.name for score in score_single_slices(again, [toy_single(2)])] == [
        "infection", "ground glass", "consolidation",
    ]  # fmt: skip


def test_a_recipe_of_two_stages_learns_from_volumes_before_it_sees_single_slices(tmp_path: Path) -> None:
    first, last = replace(TINY, epochs=2), replace(TINY, epochs=1)
    data = join([slices_of_cases([toy_case(0)]), rows_of_single_slices([toy_single(1)])])
    for name in ("whole", "first", "second"):
        (tmp_path / name).mkdir()
    network = train_recipe(data, tmp_path / "whole", SliceRecipe(last, volumes_first=first))
    start = train_slices(slices_of_cases([toy_case(0)]), tmp_path / "first", first)
    by_hand = train_slices(data, tmp_path / "second", last, start=start)
    for a, b in zip(network.state_dict().values(), by_hand.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)
    assert (tmp_path / "whole" / "volumes" / "log.csv").is_file()


def test_without_volumes_a_recipe_has_one_stage(tmp_path: Path) -> None:
    recipe = SliceRecipe(replace(TINY, epochs=1), volumes_first=TINY)
    train_recipe(rows_of_single_slices([toy_single(1)]), tmp_path, recipe)
    assert not (tmp_path / "volumes").exists()


def test_rows_keep_their_neighbours_within_their_case() -> None:
    data = join([slices_of_cases([toy_case(0, 3)]), slices_of_cases([toy_case(1, 2)])])
    assert data.before.tolist() == [0, 0, 1, 3, 3]
    assert data.after.tolist() == [1, 2, 2, 4, 4]
    assert data.choose(np.array([1, 2])).before.tolist() == [0, 0]
    assert data.known[:, 0].all() and not data.known[:, 1].any()


def test_the_same_seed_trains_the_same_network_and_cancelling_stops(tmp_path: Path) -> None:
    data = slices_of_cases([toy_case(0, 4)])
    settings = replace(TINY, epochs=1)
    folders = [tmp_path / name for name in ("first", "second", "cancelled")]
    for folder in folders:
        folder.mkdir()
    first, second = (train_slices(data, folder, settings) for folder in folders[:2])
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)
    with pytest.raises(CancelledError):
        train_slices(data, folders[2], settings, cancelled=lambda: True)


def test_an_interrupted_training_of_slices_goes_on(tmp_path: Path) -> None:
    data = slices_of_cases([toy_case(0, 4)])
    settings = replace(TINY, epochs=2)
    folders = [tmp_path / name for name in ("whole", "parts")]
    for folder in folders:
        folder.mkdir()
    whole = train_slices(data, folders[0], settings)
    steps = iter([False] + [True] * 99)  # stopped in the second epoch
    with pytest.raises(CancelledError):
        train_slices(data, folders[1], replace(settings), cancelled=lambda: next(steps))
    again = train_slices(data, folders[1], settings)
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)


def test_with_the_paper_s_alphas_a_rare_label_weighs_more() -> None:
    common, rare = slices_of_cases([toy_case(0, 3)]), rows_of_single_slices([toy_single(n) for n in range(4)])
    rare.targets[1:, 1] = 0  # consolidation on one slice of four
    settings = replace(TINY, slice_alphas=True)
    assert _alphas(join([common, rare]), settings, 2) == [ALPHA_LIMITS[0], 3.0]
    assert _alphas(rare, TINY, 2) == [1.0, 1.0]
