"""Build a network from its settings, as checkpoints and model cards keep them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from torch import nn

from ChestCTLib.errors import InputError
from COVIDMTLLib.networks.covid_mtl import MultitaskNetwork, Trunk
from COVIDMTLLib.networks.decovnet import DeCoVNet
from COVIDMTLLib.networks.feature_network import FeatureNetwork
from COVIDMTLLib.networks.resnet3d import ResNet3D
from COVIDMTLLib.networks.shift3d import ShiftSettings
from COVIDMTLLib.networks.shiftnet3d import ShiftNet3D
from COVIDMTLLib.networks.squeezenet3d import SqueezeNet3D, TrunkSettings
from COVIDMTLLib.tasks import TASK_BY_NAME, TASKS

Architecture = Literal["covid-mtl", "shiftnet3d", "squeezenet3d", "resnet3d", "decovnet", "features"]


@dataclass(frozen=True)
class NetworkSettings:
    """Everything needed to build a network.

    Attributes:
        architecture: "covid-mtl" and "shiftnet3d" have Shift3D after the stem, "squeezenet3d" has not; "features" is
            the network over lung features alone.
        tasks: Names of the tasks, from ct, nat and severity.
        width: Multiplies the trunk's channels; 1 is the paper's.
        pools: Which of SqueezeNet3D's three pools are used.
        n_features: Lung features for the auxiliary network; 0 for volume only.
        shift: How Shift3D draws, where there is one.
        transferred: The trunk is frozen, the tasks have new fully connected layers (Section 5.4).
    """

    architecture: Architecture = "covid-mtl"
    tasks: tuple[str, ...] = tuple(task.name for task in TASKS)
    width: float = 1.0
    pools: tuple[bool, bool, bool] = (True, True, True)
    n_features: int = 0
    shift: ShiftSettings = field(default_factory=ShiftSettings)
    transferred: bool = False

    def __post_init__(self) -> None:
        if self.architecture not in get_args(Architecture):
            raise InputError(
                f"Unknown network '{self.architecture}'.", f"Use one of {', '.join(get_args(Architecture))}."
            )
        unknown = [name for name in self.tasks if name not in TASK_BY_NAME]
        if unknown or not self.tasks:
            raise InputError(f"Unknown tasks: {unknown or 'none given'}.", f"Use {', '.join(TASK_BY_NAME)}.")
        if self.architecture == "features" and self.n_features < 1:
            raise InputError("The network over lung features needs their number.", "Set n_features.")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and checkpoints."""
        values = asdict(self)
        return {**values, "tasks": list(self.tasks), "pools": list(self.pools)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkSettings:
        """The inverse of :meth:`as_dict`."""
        try:
            shift = ShiftSettings(**values["shift"])
            return cls(**{**values, "tasks": tuple(values["tasks"]), "pools": tuple(values["pools"]), "shift": shift})
        except (KeyError, TypeError) as error:
            raise InputError(f"The settings of a network cannot be read: {error}.", "Train it again.") from error


def build_network(settings: NetworkSettings) -> nn.Module:
    """A network with He-initialised weights.

    Returns:
        A :class:`MultitaskNetwork`, or a :class:`FeatureNetwork` for "features".
    """
    tasks = [TASK_BY_NAME[name] for name in settings.tasks]
    if settings.architecture == "features":
        return FeatureNetwork(settings.n_features, tasks)
    trunk: Trunk
    if settings.architecture == "resnet3d":
        trunk = ResNet3D(settings.width)
    elif settings.architecture == "decovnet":
        trunk = DeCoVNet()
    elif settings.architecture == "squeezenet3d":
        trunk = SqueezeNet3D(TrunkSettings(settings.width, settings.pools))
    else:
        trunk = ShiftNet3D(TrunkSettings(settings.width, settings.pools, settings.shift))
    return MultitaskNetwork(trunk, tasks, settings.n_features, settings.transferred)
