"""Checkpoints, logs and seeds."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
import torch

from ChestCTLib.errors import InputError, ModelError
from ChestCTLib.learning.checkpoints import load_checkpoint, save_checkpoint
from ChestCTLib.learning.log import TrainingLog, read_log
from ChestCTLib.learning.seeding import derived_seed, random_states, restore_random_states, seed_everything


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path):
    save_checkpoint(tmp_path / "c.pt", {"epoch": 3, "weights": {"a": torch.arange(4.0)}, "note": None})
    state = load_checkpoint(tmp_path / "c.pt")
    assert state["epoch"] == 3
    assert state["note"] is None
    assert torch.equal(state["weights"]["a"], torch.arange(4.0))
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


class _Payload:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, capsys):
    torch.save({"x": _Payload()}, tmp_path / "evil.pt")
    with pytest.raises(ModelError, match=r"evil\.pt"):
        load_checkpoint(tmp_path / "evil.pt")
    assert "code ran" not in capsys.readouterr().out


def test_a_failed_save_leaves_the_previous_checkpoint(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"epoch": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save_checkpoint(path, {"epoch": 2, "bad": lambda: None})
    assert load_checkpoint(path)["epoch"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


@pytest.mark.parametrize("content", [None, b"", b"no checkpoint"])
def test_a_missing_or_damaged_checkpoint_says_so(tmp_path, content):
    path = tmp_path / "c.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"c\.pt"):
        load_checkpoint(path)


def test_restored_generators_draw_what_they_would_have_drawn(tmp_path):
    seed_everything(11)
    random.random()
    save_checkpoint(tmp_path / "c.pt", random_states())
    expected = (random.random(), np.random.rand(), torch.rand(1).item())  # noqa: NPY002
    seed_everything(99)
    restore_random_states(load_checkpoint(tmp_path / "c.pt"))
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected  # noqa: NPY002


def test_derived_seeds_repeat_and_differ_between_parts():
    assert derived_seed(1, 2, 3) == derived_seed(1, 2, 3)
    assert len({derived_seed(1, epoch, case) for epoch in range(20) for case in range(20)}) == 400


def test_every_row_is_readable_at_once_and_missing_values_stay_missing(tmp_path):
    with TrainingLog(tmp_path, ("epoch", "loss", "auc"), tensorboard=False) as log:
        log.write({"epoch": 0, "loss": 0.5, "auc": None})
        assert read_log(tmp_path / "log.csv") == [{"epoch": 0.0, "loss": 0.5, "auc": None}]


def test_a_resumed_log_drops_the_rows_that_will_be_repeated(tmp_path):
    with TrainingLog(tmp_path, ("epoch", "loss"), tensorboard=False) as log:
        for epoch in range(4):
            log.write({"epoch": epoch, "loss": 1.0})
    with TrainingLog(tmp_path, ("epoch", "loss"), first=2, tensorboard=False) as log:
        log.write({"epoch": 2, "loss": 7.0})
    assert [(row["epoch"], row["loss"]) for row in read_log(tmp_path / "log.csv")] == [(0, 1), (1, 1), (2, 7)]


def test_a_log_of_another_kind_is_not_overwritten(tmp_path):
    with TrainingLog(tmp_path, ("epoch", "loss"), tensorboard=False) as log:
        log.write({"epoch": 0, "loss": 1.0})
        with pytest.raises(InputError, match="dice"):
            log.write({"epoch": 1, "dice": 1.0})
    with pytest.raises(InputError, match="loss"):
        TrainingLog(tmp_path, ("epoch", "dice"), first=1, tensorboard=False)


def test_the_same_numbers_reach_tensorboard(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with TrainingLog(tmp_path, ("epoch", "loss")) as log:
        log.write({"epoch": 0, "loss": 0.25})
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.value for event in events.Scalars("loss")] == [0.25]
