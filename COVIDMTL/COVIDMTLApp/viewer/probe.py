"""Attenuation and position under the mouse, as Slicer's data probe shows them."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import slicer

from ChestCTMRML.geometry import ijk_to_world_ras
from ChestCTMRML.volumes import voxels
from COVIDMTLApp.viewer.context import SessionContext

DELAY_S = 0.08  # between two texts while the mouse moves


class Probe:
    """Follows the mouse over the planes.

    Args:
        context: The session.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._timer: asyncio.TimerHandle | None = None
        self._tag: tuple[Any, int] | None = None
        self._from_ras: Any = None
        context.state.probe = ""
        context.on_case(self._on_leaving, self._on_case)

    def _on_leaving(self) -> None:
        if self._tag is not None:
            self._tag[0].RemoveObserver(self._tag[1])
            self._tag = None

    def _on_case(self) -> None:
        node = self._context.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        volume = self._context.nodes.volume
        self._context.state.probe = ""
        if node is None or volume is None:
            return
        self._from_ras = np.linalg.inv(ijk_to_world_ras(volume))
        moved = slicer.vtkMRMLCrosshairNode.CursorPositionModifiedEvent
        self._tag = (node, node.AddObserver(moved, self._on_moved))

    def _on_moved(self, *_: Any) -> None:
        if self._timer is None:
            self._timer = asyncio.get_event_loop().call_later(DELAY_S, self._show)

    def _show(self) -> None:
        self._timer = None
        position = [0.0, 0.0, 0.0]
        node = self._context.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        over = node is not None and node.GetCursorPositionRAS(position)
        with self._context.state as state:
            state.probe = self._text(position) if over and self._context.nodes.volume is not None else ""

    def _text(self, ras: list[float]) -> str:
        place = " ".join(
            f"{names[value < 0]} {abs(value):.0f}" for names, value in zip(("RL", "AP", "SI"), ras, strict=True)
        )
        i, j, k = np.rint(self._from_ras[:3] @ [*ras, 1.0]).astype(int)
        array = voxels(self._context.nodes.volume)
        inside = 0 <= k < array.shape[0] and 0 <= j < array.shape[1] and 0 <= i < array.shape[2]
        return f"{place} mm" + (f"   {int(array[k, j, i])} HU" if inside else "")
