"""The map classifiers: the published network to the weight, training that can be continued, weights with a card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ChestCTLib.errors import CancelledError, InputError, ModelError
from ChestCTLib.learning.log import LOG_NAME, read_log
from COVIDMTLLib.intensity_map.cases import MapCase
from COVIDMTLLib.intensity_map.classifier import (
    MapClassifier,
    MapPrediction,
    as_batch,
    card_settings,
    make_network,
    patient_prediction,
)
from COVIDMTLLib.intensity_map.export import TrainingData, train_and_export
from COVIDMTLLib.intensity_map.familiarity import Familiarity
from COVIDMTLLib.intensity_map.inception_resnet import InceptionResNetSettings, InceptionResNetV2
from COVIDMTLLib.intensity_map.map import IntensityMap, MapSettings
from COVIDMTLLib.intensity_map.training import MapAugmentSettings, MapTrainingSettings, train_map_network, vary

PUBLISHED_WEIGHTS = 55_843_464  # Keras' 55,873,736 for 1000 classes, less running means and variances, plus norm scales
SIZE = 64  # pixels: enough for the bands of the made-up maps
MAPS = MapSettings(size=SIZE)
FAST = MapTrainingSettings(network="small", epochs=4, learning_rate=3e-3)


def made_up_cases(count: int = 45) -> list[MapCase]:
    """Maps that differ by class in where along the intensities a bright band lies."""
    rng = np.random.default_rng(3)
    cases = []
    for number in range(count):
        label = number % 3
        image = rng.uniform(0, 0.1, (SIZE, SIZE)).astype(np.float32)
        image[12:50, 12 + 14 * label : 18 + 14 * label] += 0.6
        split = ("train", "train", "train", "validation", "test")[number // 3 % 5]
        cases.append(MapCase(f"c{number}", f"p{number // 3}-{label}", label, split, image))
    return cases


def test_the_large_network_has_exactly_the_published_number_of_weights() -> None:
    with torch.device("meta"):
        network = InceptionResNetV2(InceptionResNetSettings(n_classes=1000, n_channels=3))
    assert sum(p.numel() for p in network.parameters()) == PUBLISHED_WEIGHTS


def test_the_large_network_runs_narrow_and_passes_gradients_to_every_weight() -> None:
    network = InceptionResNetV2(InceptionResNetSettings(width=0.05, blocks=(1, 1, 1)))
    logits = network(torch.rand(2, 1, 96, 96))
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_maps_that_are_too_small_and_unknown_networks_are_refused_with_their_value() -> None:
    with pytest.raises(InputError, match="40"):
        InceptionResNetV2(InceptionResNetSettings(width=0.05, blocks=(1, 1, 1)))(torch.rand(1, 1, 40, 40))
    with pytest.raises(InputError, match="vgg"):
        make_network("vgg")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="width"):
        InceptionResNetSettings(width=9)


def test_the_small_network_knows_where_along_the_intensities_something_lies() -> None:
    torch.manual_seed(0)
    network = make_network("small").eval()
    image = np.zeros((SIZE, SIZE), dtype=np.float32)
    image[:, 20:30] = 1
    moved = np.roll(image, 24, axis=1)
    turned_over = image[::-1].copy()
    with torch.inference_mode():
        first, second, third = network.features(as_batch([image, moved, turned_over]))
    assert not torch.allclose(first, second, atol=1e-3)
    torch.testing.assert_close(first, third)  # this map is the same from below


def test_variation_keeps_the_shape_and_without_it_nothing_changes() -> None:
    maps = torch.rand(3, 1, SIZE, SIZE)
    generator = torch.Generator().manual_seed(1)
    torch.testing.assert_close(vary(maps, MapAugmentSettings(0, 0), generator), maps, atol=1e-5, rtol=0)
    varied = vary(maps, MapAugmentSettings(0.02, 0.1), generator)
    assert varied.shape == maps.shape
    assert not torch.allclose(varied, maps, atol=0.05)


def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    cases = made_up_cases()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    once = train_map_network(cases, FAST, whole, "cpu")
    train_map_network(cases, replace(FAST, epochs=2), parts, "cpu")
    again = train_map_network(cases, FAST, parts, "cpu")
    assert again.epochs == 4
    for first, second in zip(once.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        torch.testing.assert_close(first, second)
    assert [row["epoch"] for row in read_log(parts / LOG_NAME)] == [1, 2, 3, 4]


def test_a_checkpoint_of_other_settings_is_refused_and_a_cancel_stops(tmp_path: Path) -> None:
    cases = made_up_cases(15)
    train_map_network(cases, replace(FAST, epochs=1), tmp_path, "cpu")
    with pytest.raises(InputError, match="other settings"):
        train_map_network(cases, replace(FAST, learning_rate=0.5), tmp_path, "cpu")
    with pytest.raises(CancelledError):
        train_map_network(cases, FAST, tmp_path, "cpu", cancelled=lambda: True)
    with pytest.raises(InputError, match="0 validation"):
        train_map_network([case for case in cases if case.split == "train"], FAST, tmp_path, "cpu")


def test_training_never_looks_at_test_cases(tmp_path: Path) -> None:
    cases = made_up_cases(15)
    spoiled = [replace(c, image=np.full_like(c.image, np.nan)) if c.split == "test" else c for c in cases]
    for name, chosen in (("a", cases), ("b", spoiled)):
        (tmp_path / name).mkdir()
        train_map_network(chosen, replace(FAST, epochs=1), tmp_path / name, "cpu")
    assert (tmp_path / "a" / LOG_NAME).read_text() == (tmp_path / "b" / LOG_NAME).read_text()


def test_a_trained_model_is_exported_scored_and_loaded_by_its_card(tmp_path: Path) -> None:
    cases = made_up_cases()
    settings = replace(FAST, epochs=10)
    data = TrainingData(cases, MAPS, masked=False, synthetic=True)
    done = train_and_export(data, settings, tmp_path, "made-up", "cpu")
    assert done.card.evidence == "synthetic"
    assert "phantom" in done.card.learned_from
    figures = {figure.name: figure for figure in done.card.figures}
    accuracy = figures["accuracy, three classes"]
    assert accuracy.value >= 0.9  # bands in three places are easy
    assert accuracy.interval is not None and accuracy.interval[0] < accuracy.value
    loaded = MapClassifier.load(done.card_file, "cpu")
    tests = [case for case in cases if case.split == "test"]
    probabilities, features = loaded.predict_images([case.image for case in tests])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert features.shape == (len(tests), loaded.network.n_features)
    right = (probabilities.argmax(axis=1) == [case.label for case in tests]).mean()
    assert right == pytest.approx(accuracy.value, abs=1e-4)


def test_damaged_weights_and_maps_of_other_settings_are_refused(tmp_path: Path) -> None:
    data = TrainingData(made_up_cases(15), MAPS, masked=False, synthetic=True)
    done = train_and_export(data, replace(FAST, epochs=1), tmp_path, "made-up", "cpu")
    loaded = MapClassifier.load(done.card_file, "cpu")
    counts = np.ones((30, 256), dtype=np.int64)
    prediction = loaded.predict(IntensityMap(counts, MAPS, 5.0))
    assert sum(prediction.probabilities) == pytest.approx(1.0)
    with pytest.raises(InputError, match="lung-masked"):
        loaded.predict(IntensityMap(counts, MAPS, 5.0, masked=True))
    with pytest.raises(InputError, match="128 bins"):
        loaded.predict(IntensityMap(counts[:, :128], MapSettings(size=SIZE, bins=128), 5.0))
    weights = tmp_path / "made-up.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="not those of the card"):
        MapClassifier.load(done.card_file, "cpu")
    with pytest.raises(ModelError, match="no-such"):
        MapClassifier.load("no-such", "cpu")


def test_a_patients_scans_are_averaged(tmp_path: Path) -> None:
    data = TrainingData(made_up_cases(15), MAPS, masked=False, synthetic=True)
    card = train_and_export(data, replace(FAST, epochs=1), tmp_path, "made-up", "cpu").card
    scans = [MapPrediction((0.2, 0.3, 0.5), (1.0, 0.0), card), MapPrediction((0.6, 0.3, 0.1), (3.0, 2.0), card)]
    patient = patient_prediction(scans)
    assert patient.probabilities == pytest.approx((0.4, 0.3, 0.3))
    assert patient.features == pytest.approx((2.0, 1.0))
    with pytest.raises(InputError, match="0 scans"):
        patient_prediction([])


def test_a_map_unlike_the_training_maps_is_recognised_and_gets_no_probability() -> None:
    images = [case.image for case in made_up_cases()]
    familiar = Familiarity.fit(images)
    assert max(familiar.ratio(image) for image in images) < 1
    strange = np.full((SIZE, SIZE), 0.9, dtype=np.float32)
    assert familiar.ratio(strange) > 1


def test_the_card_of_a_model_can_be_read_as_json(tmp_path: Path) -> None:
    settings = card_settings("small", 1.0, MAPS, True, Familiarity((0.1, 0.2), (0.01, 0.02), 2.0))
    assert json.loads(json.dumps(settings)) == settings
