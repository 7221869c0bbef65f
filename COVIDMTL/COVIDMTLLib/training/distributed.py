"""Several processes, one a GPU, as ``torchrun`` starts them; one process without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

from ChestCTLib.progress import Progress, no_progress

# The others wait while the leading process reads and resamples the scans; the default half an hour would end them
PREPARING_LIMIT = timedelta(hours=12)


@dataclass(frozen=True)
class Workers:
    """This process among those of one training.

    Attributes:
        rank: Number of this process; 0 writes logs and checkpoints.
        count: Number of processes.
        local_rank: Number on this machine, that is the GPU to use.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes logs and checkpoints."""
        return self.rank == 0

    def mean(self, value: float) -> float:
        """Mean of a number over all processes; every one must ask."""
        if self.count == 1:
            return value
        device = torch.device("cuda", self.local_rank) if distributed.get_backend() == "nccl" else "cpu"
        total = torch.tensor(value, dtype=torch.float64, device=device)
        distributed.all_reduce(total)
        return float(total.item()) / self.count

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            distributed.barrier()

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """A block that the leading process runs alone; the others follow and find in the cache what it made."""
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    def telling(self, progress: Progress) -> Progress:
        """The caller's progress for the leading process, silence for the others."""
        return progress if self.leads else no_progress


@contextmanager
def workers(device: torch.device) -> Iterator[Workers]:
    """Join the other processes of a ``torchrun``; alone without it. Inside another such block the same processes stay.

    Args:
        device: Kind of device to train on; "cuda" talks over NCCL, "cpu" over Gloo.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Workers()
        return
    own = Workers(int(os.environ["RANK"]), count, int(os.environ.get("LOCAL_RANK", "0")))
    if distributed.is_initialized():
        yield own
        return
    if device.type == "cuda":
        torch.cuda.set_device(own.local_rank)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PREPARING_LIMIT)
    try:
        yield own
    finally:
        distributed.destroy_process_group()
