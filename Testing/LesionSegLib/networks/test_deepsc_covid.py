"""DeepSC-COVID: shapes, stitching, places, evidence and ablations."""

from __future__ import annotations

import pytest
import torch

from ChestCTLib.errors import InputError
from LesionSegLib.networks.deepsc_covid import (
    CrossStitch,
    DeepSCCovid,
    DeepSCSettings,
    crop_at,
    match,
    put_at,
)

SMALL = DeepSCSettings(width=0.125)


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 1, 8, 16, 16, generator=generator), torch.rand(2, 1, 8, 32, 32, generator=generator)


def test_both_tasks_come_out_in_their_shapes() -> None:
    patch, slices = inputs()
    output = DeepSCCovid(SMALL)(patch, slices)
    assert output.lesion is not None and output.lesion.shape == patch.shape
    assert output.class_logits is not None and output.class_logits.shape == (2, 3)
    assert [tuple(scale.shape[2:]) for scale in output.scales] == [(1, 1, 1), (2, 2, 2), (4, 4, 4), (8, 8, 8)]
    assert len(output.encoded) == 3


def test_the_paper_s_width_has_its_encoder_channels() -> None:
    head = DeepSCCovid(DeepSCSettings(width=1.0)).classifier.head
    assert head.in_features == 64 + 128 + 256
    assert head.out_features == 3


def test_each_task_runs_alone_for_the_first_training_stage() -> None:
    patch, slices = inputs()
    network = DeepSCCovid(SMALL)
    alone = network(patch, None)
    assert alone.class_logits is None and alone.lesion is not None
    assert network(None, slices).lesion is None
    with pytest.raises(InputError):
        network(None, None)


def test_sizes_that_do_not_halve_three_times_are_refused() -> None:
    with pytest.raises(InputError, match="multiples of 8"):
        DeepSCCovid(SMALL)(torch.zeros(1, 1, 8, 30, 32), None)


def test_cross_stitch_mixes_by_its_four_weights() -> None:
    unit = CrossStitch()
    with torch.no_grad():
        unit.weights.copy_(torch.tensor([[2.0, 3.0], [5.0, 7.0]]))
    lesion, diagnosis = unit(torch.ones(1, 1, 2, 2, 2), torch.full((1, 1, 4, 4, 4), 10.0))
    assert torch.equal(lesion, torch.full((1, 1, 2, 2, 2), 2.0 + 3.0 * 10.0))
    assert diagnosis[0, 0, 0, 0, 0] == 7.0 * 10.0  # outside the padded patch
    assert diagnosis[0, 0, 1, 1, 1] == 5.0 + 7.0 * 10.0


def test_from_a_stitch_of_0_both_tasks_begin_with_what_they_learnt_alone() -> None:
    patch, slices = inputs()
    network = DeepSCCovid(DeepSCSettings(width=0.125, stitch=0.0))
    lesions = torch.zeros_like(slices)
    together = network(patch, slices, lesions)
    torch.testing.assert_close(together.lesion, network(patch, None).lesion)
    torch.testing.assert_close(together.class_logits, network(None, slices, lesions).class_logits)


def test_a_patch_meets_the_scan_s_features_where_it_lies() -> None:
    unit = CrossStitch(own=0.0, other=1.0)
    scan = torch.rand(1, 1, 8, 8, 8, generator=torch.Generator().manual_seed(2))
    place = torch.tensor([[[0.0, 0.5], [0.5, 1.0], [0.25, 0.75]]])
    patch = torch.ones(1, 1, 4, 4, 4)
    lesion, diagnosis = (mixed.detach() for mixed in unit(patch, scan, place))
    torch.testing.assert_close(lesion, scan[:, :, 0:4, 4:8, 2:6])
    assert torch.equal(diagnosis.round(), put_at(patch, place, (8, 8, 8)).round())
    assert diagnosis[0, 0, 1, 6, 4] == pytest.approx(1.0) and diagnosis[0, 0, 1, 1, 4] == 0.0


def test_lesions_around_the_patch_stay_and_those_in_its_place_are_its_own() -> None:
    patch, slices = inputs()
    network = DeepSCCovid(DeepSCSettings(width=0.125, cross_stitch=False)).eval()
    place = torch.tensor([[[0.0, 1.0], [0.0, 0.5], [0.0, 0.5]]]).expand(2, 3, 2)
    rest = torch.ones_like(slices)
    own = put_at(network.segment(patch)[0], place, slices.shape[2:])
    expected = own.clone()
    expected[..., 16:, :] = 1.0
    expected[..., 16:] = 1.0
    logits = network(patch, slices, place=place, rest=rest).class_logits
    torch.testing.assert_close(logits, network(None, slices, expected).class_logits)


def test_without_the_unit_the_diagnosis_does_not_see_the_patch_s_features() -> None:
    patch, slices = inputs()
    network = DeepSCCovid(DeepSCSettings(width=0.125, cross_stitch=False))
    lesions = torch.zeros_like(slices)
    first = network(patch, slices, lesions).class_logits
    torch.testing.assert_close(network(patch * 0.5, slices, lesions).class_logits, first)
    stitched = DeepSCCovid(SMALL)
    assert not torch.allclose(
        stitched(patch, slices, lesions).class_logits, stitched(patch * 0.5, slices, lesions).class_logits
    )


def test_dimension_matching_pads_and_crops_about_the_middle() -> None:
    line = torch.arange(4.0).reshape(1, 1, 4, 1, 1)
    assert match(line, (2, 1, 1)).flatten().tolist() == [1.0, 2.0]
    assert match(line, (6, 1, 1)).flatten().tolist() == [0.0, 0.0, 1.0, 2.0, 3.0, 0.0]


def test_a_patch_put_in_its_place_is_cropped_out_again() -> None:
    patch = torch.rand(1, 1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    place = torch.tensor([[[0.0, 0.5], [0.25, 0.75], [0.5, 1.0]]])
    scan = put_at(patch, place, (8, 8, 8))
    torch.testing.assert_close(scan[:, :, 0:4, 2:6, 4:8], patch)
    assert scan.sum() == pytest.approx(float(patch.sum()), rel=1e-4)
    torch.testing.assert_close(crop_at(scan, place, (4, 4, 4)), patch)


def test_evidence_is_the_encoder_weighted_by_the_classifier() -> None:
    patch, slices = inputs()
    network = DeepSCCovid(SMALL)
    output = network(patch, slices)
    first, second, third = network.evidence(output, torch.tensor([0, 2]))
    channels = output.encoded[0].shape[1]
    weights = network.classifier.head.weight[2, :channels]
    by_hand = (output.encoded[0][1] * weights[:, None, None, None]).sum(0)
    torch.testing.assert_close(first[1, 0], by_hand)
    assert output.class_logits is not None
    total = sum(float(mask[0].mean().detach()) for mask in (first, second, third))
    assert total == pytest.approx(
        float(output.class_logits[0, 0].detach()), abs=1e-4
    )  # pooled evidence is the class's logit
    with pytest.raises(InputError):
        network.evidence(network(patch, None), torch.tensor([0, 0]))


def test_without_inception_the_features_keep_their_shape() -> None:
    patch, slices = inputs()
    output = DeepSCCovid(DeepSCSettings(width=0.125, inception=False))(patch, slices)
    assert output.lesion is not None and output.lesion.shape == patch.shape


@pytest.mark.parametrize(
    "values", [{"width": 0.0}, {"stitch": 0.6}, {"etas": (1.0, 1.0, 1.0)}, {"etas": (0.0, 0.0, 0.0, 0.0)}]
)
def test_impossible_shapes_are_refused(values: dict) -> None:
    with pytest.raises(InputError):
        DeepSCSettings(**values)
