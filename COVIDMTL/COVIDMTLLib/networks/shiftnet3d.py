"""ShiftNet3D: SqueezeNet3D with Shift3D after the stem (Section 4)."""

from __future__ import annotations

from dataclasses import replace

from COVIDMTLLib.networks.shift3d import ShiftSettings
from COVIDMTLLib.networks.squeezenet3d import SqueezeNet3D, TrunkSettings


class ShiftNet3D(SqueezeNet3D):
    """The trunk of COVID-MTL.

    Args:
        settings: Shape of the trunk; without a shift the paper's default one is used.
        n_in: Input channels.
    """

    def __init__(self, settings: TrunkSettings | None = None, n_in: int = 1) -> None:
        settings = settings or TrunkSettings()
        super().__init__(replace(settings, shift=settings.shift or ShiftSettings()), n_in)
