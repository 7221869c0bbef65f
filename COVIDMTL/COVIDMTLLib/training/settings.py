"""Settings of a training, all of the paper's by default (Section 5.1)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ChestCTLib.device import DeviceChoice
from ChestCTLib.errors import InputError
from COVIDMTLLib.losses import DEFAULT_DRAWS, LossName
from COVIDMTLLib.training.augment import AugmentSettings


@dataclass(frozen=True)
class TrainSettings:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training cases.
        batch: Cases a step, over all processes.
        learning_rate: Where the cosine starts.
        final_learning_rate: Where it ends, in the last epoch.
        momentum: Nesterov's.
        weight_decay: L2 penalty.
        loss: How the tasks' losses are joined.
        draws: ``n`` of the random-weighted loss.
        seed: Of weights, order, augmentation, dropout, Shift3D and the loss.
        augment: How crops vary; None for no variation.
        clip_gradient: Largest norm of the gradient; None leaves it, as the paper does.
        device: "auto", "cpu" or "cuda".
        mixed_precision: float16 where it is safe, on a GPU only.
        loaders: Processes that prepare batches; 0 prepares them in this one.
        validate_every: Epochs between validations; the last epoch is always validated.
    """

    epochs: int = 80
    batch: int = 10
    learning_rate: float = 0.005
    final_learning_rate: float = 5e-5
    momentum: float = 0.9
    weight_decay: float = 5e-5
    loss: LossName = "random"
    draws: int = DEFAULT_DRAWS
    seed: int = 0
    augment: AugmentSettings | None = field(default_factory=AugmentSettings)
    clip_gradient: float | None = None
    device: DeviceChoice = "auto"
    mixed_precision: bool = True
    loaders: int = 0
    validate_every: int = 1

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1 or self.validate_every < 1:
            raise InputError(
                f"{self.epochs} epochs of batches of {self.batch}, validated every {self.validate_every}.",
                "Use whole numbers from 1 on.",
            )
        if not 0 < self.final_learning_rate <= self.learning_rate:
            raise InputError(
                f"The learning rate goes from {self.learning_rate} to {self.final_learning_rate}.",
                "Let it fall, to a value above 0.",
            )
        if self.seed < 0:
            raise InputError(f"The seed is {self.seed}.", "Use a whole number from 0 on.")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and checkpoints."""
        return asdict(self)

    def decides(self) -> dict[str, Any]:
        """The values that a continued training must share with the one it continues."""
        anywhere = {"device", "loaders"}
        return {name: value for name, value in self.as_dict().items() if name not in anywhere}
