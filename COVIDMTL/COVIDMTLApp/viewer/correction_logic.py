"""Correction by hand: paint, erase, remove a piece, undo and redo, with trame-slicer's segment editor."""

from __future__ import annotations

from enum import Enum
from typing import Any

from trame_slicer.segmentation import (
    BrushDiameterMode,
    ModificationMode,
    SegmentationEffect,
    SegmentationEffectErase,
    SegmentationEffectIslands,
    SegmentationEffectNoTool,
    SegmentationEffectPaint,
    SegmentationOverwriteMode,
)
from trame_slicer.segmentation.segmentation_effect_islands import SegmentationIslandsMode

from ChestCTLib.labels import LESION_LABELS
from ChestCTMRML.segmentations import match_segments
from COVIDMTLApp.viewer.context import SessionContext
from COVIDMTLApp.viewer.lesion_undo import LesionUndo

BRUSH_MM = 12.0


class Tool(Enum):
    """What the left button does in the views; the value is the effect of the segment editor."""

    none = SegmentationEffectNoTool
    paint = SegmentationEffectPaint
    erase = SegmentationEffectErase
    remove = SegmentationEffectIslands


class CorrectionLogic:
    """Edits the shown case's lesions.

    Args:
        context: The session.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._editor = context.app.segmentation_editor
        self._undo = LesionUndo()
        self._editor.set_undo_stack(self._undo)
        for signal in self._undo.signals():
            signal.connect(self._on_undo)
        context.state.update(
            {
                "tool": Tool.none.name,
                "segment": LESION_LABELS[0].value,
                "segments": [{"title": label.name.capitalize(), "value": label.value} for label in LESION_LABELS],
                "brush_mm": BRUSH_MM,
                "brush_sphere": True,
                "can_undo": False,
                "can_redo": False,
            }
        )
        context.state.change("tool", "segment", "brush_mm", "brush_sphere")(self._on_tool)
        context.on_case(self._on_leaving)

    def undo(self) -> None:
        """Take the last stroke back."""
        if self._undo.can_undo():
            self._undo.undo()

    def redo(self) -> None:
        """Do it again."""
        if self._undo.can_redo():
            self._undo.redo()

    def _on_tool(self, tool: str, segment: int, brush_mm: float, brush_sphere: bool, **_: Any) -> None:
        lesions = self._context.nodes.lesions
        if lesions is None:
            return
        effect = Tool[tool].value
        if self._editor.active_segmentation_node is not lesions:
            if effect is SegmentationEffectNoTool:
                return
            self._editor.set_surface_representation_enabled(True)  # else the editor takes the surfaces away
            self._editor.set_active_segmentation(lesions, self._context.nodes.volume)
            self._undo.watch(lesions.GetSegmentation())
            self._editor.set_overwrite_mode(SegmentationOverwriteMode.OVERWRITE_ALL)
        self._editor.set_active_segment_id(match_segments(lesions, LESION_LABELS)[int(segment)])
        self._editor.set_active_effect_type(effect)
        self._prepare(effect, float(brush_mm), bool(brush_sphere))

    def _prepare(self, effect: type[SegmentationEffect], brush_mm: float, brush_sphere: bool) -> None:
        active = self._editor.active_effect
        if effect is SegmentationEffectIslands:
            active.set_island_mode(SegmentationIslandsMode.REMOVE_SELECTED)
        elif effect in (SegmentationEffectPaint, SegmentationEffectErase):
            active.set_brush_diameter(brush_mm, BrushDiameterMode.Absolute)
            active.set_use_sphere_brush(brush_sphere)
        if effect is SegmentationEffectErase:
            active.set_mode(ModificationMode.RemoveAll)  # a lesion is wiped out whatever its class

    def _on_leaving(self) -> None:
        self._editor.clear()
        self._context.state.tool = Tool.none.name

    def _on_undo(self, *_: Any) -> None:
        with self._context.state as state:
            state.can_undo, state.can_redo = self._undo.can_undo(), self._undo.can_redo()
