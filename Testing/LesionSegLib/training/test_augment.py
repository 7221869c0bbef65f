"""Augmentation: masks follow their pictures, values stay in range, the same seed gives the same batch."""

from __future__ import annotations

import torch

from LesionSegLib.training.augment import AugmentSettings, augment

STILL = AugmentSettings(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    pictures = torch.rand(3, 4, 24, 32, generator=torch.Generator().manual_seed(0))
    pictures[:, 3] = 1.0
    return pictures, (pictures[:, 1:2] > 0.5).float()


def test_with_everything_off_nothing_changes() -> None:
    pictures, targets = batch()
    same, same_targets = augment(pictures, targets, STILL, torch.Generator())
    torch.testing.assert_close(same, pictures, atol=2e-4, rtol=0)
    torch.testing.assert_close(same_targets, targets)


def test_targets_turn_with_their_pictures() -> None:
    pictures = torch.zeros(4, 4, 48, 64)
    pictures[:, :3, 5:20, 8:30] = 1.0
    targets = pictures[:, 1:2].clone()
    settings = AugmentSettings(0.5, 20, 0.2, 0.05, 0, 0, 0, 0, 0, 0, 0, 0)
    turned, turned_targets = augment(pictures, targets, settings, torch.Generator().manual_seed(2))
    assert not torch.equal(turned_targets, targets)
    assert (turned[:, 1:2].sub(turned_targets).abs() > 0.51).float().mean() < 1e-3


def test_values_stay_in_range_and_a_seed_repeats_them() -> None:
    first = augment(*batch(), AugmentSettings(), torch.Generator().manual_seed(5))
    second = augment(*batch(), AugmentSettings(), torch.Generator().manual_seed(5))
    assert float(first[0].min()) >= 0 and float(first[0].max()) <= 1
    assert set(first[1].unique().tolist()) <= {0.0, 1.0}
    torch.testing.assert_close(first[0], second[0])


def test_neighbours_and_lungs_can_be_taken_away() -> None:
    settings = AugmentSettings(0, 0, 0, 0, 0, 0, 0, 0, 0, no_neighbours=1.0, no_lungs=1.0, mask_outside=0)
    pictures, targets = batch()
    pictures[:, 3] = 0.0
    changed, _ = augment(pictures, targets, settings, torch.Generator())
    torch.testing.assert_close(changed[:, 0], changed[:, 1])
    assert (changed[:, 3] == 1).all()
