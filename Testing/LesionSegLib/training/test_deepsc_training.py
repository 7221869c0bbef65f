"""DeepSC-COVID's scans, patches and two-stage training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ChestCTLib.phantom import Phantom
from LesionSegLib.networks.deepsc_covid import DeepSCCovid, DeepSCOutput, DeepSCSettings
from LesionSegLib.training.scans import (
    DeepSCScan,
    equidistant_slices,
    mirrored,
    random_patch,
    sampled,
    scan_of_phantom,
    window_and_mask,
)
from LesionSegLib.training.score_deepsc import DeepSCScores, score_deepsc
from LesionSegLib.training.train_deepsc import DeepSCTrainingSettings, pretrain_deepsc, train_deepsc
from LesionSegLib.training.whole_scans import read_scan, segment_scan

SETTINGS = DeepSCTrainingSettings(
    network=DeepSCSettings(width=0.0625), patch=(8, 16, 16), slices=8, first_epochs=2, second_epochs=1, batch=2
)


def toy_scan(label: int, seed: int) -> DeepSCScan:
    draw = np.random.default_rng(seed)
    volume = 0.2 * draw.random((8, 16, 24), dtype=np.float32)
    lesions = np.zeros_like(volume)
    if label < 2:
        lesions[2:6, 4:10, 3 + 8 * label : 10 + 8 * label] = 1.0
    return DeepSCScan(volume + 0.6 * lesions, lesions, label)


def test_the_window_is_scaled_and_everything_outside_the_lungs_is_black() -> None:
    hu = np.array([[[-3000, -1400, -600, 200, 900, -600]]], np.int16)
    lungs = np.array([[[1, 1, 1, 1, 1, 0]]], np.uint8)
    np.testing.assert_allclose(window_and_mask(hu, lungs)[0, 0], [0, 0, 0.5, 1, 1, 0])


def test_slices_are_equidistant_and_as_many_as_wanted() -> None:
    found = equidistant_slices(200, 48)
    assert len(found) == 48 and found[0] == 0 and set(np.diff(found)) == {4} and found[-1] < 200
    few = equidistant_slices(30, 48)
    assert len(few) == 48 and few.max() == 29 and (np.diff(few) >= 0).all()


def test_a_patch_knows_its_place_in_the_scan() -> None:
    scan = toy_scan(0, 0)
    patch, truth, place = random_patch(scan, (4, 8, 8), np.random.default_rng(5))
    start = [round(float(place[axis, 0]) * n) for axis, n in enumerate(scan.volume.shape)]
    box = tuple(slice(a, a + s) for a, s in zip(start, (4, 8, 8), strict=True))
    np.testing.assert_array_equal(patch[0].numpy(), scan.volume[box])
    np.testing.assert_array_equal(truth[0].numpy(), scan.lesions[box])


def test_a_phantom_becomes_a_lung_masked_scan_with_its_label(covid_phantom: Phantom) -> None:
    scan = scan_of_phantom(covid_phantom, (16, 32, 40))
    assert scan.volume.shape == (16, 32, 40) and scan.label == 0
    assert scan.lesions.max() == 1.0 and scan.volume[scan.lesions > 0.9].mean() > scan.volume.mean()


@pytest.mark.parametrize(("segment", "classify"), [(True, True), (True, False), (False, True)])
def test_both_stages_run_jointly_and_for_each_subnet_alone(tmp_path: Path, segment: bool, classify: bool) -> None:
    scans = [toy_scan(label, label) for label in (0, 1, 2)]
    network = train_deepsc(scans, tmp_path, SETTINGS, segment, classify)
    scores = DeepSCScores.of(score_deepsc(network, scans, SETTINGS, segment, classify))
    assert (scores.dice is None) != segment
    assert (scores.accuracy is None) != classify
    epochs = [len((tmp_path / f"stage-{stage}" / "log.csv").read_text().splitlines()) - 1 for stage in (1, 2)]
    assert epochs == [SETTINGS.first_epochs, SETTINGS.second_epochs]


def test_a_shared_first_stage_trains_what_the_segmentation_learns_alone(tmp_path: Path) -> None:
    scans = [toy_scan(label, label) for label in (0, 1, 2)]
    folders = {name: tmp_path / name for name in ("shared", "branch", "alone")}
    for folder in folders.values():
        folder.mkdir()
    pretrained = pretrain_deepsc(scans, folders["shared"], SETTINGS)
    branch = train_deepsc(scans, folders["branch"], SETTINGS, classify=False, pretrained=pretrained)
    alone = train_deepsc(scans, folders["alone"], SETTINGS, classify=False)
    for a, b in zip(branch.segmenter.parameters(), alone.segmenter.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    assert not torch.equal(branch.classifier.head.weight, alone.classifier.head.weight)  # learnt in the shared stage


def test_each_subnet_has_its_own_rate_in_the_first_stage(tmp_path: Path) -> None:
    settings = replace(SETTINGS, first_rate=1e-2, classification_rate=1e-12)
    torch.manual_seed(settings.seed)
    fresh = DeepSCCovid(settings.network)
    trained = pretrain_deepsc([toy_scan(0, 0), toy_scan(2, 2)], tmp_path, settings)
    torch.testing.assert_close(trained.classifier.head.weight, fresh.classifier.head.weight)
    assert not torch.allclose(trained.segmenter.outputs[-1].weight, fresh.segmenter.outputs[-1].weight, atol=1e-4)


def test_mirroring_exchanges_left_and_right_of_scan_and_lesions() -> None:
    scan = toy_scan(0, 0)
    np.testing.assert_array_equal(mirrored(scan).volume[..., 0], scan.volume[..., -1])
    np.testing.assert_array_equal(mirrored(mirrored(scan)).lesions, scan.lesions)


def test_patches_of_a_scan_are_put_together_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    scan, network = toy_scan(0, 0), DeepSCCovid(SETTINGS.network).eval()
    monkeypatch.setattr(network, "segment", lambda patch, slices, place: (patch, ()))
    found = segment_scan(network, scan, (8, 16, 16), None, torch.device("cpu"))  # the last patch moves inwards
    np.testing.assert_array_equal(found, scan.volume)


def test_a_scan_of_one_patch_is_read_in_one_pass_of_the_network() -> None:
    torch.manual_seed(0)
    scan, network = toy_scan(0, 0), DeepSCCovid(SETTINGS.network).eval()
    said = read_scan(network, scan, (8, 16, 24), 8, True, True, torch.device("cpu"))
    volume = sampled(scan, 8)[None]
    with torch.inference_mode():
        output = network(volume, volume)
    assert said.lesions is not None and said.logits is not None and output.lesion is not None
    np.testing.assert_allclose(said.lesions, output.lesion[0, 0].numpy(), atol=1e-6)
    np.testing.assert_allclose(said.logits, output.class_logits[0].numpy(), atol=1e-5)


def test_the_same_seed_trains_the_same_network(tmp_path: Path) -> None:
    scans = [toy_scan(0, 0), toy_scan(2, 2)]
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first, second = (train_deepsc(scans, folder, SETTINGS) for folder in folders)
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)


def test_stacks_without_a_diagnosis_teach_the_segmentation_alone(tmp_path: Path) -> None:
    scans = [toy_scan(0, 0), toy_scan(2, 2)]
    stacks = [DeepSCScan(scan.volume, scan.lesions, None) for scan in (toy_scan(1, 5), toy_scan(1, 6))]
    folders = [tmp_path / name for name in ("with", "without")]
    for folder in folders:
        folder.mkdir()
    taught = [train_deepsc(scans + stacks, folders[0], SETTINGS), train_deepsc(scans, folders[1], SETTINGS)]
    assert DeepSCScores.of(score_deepsc(taught[0], stacks, SETTINGS)).accuracy is None
    first = [network.segmenter.outputs[-1].weight for network in taught]
    assert not torch.allclose(*first)


class LooksAt(DeepSCCovid):
    """Its evidence is a given volume, whatever it sees."""

    shown: torch.Tensor

    def evidence(self, output: DeepSCOutput, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.shown, self.shown, self.shown


@pytest.mark.parametrize(("everywhere", "expected"), [(False, "above"), (True, "one")])
def test_evidence_in_lesions_is_weighed_against_evidence_in_the_lungs(everywhere: bool, expected: str) -> None:
    scan = toy_scan(0, 0)
    network = LooksAt(SETTINGS.network).eval()
    shown = np.ones_like(scan.lesions) if everywhere else scan.lesions
    network.shown = torch.from_numpy(shown)[None, None]
    (case,) = score_deepsc(network, [scan], SETTINGS, segment=False)
    ratio = case.evidence_ratio
    assert (
        ratio == pytest.approx(1.0) if expected == "one" else ratio == pytest.approx(1 / scan.lesions.mean(), rel=0.1)
    )
