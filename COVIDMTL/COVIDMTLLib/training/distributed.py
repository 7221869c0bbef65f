"""Several processes, one a GPU, as ``torchrun`` starts them; one process without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed


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
def workers(device: torch.device) -> Iterator[Workers]:
    """Join the other processes of a ``torchrun``; alone without it.

    Args:
        device: Kind of device to train on; "cuda" talks over NCCL, "cpu" over Gloo.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Workers()
        return
    own = Workers(int(os.environ["RANK"]), count, int(os.environ.get("LOCAL_RANK", "0")))
    if device.type == "cuda":
        torch.cuda.set_device(own.local_rank)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield own
    finally:
        distributed.destroy_process_group()
