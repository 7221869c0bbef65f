"""``covidmtl train mtl|single`` and ``covidmtl evaluate mtl`` on a table of small phantoms."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ChestCTLib.io import write_image, write_labels
from ChestCTLib.labels import LUNG_LABELS
from ChestCTLib.learning.log import read_log
from ChestCTLib.phantom import PhantomSettings, make_phantom
from COVIDMTLApp.cli import app

QUICK = ["--recipe", "phantom-cpu", "--epochs", "1", "--batch", "3", "--device", "cpu"]


def covidmtl(*arguments):
    return CliRunner().invoke(app, ["--progress", "json", *map(str, arguments)])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    lines = ["path,lungs,split,ct,nat,severity,volume,density"]
    for number in range(6):
        covid = number % 2 == 0
        settings = PhantomSettings(number, "covid" if covid else "none", (8.0, 6.0, 6.0))
        phantom = make_phantom(settings)
        write_image(phantom.volume.hu, phantom.volume, folder / f"{number}.nii.gz")
        write_labels(phantom.lungs, phantom.volume, folder / f"{number}-lungs.nii.gz", LUNG_LABELS)
        split = "train" if number < 3 else "test"
        severity = 1 + number % 3 % 2 if covid else 0
        lines.append(f"{number}.nii.gz,{number}-lungs.nii.gz,{split},{int(covid)},{int(covid)},{severity},{number},1")
    (folder / "cases.csv").write_text("\n".join(lines) + "\n")
    return folder / "cases.csv"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def run(table, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "two-tasks"
    done = covidmtl("train", "mtl", table, "-o", out, *QUICK, "--task", "ct", "--task", "nat", "--cache", cache)
    assert done.exit_code == 0, done.output
    return out


def test_training_writes_log_checkpoint_and_what_it_was_asked_to_do(run):
    assert {"log.csv", "checkpoint.pt", "run.json"} <= {path.name for path in run.iterdir()}
    assert read_log(run / "log.csv")[0]["train_ct_loss"] > 0
    asked = json.loads((run / "run.json").read_text())
    assert asked["network"]["tasks"] == ["ct", "nat"]
    assert asked["training"]["loss"] == "random"


def test_evaluation_writes_the_papers_tables_with_figures(run, table, cache, tmp_path):
    done = covidmtl(
        "evaluate", "mtl", table, "--run", f"COVID-MTL={run}", "-o", tmp_path, "--resamples", "20", "--cache", cache
    )
    assert done.exit_code == 0, done.output
    assert "fraction" in done.output
    with (tmp_path / "diagnosis.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["model"], row["task"], row["cases"]) for row in rows] == [
        ("COVID-MTL", "ct", "3"),
        ("COVID-MTL", "nat", "3"),
    ]
    names = {path.name for path in tmp_path.iterdir()}
    assert {"aggregation.csv", "diagnosis_roc_ct.png", "predictions_1.csv"} <= names


def test_severity_is_transferred_to_the_trained_trunk(run, table, cache, tmp_path):
    out = tmp_path / "severity"
    done = covidmtl(
        "train", "mtl", table, "-o", out, *QUICK, "--transfer-from", run, "--task", "severity", "--cache", cache
    )
    assert done.exit_code == 0, done.output
    assert json.loads((out / "run.json").read_text())["network"]["transferred"] is True
    refused = covidmtl("train", "mtl", table, "-o", tmp_path / "no", *QUICK, "--transfer-from", run, "--cache", cache)
    assert refused.exit_code == 1
    assert "--task severity" in refused.output


def test_single_task_networks_and_features_train_from_the_same_table(table, cache, tmp_path):
    single = covidmtl(
        "train", "single", table, "-o", tmp_path / "s", *QUICK, "--task", "nat", "--network", "squeezenet3d",
        "--cache", cache,
    )  # fmt: skip
    assert single.exit_code == 0, single.output
    assert json.loads((tmp_path / "s" / "run.json").read_text())["network"]["architecture"] == "squeezenet3d"
    features = covidmtl("train", "mtl", table, "-o", tmp_path / "f", *QUICK, "--features-only", "--cache", cache)
    assert features.exit_code == 0, features.output
    assert json.loads((tmp_path / "f" / "run.json").read_text())["network"]["n_features"] == 2


@pytest.mark.slow
def test_torchrun_trains_with_two_processes_of_which_one_prepares_logs_and_speaks(table, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    wanted = ["COVIDMTLApp", "train", "mtl", table, "-o", tmp_path / "run", *QUICK, "--cache", tmp_path / "cache"]
    done = subprocess.run(
        [str(word) for word in (*command, *wanted)],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["processes"] == 2
    assert len(read_log(tmp_path / "run" / "log.csv")) == 1
    assert done.stdout.count("trained, see log.csv") == 1
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 6


def test_wrong_use_is_answered_with_a_remedy(table, run, tmp_path):
    for arguments, remedy in [
        (("train", "mtl", "-o", tmp_path / "a"), "Give a table"),
        (("evaluate", "mtl", table, "-o", tmp_path), "Give --run"),
        (("evaluate", "mtl", "--run", run, "-o", tmp_path), "Give one of them"),
    ]:
        done = covidmtl(*arguments)
        assert done.exit_code == 1
        said = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
        assert remedy in said[-1]["remedy"]
