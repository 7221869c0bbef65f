"""Batches of prepared cases, each a function of seed, epoch and case alone, so that a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ChestCTLib.learning.seeding import derived_seed
from COVIDMTLLib.network_input import InputSettings, normalised
from COVIDMTLLib.tasks import MISSING_LABEL
from COVIDMTLLib.training.augment import Augmentation, AugmentSettings, plain
from COVIDMTLLib.training.cases import FeatureScale, PreparedCase

ORDER = 1  # names the random order of an epoch among the derived seeds
VARIATION = 2  # names the augmentation of a case


@dataclass(frozen=True)
class Batch:
    """Cases of one step.

    Attributes:
        volume: ``[batch, 1, z, y, x]`` float32, normalised.
        features: ``[batch, n_features]`` float32, standardised; None without.
        labels: ``[batch]`` int64 by task; -1 where missing.
    """

    volume: Tensor
    features: Tensor | None
    labels: dict[str, Tensor]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(
            self.volume.to(device, non_blocking=True),
            None if self.features is None else self.features.to(device, non_blocking=True),
            {name: values.to(device, non_blocking=True) for name, values in self.labels.items()},
        )


class CaseBatches(Dataset[Batch]):
    """Makes batches; each item is a whole batch.

    Args:
        cases: Prepared cases.
        tasks: Names of the tasks whose labels are wanted.
        input_settings: What the network sees.
        scale: Standardisation of features; empty without features.
        augment: How crops vary; None for the plain centred crop.
        seed: Of the variation.
    """

    def __init__(
        self,
        cases: Sequence[PreparedCase],
        tasks: Sequence[str],
        input_settings: InputSettings,
        scale: FeatureScale,
        augment: AugmentSettings | None,
        seed: int,
    ) -> None:
        self.cases = list(cases)
        self.tasks = tuple(tasks)
        self.input_settings = input_settings
        self.scale = scale
        self.seed = seed
        self._augmentation = Augmentation(augment, input_settings) if augment is not None else None
        self._plan: list[list[int]] = []
        self._epoch = 0

    def plan(self, epoch: int, batches: list[list[int]]) -> None:
        """Choose the epoch and which cases its batches hold."""
        self._epoch, self._plan = epoch, batches

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, number: int) -> Batch:
        chosen = self._plan[number]
        volumes = torch.stack([self._volume(index) for index in chosen])
        labels = {
            name: torch.tensor([self.cases[index].labels.get(name, MISSING_LABEL) for index in chosen])
            for name in self.tasks
        }
        features = None
        if self.scale.mean:
            rows = [self.scale.apply(self.cases[index].features) for index in chosen]
            features = torch.from_numpy(np.stack(rows))
        return Batch(volumes, features, labels)

    def _volume(self, index: int) -> Tensor:
        array = np.load(self.cases[index].intensities)
        if self._augmentation is None:
            intensities = plain(array, self.input_settings)
        else:
            seed = derived_seed(self.seed, VARIATION, self._epoch, index)
            intensities = self._augmentation(array, seed)
        return normalised(intensities, self.input_settings)


def epoch_batches(n_cases: int, batch: int, seed: int, epoch: int, rank: int = 0, count: int = 1) -> list[list[int]]:
    """Which cases form this process's batches of a training epoch, in random order.

    Args:
        n_cases: Number of training cases.
        batch: Cases a step over all processes.
        seed: Of the order.
        epoch: Number of the epoch.
        rank: Number of this process.
        count: Number of processes; each gets equally many batches of equal size, some cases twice if need be.
    """
    order = np.random.default_rng(derived_seed(seed, ORDER, epoch)).permutation(n_cases)
    share = max(1, batch // count)
    steps = max(1, round(n_cases / (share * count)))
    if count > 1:
        order = np.resize(order, steps * share * count)[rank::count]
    return [part.tolist() for part in np.array_split(order, steps) if len(part)]


def ordered_batches(n_cases: int, batch: int) -> list[list[int]]:
    """All cases in their order."""
    return [list(range(first, min(first + batch, n_cases))) for first in range(0, n_cases, batch)]


def load(batches: CaseBatches, loaders: int) -> Iterator[Batch]:
    """The planned batches, one after the other."""
    # the loader draws a seed of its own; a private generator keeps the global sequence untouched
    generator = torch.Generator().manual_seed(0)
    yield from DataLoader(batches, batch_size=None, num_workers=loaders, generator=generator)
