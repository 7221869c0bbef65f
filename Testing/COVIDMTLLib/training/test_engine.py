"""The training loop: it learns, it resumes, it is logged."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from ChestCTLib.errors import CancelledError, InputError
from ChestCTLib.learning.log import read_log
from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.networks.build import NetworkSettings
from COVIDMTLLib.networks.shift3d import ShiftSettings
from COVIDMTLLib.training.engine import cosine_rate, load_trained, train
from COVIDMTLLib.training.phantom_cases import make_phantom_cases
from COVIDMTLLib.training.settings import TrainSettings

SMALL = NetworkSettings(width=0.25, pools=(False, False, False))
QUICK = TrainSettings(epochs=3, batch=4, device="cpu", seed=3)


def weights(folder):
    return load_trained(folder).network.state_dict()


def test_the_defaults_are_the_papers():
    settings = TrainSettings()
    assert (settings.epochs, settings.batch, settings.momentum, settings.weight_decay) == (80, 10, 0.9, 5e-5)
    assert (cosine_rate(settings, 0), cosine_rate(settings, 79)) == pytest.approx((0.005, 5e-5))
    assert (settings.loss, settings.draws) == ("random", 2)
    rates = [cosine_rate(settings, epoch) for epoch in range(80)]
    assert rates == sorted(rates, reverse=True)


def test_a_resumed_run_continues_bit_for_bit(tmp_path, toy_cases, toy_input):
    cases, watched = toy_cases(10), toy_cases(6, seed=1)
    shift = replace(SMALL, shift=ShiftSettings(chance=0.5))
    train(shift, toy_input, QUICK, cases, watched, tmp_path / "whole")

    asked = 0

    def in_the_second_epoch():
        nonlocal asked
        asked += 1
        return asked > 6

    with pytest.raises(CancelledError):
        train(shift, toy_input, QUICK, cases, watched, tmp_path / "parts", cancelled=in_the_second_epoch)
    stopped = read_log(tmp_path / "parts" / "log.csv")
    assert 1 <= len(stopped) < 3
    torch.manual_seed(1234)  # whatever happened in between
    train(shift, toy_input, QUICK, cases, watched, tmp_path / "parts")

    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, value in whole.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, parts[name]), name
    rows = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in read_log(tmp_path / run / "log.csv")]
        for run in ("whole", "parts")
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3


def test_another_seed_gives_other_weights(tmp_path, toy_cases, toy_input):
    for seed in (1, 2):
        train(SMALL, toy_input, replace(QUICK, epochs=1, seed=seed), toy_cases(4), [], tmp_path / str(seed))
    first, second = weights(tmp_path / "1"), weights(tmp_path / "2")
    assert not torch.equal(first["trunk.stem.0.weight"], second["trunk.stem.0.weight"])


def test_a_folder_with_another_run_is_not_continued(tmp_path, toy_cases, toy_input):
    train(SMALL, toy_input, replace(QUICK, epochs=1), toy_cases(4), [], tmp_path / "run")
    with pytest.raises(InputError, match="run with other settings"):
        train(SMALL, toy_input, replace(QUICK, epochs=1, loss="mean"), toy_cases(4), [], tmp_path / "run")


def test_the_log_names_what_was_computed_and_leaves_the_rest_empty(tmp_path, toy_cases, toy_input):
    train(SMALL, toy_input, replace(QUICK, epochs=1), toy_cases(6), toy_cases(1, seed=1), tmp_path / "run")
    row = read_log(tmp_path / "run" / "log.csv")[0]
    assert row["train_ct_loss"] > 0
    assert row["validation_severity_loss"] > 0
    assert row["validation_ct_auc"] is None  # one case holds one class
    description = json.loads((tmp_path / "run" / "run.json").read_text())
    assert description["training"]["learning_rate"] == 0.005
    assert description["device"] == "cpu"


@pytest.mark.parametrize("loss", ["uncertainty", "mean"])
def test_every_loss_trains_its_own_parameters_too(tmp_path, toy_cases, toy_input, loss):
    train(SMALL, toy_input, replace(QUICK, epochs=2, loss=loss), toy_cases(6), [], tmp_path / loss)
    state = torch.load(tmp_path / loss / "checkpoint.pt", weights_only=True)["step"]["loss"]
    assert ("log_variances" in state) == (loss == "uncertainty")
    if loss == "uncertainty":
        assert state["log_variances"].abs().min() > 0


def test_a_task_without_labels_keeps_its_head(tmp_path, toy_cases, toy_input):
    cases = [replace(case, labels={"ct": case.labels["ct"]}) for case in toy_cases(6)]
    settings = replace(QUICK, epochs=1, weight_decay=0.0)
    train(SMALL, toy_input, settings, cases, [], tmp_path / "run")
    row = read_log(tmp_path / "run" / "log.csv")[0]
    assert row["train_ct_loss"] is not None
    assert row["train_nat_loss"] is None
    # the same seed without any step gives the untouched head
    untouched = [replace(case, labels={}) for case in cases]
    train(SMALL, toy_input, settings, untouched, [], tmp_path / "none")
    first, second = weights(tmp_path / "run"), weights(tmp_path / "none")
    assert torch.equal(first["tasks.nat.head.weight"], second["tasks.nat.head.weight"])
    assert not torch.equal(first["tasks.ct.head.weight"], second["tasks.ct.head.weight"])


def test_features_are_learned_from_alone_and_beside_volumes(tmp_path, toy_cases, toy_input):
    cases = toy_cases(12, with_features=True)
    alone = NetworkSettings("features", n_features=5)
    settings = replace(QUICK, epochs=30, learning_rate=0.05)
    train(alone, toy_input, settings, cases, cases, tmp_path / "alone")
    assert read_log(tmp_path / "alone" / "log.csv")[-1]["validation_severity_accuracy"] == 1.0
    train(replace(SMALL, n_features=5), toy_input, replace(QUICK, epochs=1), cases, cases, tmp_path / "both")
    assert load_trained(tmp_path / "both").scale.mean == load_trained(tmp_path / "alone").scale.mean
    with pytest.raises(InputError, match="takes 7"):
        train(replace(SMALL, n_features=7), toy_input, QUICK, cases, [], tmp_path / "wrong")


@pytest.mark.slow
def test_the_network_overfits_eight_phantoms_in_all_three_tasks(tmp_path):
    grid = InputSettings((10.0, 10.0, 10.0), (36, 24, 32))
    cases = [phantom.case for phantom in make_phantom_cases("train", 8, grid, tmp_path / "phantoms")]
    assert {case.labels["severity"] for case in cases} == {0, 1, 2}
    network = replace(SMALL, pools=(True, False, False), shift=ShiftSettings(chance=0.0))
    settings = TrainSettings(epochs=60, batch=4, learning_rate=0.02, augment=None, device="cpu", validate_every=10)
    train(network, grid, settings, cases, cases, tmp_path / "run")
    row = read_log(tmp_path / "run" / "log.csv")[-1]
    assert [row[f"validation_{task}_accuracy"] for task in ("ct", "nat", "severity")] == [1.0, 1.0, 1.0]
