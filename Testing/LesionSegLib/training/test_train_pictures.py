"""The reconstruction multitask training on toy pictures: it learns, and copes with labels that are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from LesionSegLib.networks.reconstruction_mtl import ReconstructionMTLSettings
from LesionSegLib.training.pictures import LabelledPictures, read_pictures
from LesionSegLib.training.train_pictures import PictureTrainingSettings, score_pictures, train_pictures

SIDE = 32


def toy(count: int, seed: int) -> LabelledPictures:
    """Half of the pictures show a bright square: COVID-19; every fourth has no mask, every fifth no class."""
    draw = np.random.default_rng(seed)
    pictures = 0.2 * draw.random((count, 1, SIDE, SIDE), dtype=np.float32)
    masks = np.zeros_like(pictures)
    for index in range(0, count, 2):
        top, left = draw.integers(2, SIDE - 14, 2)
        masks[index, 0, top : top + 12, left : left + 12] = 1.0
    pictures += 0.7 * masks
    number = np.arange(count)
    return LabelledPictures(pictures, masks, number % 4 != 3, (number % 2 == 0).astype(np.int64), number % 5 != 4)


def test_the_three_tasks_learn_together_from_pictures_with_missing_labels(tmp_path: Path) -> None:
    settings = PictureTrainingSettings(
        network=ReconstructionMTLSettings(width=0.0625), epochs=25, batch=8, learning_rate=3e-3
    )
    network = train_pictures(toy(40, 1), toy(12, 2), tmp_path, settings)
    scores = score_pictures(network, toy(20, 3))
    assert scores.dice is not None and scores.dice > 0.7
    assert scores.auc is not None and scores.auc > 0.8
    assert (tmp_path / "log.csv").is_file()


def test_training_stops_when_the_validation_loss_does(tmp_path: Path) -> None:
    settings = PictureTrainingSettings(
        network=ReconstructionMTLSettings(("classification",), 0.0625),
        epochs=50,
        patience=1,
        batch=8,
        learning_rate=0.5,
    )
    train_pictures(toy(16, 1), toy(8, 2), tmp_path, settings)
    assert len((tmp_path / "log.csv").read_text().splitlines()) < 40


def test_tasks_the_network_lacks_have_no_score(tmp_path: Path) -> None:
    settings = PictureTrainingSettings(network=ReconstructionMTLSettings(("segmentation",), 0.0625), epochs=1, batch=8)
    scores = score_pictures(train_pictures(toy(8, 1), toy(8, 2), tmp_path, settings), toy(8, 3))
    assert scores.auc is None and scores.accuracy is None and scores.dice is not None


def test_sets_with_masks_and_sets_with_classes_are_read_side_by_side(tmp_path: Path) -> None:
    classified, masked = tmp_path / "covid_ct", tmp_path / "medseg100"
    (classified / "image").mkdir(parents=True)
    rows = ["file,covid,group,split"]
    for index, split in enumerate(("train", "val", "test", "train")):
        Image.fromarray(np.full((40, 50), 60 * index, np.uint8)).save(classified / "image" / f"{index}.png")
        rows.append(f"{index}.png,{index % 2},g{index},{split}")
    (classified / "labels.csv").write_text("\n".join(rows))
    for split, count in (("train", 5), ("test", 1)):
        for part in ("image", "label"):
            (masked / split / part).mkdir(parents=True)
            for index in range(count):
                Image.fromarray(np.full((30, 20), 1, np.uint8)).save(masked / split / part / f"{index}.png")
    train = read_pictures((classified, masked), "train", 16)
    assert (len(train), int(train.has_mask.sum()), train.classes.tolist()[:2]) == (6, 4, [0, 1])
    assert len(read_pictures((classified, masked), "val", 16)) == 2
    test = read_pictures((classified, masked), "test", 16)
    assert test.has_class.tolist() == [True, False], "a set of one class alone teaches its look, not a diagnosis"
    assert test.masks[1].all()


@pytest.mark.parametrize("missing", ["train", "test"])
def test_a_split_without_pictures_is_refused(tmp_path: Path, missing: str) -> None:
    from ChestCTLib.errors import InputError

    (tmp_path / "image").mkdir()
    other = "test" if missing == "train" else "train"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "image" / "0.png")
    (tmp_path / "labels.csv").write_text(f"file,covid,group,split\n0.png,1,a,{other}")
    with pytest.raises(InputError, match=missing):
        read_pictures((tmp_path,), missing, 16)


def test_volumes_without_a_split_can_be_thinned(tmp_path: Path) -> None:
    for part in ("ct", "lungs", "covid"):
        (tmp_path / part).mkdir()
        for number in range(7):
            Image.fromarray(np.full((20, 20), 255, np.uint8)).save(tmp_path / part / f"{number}.png")
    assert len(read_pictures((tmp_path,), "train", 16)) == 7
    assert len(read_pictures((tmp_path,), "train", 16, volume_step=3)) == 3
