"""``covidmtl train lesions`` and ``covidmtl evaluate lesions`` on toy slice sets."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from COVIDMTLApp.cli import app

SIDE = 64


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy sets in the layouts of covid19_ct_seg, medseg100 and covid_ct."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("sets")
    draw = np.random.default_rng(0)
    scans = root / "covid19_ct_seg"
    for part in ("ct", "lungs", "covid"):
        (scans / part).mkdir(parents=True)
    rows = ["slice,case"]
    lungs = np.zeros((SIDE, SIDE), np.uint8)
    lungs[8:56, 6:58] = 255
    for number in range(8):
        lesion = np.zeros_like(lungs)
        lesion[20:40, 10 + 3 * number : 30 + 3 * number] = 255
        picture = np.where(lungs > 0, 60 + 100 * (lesion > 0), 200) + draw.integers(0, 30, lungs.shape)
        for part, array in (("ct", picture), ("lungs", lungs), ("covid", lesion)):
            Image.fromarray(array.astype(np.uint8)).save(scans / part / f"{number:04d}.png")
        rows.append(f"{number:04d},{number // 2}")
    (scans / "cases.csv").write_text("\n".join(rows))
    for split in ("train", "test"):
        for part in ("image", "label"):
            (root / "medseg100" / split / part).mkdir(parents=True)
        for number in range(5):
            classes = np.zeros((48, 40), np.uint8)
            classes[10:20, 10:30], classes[25:35, 10:30] = 1, 2
            Image.fromarray((40 + 80 * classes).astype(np.uint8)).save(
                root / "medseg100" / split / "image" / f"{number}.png"
            )
            Image.fromarray(classes).save(root / "medseg100" / split / "label" / f"{number}.png")
    (root / "covid_ct" / "image").mkdir(parents=True)
    rows = ["file,covid,group,split"]
    for number in range(12):
        Image.fromarray(draw.integers(0, 255, (40, 50), dtype=np.uint8)).save(
            root / "covid_ct" / "image" / f"{number}.png"
        )
        rows.append(f"{number}.png,{number % 2},{number},{('train', 'val', 'test')[number // 4]}")
    (root / "covid_ct" / "labels.csv").write_text("\n".join(rows))
    return root


def invoke(*arguments: object) -> dict:
    result = CliRunner().invoke(app, ["--progress", "json", *[str(argument) for argument in arguments]])
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    return next(line["result"] for line in lines if "result" in line)


def test_training_writes_a_model_that_its_card_describes(sets: Path, tmp_path: Path) -> None:
    given = ("--covid19-ct-seg", sets / "covid19_ct_seg", "--medseg100", sets / "medseg100")
    result = invoke("train", "lesions", "-o", tmp_path, *given, "--epochs", 1, "--model-id", "toy")
    card = json.loads(Path(result["card"]).read_text())
    assert card["id"] == "toy" and (tmp_path / card["file"]).is_file()
    assert "covid19_ct_seg" in card["learned_from"]


def test_cross_validation_scores_each_case_of_the_folds_asked_for(sets: Path, tmp_path: Path) -> None:
    given = ("--covid19-ct-seg", sets / "covid19_ct_seg", "--folds", 2, "--only", 1, "--epochs", 1)
    result = invoke("evaluate", "lesions", "-o", tmp_path, *given)
    with (tmp_path / "scores.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["fold"] for row in rows} == {"1"} and len(rows) == 2
    assert result["cases"] <= 2


def test_hu_bands_are_scored_on_the_same_cases(sets: Path, tmp_path: Path) -> None:
    invoke("evaluate", "lesions", "-o", tmp_path, "--covid19-ct-seg", sets / "covid19_ct_seg", "--method", "hu-bands")
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 1 + 4


def test_a_finished_model_is_scored_on_every_case(sets: Path, tmp_path: Path) -> None:
    given = ("--covid19-ct-seg", sets / "covid19_ct_seg", "--model", "lesions-multidecoder")
    result = invoke("evaluate", "lesions", "-o", tmp_path, *given)
    with (tmp_path / "scores.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["case"] for row in rows] == ["0", "1", "2", "3"] and {row["fold"] for row in rows} == {""}
    dices = [float(row["dice"]) for row in rows if row["dice"]]
    assert result["mean_dice"] == pytest.approx(np.mean(dices), abs=1e-3)


def test_the_shipped_model_is_scored_class_by_class(sets: Path, tmp_path: Path) -> None:
    result = invoke(
        "evaluate", "lesions", "-o", tmp_path, "--medseg100", sets / "medseg100", "--model", "lesions-multidecoder"
    )
    assert set(result["dice"]) == {"infection", "ground glass", "consolidation"}


@pytest.mark.parametrize("method", ["reconstruction-mtl", "unet", "cnn"])
def test_picture_networks_train_and_report_their_test_scores(sets: Path, tmp_path: Path, method: str) -> None:
    given = ("--covid-ct", sets / "covid_ct", "--medseg100", sets / "medseg100")
    options = ("--method", method, "--epochs", 1, "--width", 0.05, "--side", 64)
    result = invoke("train", "lesions", "-o", tmp_path, *given, *options)
    assert (result[method]["dice"] is None) == (method == "cnn")
    assert (result[method]["auc"] is None) == (method == "unet")
    assert (tmp_path / method / "network.safetensors").is_file()


def test_the_multitask_network_and_its_baselines_are_compared_in_one_run(sets: Path, tmp_path: Path) -> None:
    given = ("--covid-ct", sets / "covid_ct", "--medseg100", sets / "medseg100", "--no-test")
    options = ("--method", "reconstruction-mtl", "--epochs", 1, "--width", 0.05, "--side", 64)
    pair = "segmentation+classification"
    result = invoke("train", "lesions", "-o", tmp_path, *given, *options, "--baseline", "unet", "--baseline", pair)
    assert list(result) == ["reconstruction-mtl", "unet", pair]
    with (tmp_path / "comparison.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["network"] for row in rows] == list(result)
    assert all(row["test dice"] == "" and row["validation dice"] for row in rows)


def test_classes_are_learned_from_the_lesion_network_s_features(sets: Path, tmp_path: Path) -> None:
    given = ("--method", "encoder-classifier", "--covid-ct", sets / "covid_ct")
    result = invoke("train", "lesions", "-o", tmp_path, *given, "--no-test")
    assert result["test_auc"] is None and 0 <= result["folds_auc"] <= 1
    assert json.loads((tmp_path / "encoder-classifier.json").read_text())["encoder"] == "lesions-multidecoder"


@pytest.mark.slow
def test_deepsc_is_trained_jointly_and_each_subnet_alone(sets: Path, tmp_path: Path) -> None:
    given = ("--method", "deepsc-covid", "--phantoms", 6, "--epochs", 1, "--width", 0.03)
    result = invoke("train", "lesions", "-o", tmp_path, *given, "--covid19-ct-seg", sets / "covid19_ct_seg")
    assert list(result) == ["joint", "segmentation alone", "classification alone"]
    assert result["segmentation alone"]["accuracy"] is None and result["classification alone"]["dice"] is None
    assert 0 <= result["joint"]["accuracy"] <= 1
    mean, low, high = result["joint"]["dice_gain"]
    assert low <= mean <= high
    rows = (tmp_path / "cases.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 3 * 3 and rows[1].startswith("joint,5000,none,")


def test_without_data_the_command_says_what_to_give(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", "lesions", "-o", str(tmp_path)])
    assert result.exit_code == 1 and "--covid19-ct-seg" in result.output
    result = CliRunner().invoke(app, ["evaluate", "lesions", "-o", str(tmp_path)])
    assert result.exit_code == 1 and "--covid19-ct-seg" in result.output
