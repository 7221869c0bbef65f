"""Trainings that go on where they were interrupted: one checkpoint a run, tied to what the run was asked to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ChestCTLib.errors import InputError
from ChestCTLib.learning.checkpoints import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from ChestCTLib.learning.seeding import random_states, restore_random_states


class HasState(Protocol):
    """A network, optimiser or schedule."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that must be kept."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take it back."""


class RunState:
    """The checkpoint of a training.

    Args:
        folder: Existing folder of the run.
        asked: What the run does (settings, amount of data); a checkpoint of another run is refused, not mixed in.
        parts: What is kept: network, optimiser, schedule, average.
    """

    def __init__(self, folder: Path, asked: tuple[object, ...], **parts: HasState) -> None:
        self.path = folder / CHECKPOINT_NAME
        self.asked = " ".join(repr(one) for one in asked)
        self.parts = parts

    def resume(self) -> dict[str, Any]:
        """Bring parts and random generators to where the run stopped.

        Returns:
            The values given to :meth:`save`; empty where the folder has no checkpoint, so that the run starts anew.

        Raises:
            InputError: The checkpoint belongs to another run.
            ModelError: It cannot be read.
        """
        if not self.path.is_file():
            return {}
        state = load_checkpoint(self.path)
        if state.get("asked") != self.asked:
            raise InputError(
                f"{self.path.parent.name} holds a training with other settings or data.", "Choose another folder."
            )
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        restore_random_states(state["random"])
        values: dict[str, Any] = state["values"]
        return values

    def save(self, **values: Any) -> None:
        """Write the checkpoint of a finished epoch; ``values`` are numbers, strings, tensors or dicts of them."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        save_checkpoint(self.path, {"asked": self.asked, "parts": parts, "random": random_states(), "values": values})
