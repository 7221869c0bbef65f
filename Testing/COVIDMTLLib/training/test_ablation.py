"""The ablation of Shift3D and the losses on phantoms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.training.ablation import ABLATION, LOSSES, AblationRun, ablation_table, run_ablation


def runs():
    found = []
    for seed in range(3):
        for loss in LOSSES:
            for shift in (True, False):
                curve = np.array([1.0, 0.8, 0.6 + 0.1 * seed + (0.0 if shift else 0.2)])
                areas = {"ct": 0.9 + 0.01 * seed, "nat": 0.8, "severity": 0.7 if shift else float("nan")}
                found.append(AblationRun(shift, loss, seed, curve, areas))
    return found


def test_the_table_holds_mean_and_spread_of_every_combination():
    table = ablation_table(runs())
    assert [(row[0], row[1]) for row in table.rows] == [(s, loss) for loss in LOSSES for s in ("on", "off")]
    row = dict(zip(table.columns, table.rows[1], strict=True))
    assert row["validation_loss"] == pytest.approx(0.9)
    assert row["validation_loss_sd"] == pytest.approx(0.1)
    assert row["auc_ct"] == pytest.approx(0.91)
    assert row["auc_ct_sd"] == pytest.approx(0.01)
    assert (row["auc_severity"], row["auc_severity_sd"]) == ("n/a", "n/a")


def test_one_seed_has_no_spread():
    single = [run for run in runs() if run.seed == 0]
    row = dict(zip(ablation_table(single).columns, ablation_table(single).rows[0], strict=True))
    assert row["auc_ct_sd"] == "n/a"


@pytest.mark.slow
def test_every_combination_is_trained_on_the_same_phantoms_and_not_twice(tmp_path):
    recipe = replace(
        ABLATION,
        input=InputSettings((10.0, 10.0, 10.0), (36, 24, 32)),
        training=replace(ABLATION.training, epochs=1, device="cpu"),
        phantoms=(3, 1, 3),
    )
    first = run_ablation(tmp_path, recipe, seeds=1)
    assert {(run.shift, run.loss) for run in first} == {(s, loss) for s in (True, False) for loss in LOSSES}
    assert all(run.curve.shape == (1,) for run in first)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    assert len(written) == 7
    again = run_ablation(tmp_path, recipe, seeds=1)
    for one, other in zip(first, again, strict=True):
        assert one.areas == pytest.approx(other.areas, nan_ok=True)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == written
    assert {path.name for path in ablation_table(first, recipe).write(tmp_path / "out")} == {
        "ablation.csv",
        "ablation_loss.png",
    }
