"""Checkpoints: written whole or not at all, read without running code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ChestCTLib.errors import ModelError, OutputError
from ChestCTLib.io.atomic import atomic_path

if TYPE_CHECKING:
    import torch

CHECKPOINT_NAME = "checkpoint.pt"  # the file a run continues from, inside its folder


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; an interruption leaves the previous one in place.

    Args:
        path: File to write.
        state: Tensors, numbers, strings, None, and dicts, lists and tuples of them; what else is in it is refused when
            the checkpoint is read.

    Raises:
        OutputError: The file could not be written.
    """
    import torch

    try:
        with atomic_path(path) as temporary:
            torch.save(state, temporary)
    except RuntimeError as error:  # how torch reports a full disk
        raise OutputError(
            f"The checkpoint {path.name} could not be written: {error}.", "Check the free space."
        ) from error


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint that :func:`save_checkpoint` wrote.

    Args:
        path: The file.
        device: Where its tensors go.

    Returns:
        The saved state.

    Raises:
        ModelError: The file is missing, damaged, or holds more than plain values and tensors.
    """
    import torch

    if not path.is_file():
        raise ModelError(f"There is no checkpoint {path.name} in {path.parent.name}.", "Start the training anew.")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(f"The checkpoint {path.name} cannot be read: {reason}", "Start the training anew.") from error
    if not isinstance(state, dict):
        raise ModelError(f"The checkpoint {path.name} holds no training state.", "Start the training anew.")
    return state
