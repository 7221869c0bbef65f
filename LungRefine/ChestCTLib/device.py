"""Which processor the networks run on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from ChestCTLib.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    import torch

DeviceChoice = Literal["auto", "cpu", "cuda"]
log = logging.getLogger(__name__)


def choose_device(choice: DeviceChoice = "auto") -> torch.device:
    """Find the device to compute on.

    Args:
        choice: "auto" takes the GPU where there is a working one.

    Returns:
        The torch device.

    Raises:
        InputError: "cuda" was asked for and there is none, or the choice is unknown.
        MissingDependencyError: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("PyTorch (torch) is not installed.", "Install it: networks need it.") from error

    if choice not in ("auto", "cpu", "cuda"):
        raise InputError(f"Unknown device '{choice}'.", "Use auto, cpu or cuda.")
    available = torch.cuda.is_available()
    if choice == "cuda" and not available:
        raise InputError(
            "No CUDA GPU was found by this build of PyTorch.", "Use --device cpu, or install PyTorch's CUDA build."
        )
    device = torch.device("cuda" if available and choice != "cpu" else "cpu")
    log.info("computing on %s", device)
    return device
