"""Evaluation: tables with values computed by hand, files read back, models compared."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from ChestCTLib.errors import InputError
from COVIDMTLLib.evaluation import aggregated, evaluate
from COVIDMTLLib.predictions import Predictions, join_single_tasks, read_predictions, write_predictions


def predictions(name="net", n=60, skill=1.5, seed=0):
    rng = np.random.default_rng(seed)
    severity = np.arange(n) % 3
    labels = {"ct": (severity > 0).astype(np.int64), "nat": (severity > 1).astype(np.int64), "severity": severity}
    chances = {}
    for task, truth in labels.items():
        logits = rng.normal(0, 1, (n, truth.max() + 1))
        logits[np.arange(n), truth] += skill
        chances[task] = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(name, tuple(f"case-{k}" for k in range(n)), labels, chances)


def four_cases():
    labels = {"ct": np.array([0, 0, 1, 1]), "nat": np.array([0, 0, 0, 1])}
    ct = np.array([0.1, 0.6, 0.4, 0.9])
    nat = np.array([0.2, 0.1, 0.5, 0.8])
    chances = {task: np.stack([1 - p, p], axis=1) for task, p in (("ct", ct), ("nat", nat))}
    return Predictions("four", ("a", "b", "c", "d"), labels, chances)


def test_the_scores_of_four_cases_are_those_computed_by_hand():
    diagnosis = evaluate([four_cases()], resamples=20)[0]
    row = dict(zip(diagnosis.columns, diagnosis.rows[0], strict=True))
    assert (row["model"], row["task"], row["cases"]) == ("four", "ct", 4)
    assert row["auc"] == pytest.approx(3 / 4)  # of four pairs only (0.6, 0.4) is the wrong way round
    assert row["accuracy"] == row["recall"] == pytest.approx(0.5)
    assert row["precision"] == pytest.approx(0.5)


def test_the_aggregated_output_is_the_mean_of_both():
    assert aggregated(four_cases())[:, 1] == pytest.approx([0.15, 0.35, 0.45, 0.85])
    tables = {table.name: table for table in evaluate([four_cases()], resamples=20)}
    outputs = {row[1]: dict(zip(tables["aggregation"].columns, row, strict=True)) for row in tables["aggregation"].rows}
    assert outputs["output aggregated"]["auc"] == 1.0  # 0.15 and 0.35 lie below 0.45 and 0.85
    assert outputs["against radiology (output 1)"]["auc"] == pytest.approx(0.75)


def test_missing_labels_are_left_out_and_a_missing_class_is_not_scored():
    found = four_cases()
    found.labels["ct"][0] = -1
    found.labels["nat"][:] = [0, 0, 0, -1]
    table = evaluate([found], resamples=20)[0]
    ct, nat = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (ct["cases"], nat["cases"]) == (3, 3)
    assert isinstance(ct["auc"], float)
    assert nat["auc"] == "n/a"


def test_the_interval_holds_the_score_and_shrinks_with_more_cases():
    few, many = (evaluate([predictions(n=n)], resamples=60)[1] for n in (30, 600))
    widths = []
    for table in (few, many):
        row = dict(zip(table.columns, table.rows[0], strict=True))
        assert row["auc_low"] < row["auc"] < row["auc_high"]
        widths.append(row["auc_high"] - row["auc_low"])
    assert widths[1] < widths[0] / 2


def test_models_are_compared_with_the_first_on_every_task_and_class():
    good, poor = predictions("good", n=150, skill=3.0), predictions("poor", n=150, skill=0.2, seed=1)
    comparison = {table.name: table for table in evaluate([good, poor], resamples=20)}["comparison"]
    rows = [dict(zip(comparison.columns, row, strict=True)) for row in comparison.rows]
    against = [row for row in rows if row["first"] == "good" and row["second"] == "poor"]
    assert len(against) == 1 + 1 + 3
    assert all(row["difference"] > 0.2 and row["p"] < 0.001 for row in against)
    assert {row["first"] for row in rows} == {"good", "good, aggregated", "poor, aggregated"}


def test_tables_and_figures_are_written(tmp_path):
    for table in evaluate([predictions()], resamples=20):
        table.write(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"diagnosis.csv", "severity.csv", "aggregation.csv", "comparison.csv"} <= names
    assert {"diagnosis_roc_ct.png", "severity_roc_severity.png", "severity_confusion_severity_1.png"} <= names
    with (tmp_path / "severity.csv").open() as stream:
        assert next(csv.DictReader(stream))["model"] == "net"


def test_predictions_come_back_from_their_file(tmp_path):
    found = predictions()
    found.labels["nat"][3] = -1
    write_predictions(found, tmp_path / "p.csv")
    back = read_predictions(tmp_path / "p.csv", "net")
    assert back.ids == found.ids
    for task in found.labels:
        assert (back.labels[task] == found.labels[task]).all()
        assert back.probabilities[task] == pytest.approx(found.probabilities[task], abs=1e-7)


def test_files_without_probabilities_and_models_of_other_cases_are_refused(tmp_path):
    (tmp_path / "p.csv").write_text("id,ct,ct_p0,ct_p1\na,1,0.5,0.9\n")
    with pytest.raises(InputError, match="sum to 1"):
        read_predictions(tmp_path / "p.csv", "net")
    with pytest.raises(InputError, match="other cases"):
        evaluate([predictions(n=30), predictions(n=33)])


def test_single_task_models_are_joined_to_one():
    whole = predictions()
    parts = [
        Predictions(task, whole.ids, {task: whole.labels[task]}, {task: whole.probabilities[task]})
        for task in whole.labels
    ]
    joined = join_single_tasks("shiftnet3d", parts)
    assert set(joined.labels) == {"ct", "nat", "severity"}
    with pytest.raises(InputError, match="predict"):
        join_single_tasks("twice", [parts[0], parts[0]])
