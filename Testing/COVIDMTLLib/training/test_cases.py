"""Tables, splits, preparation and the labels of phantoms."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from ChestCTLib.errors import InputError
from ChestCTLib.io import write_image, write_labels
from ChestCTLib.labels import LUNG_LABELS
from ChestCTLib.phantom import PhantomSettings, make_phantom
from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.training.augment import Augmentation, AugmentSettings, plain
from COVIDMTLLib.training.batches import CaseBatches, epoch_batches
from COVIDMTLLib.training.cases import FeatureScale, PreparedCase, padded_size, split_cases
from COVIDMTLLib.training.data_table import prepare_cases, read_table
from COVIDMTLLib.training.phantom_cases import make_phantom_cases, phantom_labels, phantom_settings

GRID = InputSettings((8.0, 8.0, 8.0), (44, 28, 40))


def case(name, tmp_path, **more):
    return PreparedCase(name, tmp_path / f"{name}.npy", {"ct": 1}, **more)


def test_a_drawn_split_keeps_patients_together_and_repeats(tmp_path):
    cases = [case(f"{patient}-{scan}", tmp_path, group=f"p{patient}") for patient in range(40) for scan in range(2)]
    first, second = split_cases(cases, seed=1), split_cases(cases, seed=1)
    assert {name: [c.id for c in part] for name, part in first.items()} == {
        name: [c.id for c in part] for name, part in second.items()
    }
    assert [len(first[name]) for name in ("train", "validation", "test")] == [56, 12, 12]
    homes = [{c.group for c in part} for part in first.values()]
    assert not homes[0] & homes[1] and not homes[0] & homes[2] and not homes[1] & homes[2]
    assert {c.id for c in split_cases(cases, seed=2)["test"]} != {c.id for c in first["test"]}


def test_a_named_split_is_kept_and_a_divided_patient_is_refused(tmp_path):
    cases = [case("a", tmp_path, split="train"), case("b", tmp_path, split="test")]
    assert [c.id for c in split_cases(cases, 0)["test"]] == ["b"]
    with pytest.raises(InputError, match="'x' is in train and in test"):
        split_cases([replace(cases[0], group="x"), replace(cases[1], group="x")], 0)
    with pytest.raises(InputError, match="name no split"):
        split_cases([cases[0], case("c", tmp_path)], 0)
    with pytest.raises(InputError, match="holdout"):
        split_cases([case("d", tmp_path, split="holdout")], 0)


def test_features_are_standardised_with_training_rows_alone(tmp_path):
    train = [case(str(n), tmp_path, features=(float(n), 5.0)) for n in range(5)]
    scale = FeatureScale.fit(train)
    assert scale.mean == (2.0, 5.0)
    assert scale.sd == pytest.approx((2**0.5, 1.0))
    assert scale.apply((2.0, 6.0)) == pytest.approx([0.0, 1.0])
    # a test case of any value changes nothing: only what was given to fit counts
    assert FeatureScale.fit(train) == scale
    with pytest.raises(InputError, match="3 lung features"):
        scale.apply((1.0, 2.0, 3.0))
    with pytest.raises(InputError, match="Case 9"):
        FeatureScale.fit([*train, case("9", tmp_path, features=(float("nan"), 1.0))])


def test_labels_outside_the_classes_are_refused(tmp_path):
    with pytest.raises(InputError, match="label 3"):
        PreparedCase("a", tmp_path / "a.npy", {"severity": 3})


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Three phantoms as files: with mask, with mask, without."""
    folder = tmp_path_factory.mktemp("scans")
    for number, diagnosis in enumerate(("covid", "cap", "none")):
        phantom = make_phantom(PhantomSettings(seed=number, diagnosis=diagnosis, spacing_mm=(8.0, 6.0, 6.0)))
        write_image(phantom.volume.hu, phantom.volume, folder / f"{number}.nii.gz")
        write_labels(phantom.lungs, phantom.volume, folder / f"{number}-lungs.nii.gz", LUNG_LABELS)
    return folder


def write_table(folder, name, rows):
    (folder / name).write_text("\n".join(rows) + "\n")
    return folder / name


def test_a_table_of_scans_is_prepared_once_and_then_found_again(scans, tmp_path):
    table = write_table(
        scans,
        "cases.csv",
        [
            "path,lungs,id,ct,nat,severity,f1,f2",
            "0.nii.gz,0-lungs.nii.gz,a,1,1,2,0.5,7",
            "1.nii.gz,1-lungs.nii.gz,b,0,,0,0.25,8",
            "2.nii.gz,,c,0,0,0,0.125,9",
        ],
    )
    rows = read_table(table)
    assert rows[1].case.labels == {"ct": 0, "nat": -1, "severity": 0}
    assert rows[2].case.features == (0.125, 9.0)
    asked = []

    def whole_scan(volume):
        asked.append(volume.shape)
        return (volume.hu < -500).astype(np.uint8)

    cases = prepare_cases(rows, GRID, tmp_path, whole_scan)
    assert len(asked) == 1  # only the row without a mask
    assert np.load(cases[0].intensities).shape == padded_size(GRID)
    again = prepare_cases(rows, GRID, tmp_path, None)  # the segmentation is not needed any more
    assert [c.intensities for c in again] == [c.intensities for c in cases]
    os.utime(scans / "0.nii.gz", (1, 1))
    changed = prepare_cases(rows, GRID, tmp_path, None)
    assert changed[0].intensities != cases[0].intensities  # a changed scan is prepared anew
    with pytest.raises(InputError, match="c has no lung mask"):
        prepare_cases(rows, replace(GRID, spacing_mm=(9.0, 8.0, 8.0)), tmp_path, None)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["scan,ct", "a.nii.gz,1"], "needs path and a task"),
        (["path,ct", "a.nii.gz,yes"], "label 'yes'"),
        (["path,ct", "a.nii.gz,5"], "label 5"),
        (["path,ct", ",1"], "Row 2 .* no path"),
        (["path,ct,f", "a.nii.gz,1,x"], "no number"),
        (["path,ct", "a.nii.gz,1", "a.nii.gz,0"], "used twice"),
    ],
)
def test_a_wrong_table_names_what_is_wrong(tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        read_table(write_table(tmp_path, "t.csv", lines))


def test_a_missing_scan_names_its_case(tmp_path):
    rows = read_table(write_table(tmp_path, "t.csv", ["path,ct", "nowhere.nii.gz,1"]))
    with pytest.raises(InputError, match=r"nowhere\.nii\.gz"):
        prepare_cases(rows, GRID, tmp_path)


def array():
    rng = np.random.default_rng(0)
    values = np.zeros(padded_size(GRID), dtype=np.int16)
    values[6:-6, 6:-6, 6:-6] = rng.integers(100, 400, values[6:-6, 6:-6, 6:-6].shape)
    return values


def test_augmentation_repeats_with_its_seed_and_keeps_the_outside_zero():
    augment = Augmentation(AugmentSettings(rotation_chance=1, flip_chance=1, noise_chance=1), GRID)
    first = augment(array(), 5)
    assert first.shape == (1, *GRID.size)
    assert torch.equal(first, augment(array(), 5))
    assert not torch.equal(first, augment(array(), 6))
    assert first.min() == 0
    assert (first == 0).float().mean() > 0.2


def test_without_variation_the_crop_only_moves():
    still = AugmentSettings(rotation_chance=0, flip_chance=0, noise_chance=0)
    moved = Augmentation(still, GRID)(array(), 1)
    assert sorted(moved[moved > 0].tolist()) == sorted(array()[array() > 0].astype(float).tolist())
    flipped = Augmentation(replace(still, flip_chance=1), GRID)(array(), 1)
    assert torch.equal(flipped, moved.flip(3))


def test_the_plain_crop_is_the_middle_of_the_prepared_array():
    assert plain(array(), GRID).sum() == array().sum()


def test_each_epoch_visits_every_case_once_in_a_new_order():
    first, second = (epoch_batches(23, 5, seed=0, epoch=epoch) for epoch in (0, 1))
    for plan in (first, second):
        assert sorted(index for batch in plan for index in batch) == list(range(23))
        assert {len(batch) for batch in plan} <= {4, 5}
    assert first != second
    assert first == epoch_batches(23, 5, seed=0, epoch=0)


def test_processes_share_an_epoch_in_equal_parts():
    plans = [epoch_batches(10, 4, seed=0, epoch=0, rank=rank, count=2) for rank in (0, 1)]
    assert [[len(batch) for batch in plan] for plan in plans] == [[2, 2], [2, 2]]
    assert len({index for plan in plans for batch in plan for index in batch}) == 8


def test_a_batch_does_not_depend_on_what_was_loaded_before(toy_cases, toy_input):
    cases = toy_cases(4)
    batches = CaseBatches(cases, ("ct",), toy_input, FeatureScale(), AugmentSettings(), seed=1)
    batches.plan(3, [[0, 1], [2, 3]])
    expected = batches[1]
    torch.manual_seed(99)
    again = CaseBatches(cases, ("ct",), toy_input, FeatureScale(), AugmentSettings(), seed=1)
    again.plan(3, [[0, 1], [2, 3]])
    assert torch.equal(again[1].volume, expected.volume)
    assert again[1].labels["ct"].tolist() == [1, 0]


def test_phantom_labels_follow_the_cohorts_definitions():
    assert phantom_labels("cap", 0.3, 1) == {"ct": 0, "nat": 0, "severity": 0}
    assert phantom_labels("none", 0.0, 1) == {"ct": 0, "nat": 0, "severity": 0}
    assert [phantom_labels("covid", share, 1)["severity"] for share in (0.02, 0.149, 0.15, 0.5)] == [1, 1, 2, 2]
    missed = Counter(phantom_labels("covid", 0.1, seed)["nat"] for seed in range(4000))
    assert missed[0] / 4000 == pytest.approx(0.24, abs=0.02)


def test_phantoms_of_the_splits_never_share_a_seed_and_come_in_three_classes():
    seeds = [{phantom_settings(split, n).seed for n in range(500)} for split in ("train", "validation", "test")]
    assert len(seeds[0] | seeds[1] | seeds[2]) == 1500
    classes = Counter(phantom_settings("train", n).diagnosis for n in range(500))
    assert classes["covid"] / 500 == pytest.approx(0.5, abs=0.06)
    assert min(classes["cap"], classes["none"]) / 500 == pytest.approx(0.25, abs=0.06)


def test_phantom_cases_are_made_once(tmp_path):
    first = make_phantom_cases("test", 1, GRID, tmp_path)[0]
    written = first.case.intensities.stat().st_mtime_ns
    second = make_phantom_cases("test", 1, GRID, tmp_path)[0]
    assert second == first
    assert second.case.intensities.stat().st_mtime_ns == written
    assert 0 < np.load(first.case.intensities).max() <= 2000
