"""Stand-ins for the qMRML and ctk widgets the modules use, each with names that Slicer's own class has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import vtk
from PySide6.QtCore import Property, QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QTableView,
    QWidget,
)

from QtHost.segment_editor import qMRMLSegmentEditorWidget

__all__ = [
    "ctkCollapsibleButton",
    "ctkDirectoryButton",
    "ctkSliderWidget",
    "qMRMLNodeComboBox",
    "qMRMLSegmentEditorWidget",
    "qMRMLTableView",
    "qMRMLWidget",
]

HEADER_HEIGHT = 26
SLIDER_STEPS = 1000


class qMRMLWidget(QWidget):
    """Root of a module's ``.ui``: passes its scene on to its children."""

    mrmlSceneChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)
        for child in self.findChildren(QWidget):
            # Slicer's .ui files wire this signal to each MRML child; QUiLoader cannot connect Python slots
            wired = isinstance(child, qMRMLNodeComboBox | qMRMLSegmentEditorWidget | qMRMLTableView)
            if wired and _root(child) is self:
                child.setMRMLScene(scene)

    def mrmlScene(self) -> Any:
        return self._scene


class qMRMLSortFilterProxyModel(QObject):
    """What a selector lists."""

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._hidden: list[str] = []

    def _set_hidden(self, ids: list[str]) -> None:
        self._hidden = list(ids)
        self.changed.emit()

    hiddenNodeIDs = Property("QStringList", lambda self: self._hidden, _set_hidden)


def _root(widget: QWidget) -> QWidget | None:
    """The next qMRMLWidget above a widget."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, qMRMLWidget):
        parent = parent.parentWidget()
    return parent


class qMRMLNodeComboBox(QWidget):
    """Selector of nodes of some classes."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeAddedByUser = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._box = QComboBox(self)
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._scene: Any = None
        self._tags: list[int] = []
        self._current_id = ""
        self._filling = False
        self._filter = qMRMLSortFilterProxyModel(self)
        self._filter.changed.connect(self._fill)
        self._values: dict[str, Any] = {
            "nodeTypes": [],
            "noneEnabled": False,
            "noneDisplay": "None",
            "addEnabled": True,
            "removeEnabled": True,
            "renameEnabled": False,
            "editEnabled": False,
            "showHidden": False,
            "showChildNodeTypes": True,
            "selectNodeUponCreation": True,
            "baseName": "",
            "hideChildNodeTypes": [],
        }
        self._box.activated.connect(self._on_activated)

    def _get(self, name: str) -> Any:
        return self._values[name]

    def _set(self, name: str, value: Any) -> None:
        self._values[name] = value
        self._fill()

    nodeTypes = Property("QStringList", lambda self: self._get("nodeTypes"), lambda self, v: self._set("nodeTypes", v))
    hideChildNodeTypes = Property(
        "QStringList", lambda self: self._get("hideChildNodeTypes"), lambda self, v: self._set("hideChildNodeTypes", v)
    )
    noneEnabled = Property(bool, lambda self: self._get("noneEnabled"), lambda self, v: self._set("noneEnabled", v))
    noneDisplay = Property(str, lambda self: self._get("noneDisplay"), lambda self, v: self._set("noneDisplay", v))
    addEnabled = Property(bool, lambda self: self._get("addEnabled"), lambda self, v: self._set("addEnabled", v))
    removeEnabled = Property(
        bool, lambda self: self._get("removeEnabled"), lambda self, v: self._set("removeEnabled", v)
    )
    renameEnabled = Property(
        bool, lambda self: self._get("renameEnabled"), lambda self, v: self._set("renameEnabled", v)
    )
    editEnabled = Property(bool, lambda self: self._get("editEnabled"), lambda self, v: self._set("editEnabled", v))
    showHidden = Property(bool, lambda self: self._get("showHidden"), lambda self, v: self._set("showHidden", v))
    showChildNodeTypes = Property(
        bool, lambda self: self._get("showChildNodeTypes"), lambda self, v: self._set("showChildNodeTypes", v)
    )
    selectNodeUponCreation = Property(
        bool, lambda self: self._get("selectNodeUponCreation"), lambda self, v: self._set("selectNodeUponCreation", v)
    )
    baseName = Property(str, lambda self: self._get("baseName"), lambda self, v: self._set("baseName", v))
    currentNodeID = Property(str, lambda self: self._current_id, lambda self, v: self.setCurrentNodeID(v))

    def setMRMLScene(self, scene: Any) -> None:
        if self._scene is not None:
            for tag in self._tags:
                self._scene.RemoveObserver(tag)
        self._scene, self._tags = scene, []
        if scene is not None:
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent):
                self._tags.append(scene.AddObserver(event, lambda *_: self._fill()))
        self._fill()

    def mrmlScene(self) -> Any:
        return self._scene

    def currentNode(self) -> Any:
        return self._scene.GetNodeByID(self._current_id) if self._scene is not None and self._current_id else None

    def setCurrentNode(self, node: Any) -> None:
        self.setCurrentNodeID(node.GetID() if node is not None else "")

    def setCurrentNodeID(self, node_id: str) -> None:
        self._choose(node_id if node_id in [node.GetID() for node in self._nodes()] else "")
        self._fill()

    def addNode(self, node_type: str = "") -> Any:
        kind = node_type or self.nodeTypes[0]
        node = self._scene.AddNewNodeByClass(kind, self._scene.GenerateUniqueName(self.baseName or kind[8:-4]))
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        if self.currentNode() is not None:
            self._scene.RemoveNode(self.currentNode())

    def sortFilterProxyModel(self) -> qMRMLSortFilterProxyModel:
        return self._filter

    def nodeCount(self) -> int:
        return len(self._nodes())

    def _nodes(self) -> list[Any]:
        if self._scene is None or self._scene.IsClosing():
            return []
        found = []
        for kind in self.nodeTypes:
            for index in range(self._scene.GetNumberOfNodesByClass(kind)):
                node = self._scene.GetNthNodeByClass(index, kind)
                is_child = node.GetClassName() != kind
                if node.GetID() in self._filter.property("hiddenNodeIDs"):
                    continue
                if (node.GetHideFromEditors() and not self.showHidden) or (is_child and not self.showChildNodeTypes):
                    continue
                found.append(node)
        return found

    def _fill(self) -> None:
        if self._filling:
            return
        self._filling = True
        try:
            nodes = self._nodes()
            ids = [node.GetID() for node in nodes]
            if self._current_id not in ids:
                self._choose(ids[0] if ids and not self.noneEnabled else "")
            self._box.clear()
            if self.noneEnabled or not nodes:
                self._box.addItem(self.noneDisplay, "")
            for node in nodes:
                self._box.addItem(node.GetName(), node.GetID())
            if self.addEnabled and self._scene is not None:
                self._box.insertSeparator(self._box.count())
                self._box.addItem(f"Create new {self.nodeTypes[0][8:-4] if self.nodeTypes else 'node'}", "+")
            self._box.setCurrentIndex(max(self._box.findData(self._current_id), 0))
        finally:
            self._filling = False

    def _choose(self, node_id: str) -> None:
        if node_id == self._current_id:
            return
        self._current_id = node_id
        self.currentNodeChanged.emit(self.currentNode())
        self.currentNodeIDChanged.emit(node_id)

    def _on_activated(self, index: int) -> None:
        data = self._box.itemData(index)
        if data == "+":
            self.addNode()
        elif data is not None:
            self._choose(data)


class _TableModel(QAbstractTableModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.node: Any = None

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if self.node is None or parent.isValid() else self.node.GetNumberOfRows()

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if self.node is None or parent.isValid() else self.node.GetNumberOfColumns()

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return self.node.GetCellText(index.row(), index.column()) if role == Qt.ItemDataRole.DisplayRole else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role != Qt.ItemDataRole.DisplayRole or self.node is None:
            return None
        if orientation == Qt.Orientation.Vertical or not self.node.GetUseColumnTitleAsColumnHeader():
            return str(section + 1)
        name = self.node.GetColumnName(section)
        unit = self.node.GetColumnUnitLabel(name)
        return f"{name} ({unit})" if unit else name


class qMRMLTableView(QTableView):
    """View of a table node."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._sceneTag = 0
        self._tag: int | None = None
        self._rows = _TableModel(self)
        self.setModel(self._rows)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)

    def setMRMLScene(self, scene: Any) -> None:
        if self._scene is not None:
            self._scene.RemoveObserver(self._sceneTag)
        self._scene = scene
        if scene is not None:  # as in Slicer: a view of a scene shows its view node's table, here none
            self._sceneTag = scene.AddObserver(scene.EndBatchProcessEvent, lambda *_: self.setMRMLTableNode(None))

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLTableNode(self, node: Any) -> None:
        if self._rows.node is not None and self._tag is not None:
            self._rows.node.RemoveObserver(self._tag)
        self._rows.node = node
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._reset()) if node else None
        self._reset()

    def mrmlTableNode(self) -> Any:
        return self._rows.node

    def _reset(self) -> None:
        self._rows.beginResetModel()
        self._rows.endResetModel()


class ctkCollapsibleButton(QAbstractButton):
    """A button that shows and hides what lies below it."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setChecked(True)
        self._height = 14
        self.setContentsMargins(0, HEADER_HEIGHT, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.toggled.connect(self._on_toggled)

    def _get_collapsed(self) -> bool:
        return not self.isChecked()

    def _set_collapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = Property(bool, _get_collapsed, _set_collapsed)

    def _get_height(self) -> int:
        return self._height

    def _set_height(self, height: int) -> None:
        self._height = height

    collapsedHeight = Property(int, _get_height, _set_height)

    def _on_toggled(self, shown: bool) -> None:
        self._apply()
        self.contentsCollapsed.emit(not shown)

    def _apply(self) -> None:
        collapsed = self._get_collapsed()
        for child in self.children():
            if isinstance(child, QWidget):
                child.setVisible(not collapsed)
        self.setMaximumHeight(HEADER_HEIGHT + 2 if collapsed else 16777215)
        self.updateGeometry()

    def childEvent(self, event: Any) -> None:
        super().childEvent(event)
        if event.added() and self._get_collapsed() and isinstance(event.child(), QWidget):
            event.child().setVisible(False)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        if self._get_collapsed():
            self._apply()

    def hitButton(self, position: Any) -> bool:
        return bool(position.y() <= HEADER_HEIGHT)

    def sizeHint(self) -> Any:
        hint = super().sizeHint() if self.layout() is None else self.layout().totalSizeHint()
        hint.setHeight(HEADER_HEIGHT + 2 if self._get_collapsed() else max(hint.height(), HEADER_HEIGHT))
        return hint

    def minimumSizeHint(self) -> Any:
        return self.sizeHint()

    def paintEvent(self, event: Any) -> None:
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect.setHeight(HEADER_HEIGHT)
        option.state |= QStyle.StateFlag.State_Raised
        painter = QStylePainter(self)
        painter.drawControl(QStyle.ControlElement.CE_PushButtonBevel, option)
        arrow = "\u25b6" if self._get_collapsed() else "\u25bc"
        area = option.rect.adjusted(8, 0, -4, 0)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, f"{arrow}  {self.text()}")


class ctkDirectoryButton(QPushButton):
    """A button that shows a folder and lets the user choose another."""

    directoryChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._set_directory(str(Path.cwd()))
        self.clicked.connect(self.browse)

    def browse(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "", self._directory)
        if found:
            self._set_directory(found)

    def _set_directory(self, directory: str) -> None:
        self._directory = directory
        self.setText(directory)
        self.directoryChanged.emit(directory)

    directory = Property(str, lambda self: self._directory, _set_directory)


class ctkSliderWidget(QWidget):
    """A slider beside a spin box."""

    valueChanged = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QSlider(Qt.Orientation.Horizontal, self)
        self._slider.setRange(0, SLIDER_STEPS)
        self._box = QDoubleSpinBox(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self._box.valueChanged.connect(self._on_box)
        self._slider.sliderMoved.connect(self._on_slider)

    def _on_box(self, value: float) -> None:
        span = self._box.maximum() - self._box.minimum()
        self._slider.setValue(round(SLIDER_STEPS * (value - self._box.minimum()) / span) if span else 0)
        self.valueChanged.emit(value)

    def _on_slider(self, step: int) -> None:
        low, high = self._box.minimum(), self._box.maximum()
        self._box.setValue(low + (high - low) * step / SLIDER_STEPS)

    def setValue(self, value: float) -> None:
        self._box.setValue(value)

    value = Property(float, lambda self: self._box.value(), lambda self, v: self._box.setValue(v))
    minimum = Property(float, lambda self: self._box.minimum(), lambda self, v: self._box.setMinimum(v))
    maximum = Property(float, lambda self: self._box.maximum(), lambda self, v: self._box.setMaximum(v))
    singleStep = Property(float, lambda self: self._box.singleStep(), lambda self, v: self._box.setSingleStep(v))
    decimals = Property(int, lambda self: self._box.decimals(), lambda self, v: self._box.setDecimals(v))
    suffix = Property(str, lambda self: self._box.suffix(), lambda self, v: self._box.setSuffix(v))
