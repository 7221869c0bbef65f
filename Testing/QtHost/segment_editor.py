"""Stand-in for Slicer's segment editor: keeps its nodes, and undoes with Slicer's own history of segmentations."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6.QtCore import Property
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget


class qMRMLSegmentEditorWidget(QWidget):
    """A place-holder for the editor's buttons; what modules call works."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        QVBoxLayout(self).addWidget(QLabel("(Slicer's segment editor stands here)"))
        self._scene: Any = None
        self._node: Any = None
        self._segmentation: Any = None
        self._volume: Any = None
        self._history: Any = None
        self._unordered = True
        self._states = 0

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        self._node = node

    def mrmlSegmentEditorNode(self) -> Any:
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        if node is self._segmentation:
            return
        self._segmentation = node
        if self._node is not None:
            self._node.SetAndObserveSegmentationNode(node)
        self._history = slicer.vtkSegmentationHistory() if node is not None else None
        if node is not None:
            self._history.SetMaximumNumberOfStates(max(self._states, 1))
            self._history.SetSegmentation(node.GetSegmentation())

    def segmentationNode(self) -> Any:
        return self._segmentation

    def setSourceVolumeNode(self, node: Any) -> None:
        self._volume = node
        if self._node is not None:
            self._node.SetAndObserveSourceVolumeNode(node)

    def sourceVolumeNode(self) -> Any:
        return self._volume

    def saveStateForUndo(self) -> None:
        self._history.SaveState()

    def undo(self) -> None:
        self._history.RestorePreviousState()

    def redo(self) -> None:
        self._history.RestoreNextState()

    def setMaximumNumberOfUndoStates(self, states: int) -> None:
        self._states = states

    def setEffectNameOrder(self, names: list[str]) -> None:
        """The stand-in has no effects."""

    def setActiveEffect(self, effect: Any) -> None:
        """The stand-in has no effects."""

    def setSegmentationNodeSelectorVisible(self, visible: bool) -> None:
        """The stand-in has no selectors."""

    def setSourceVolumeNodeSelectorVisible(self, visible: bool) -> None:
        """The stand-in has no selectors."""

    def setShow3DButtonVisible(self, visible: bool) -> None:
        """The stand-in has no buttons."""

    def setupViewObservations(self) -> None:
        """The stand-in does not listen to views."""

    def removeViewObservations(self) -> None:
        """The stand-in does not listen to views."""

    def installKeyboardShortcuts(self, parent: Any = None) -> None:
        """The stand-in has no shortcuts."""

    def uninstallKeyboardShortcuts(self) -> None:
        """The stand-in has no shortcuts."""

    def _set_unordered(self, visible: bool) -> None:
        self._unordered = visible

    unorderedEffectsVisible = Property(bool, lambda self: self._unordered, _set_unordered)
