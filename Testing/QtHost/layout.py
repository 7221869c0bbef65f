"""Stand-in for ``slicer.app.layoutManager()``: builds the views that a layout's XML asks for."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import vtk
from PySide6.QtCore import Property, QObject, Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from QtHost.views import PlotWidget, SliceWidget, TableWidget, ThreeDWidget

FOUR_UP = 3  # Slicer's own number of the layout it starts with
FOUR_UP_XML = """
<layout type="vertical"><item><layout type="horizontal">
<item><view class="vtkMRMLSliceNode" singletontag="Red"><property name="orientation">Axial</property>
<property name="viewlabel">R</property><property name="viewcolor">#F34A33</property></view></item>
<item><view class="vtkMRMLViewNode" singletontag="1"><property name="viewlabel">1</property></view></item>
</layout></item>
<item><layout type="horizontal">
<item><view class="vtkMRMLSliceNode" singletontag="Green"><property name="orientation">Coronal</property>
<property name="viewlabel">G</property><property name="viewcolor">#6EB04B</property></view></item>
<item><view class="vtkMRMLSliceNode" singletontag="Yellow"><property name="orientation">Sagittal</property>
<property name="viewlabel">Y</property><property name="viewcolor">#EDD54C</property></view></item>
</layout></item></layout>
"""


class _LayoutLogic:
    def __init__(self, node: Any) -> None:
        self._node = node

    def GetLayoutNode(self) -> Any:
        return self._node


class LayoutManager(QObject):
    """The views of the window."""

    def __init__(self, scene: Any, app_logic: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self._scene, self._app_logic, self._frame = scene, app_logic, parent
        self._views: dict[tuple[str, str], QWidget] = {}
        self._content: QWidget | None = None
        QVBoxLayout(parent).setContentsMargins(0, 0, 0, 0)
        self._node = scene.GetSingletonNode("vtkMRMLLayoutNode", "vtkMRMLLayoutNode") or scene.AddNewNodeByClass(
            "vtkMRMLLayoutNode"
        )
        if not self._node.IsLayoutDescription(FOUR_UP):
            self._node.AddLayoutDescription(FOUR_UP, FOUR_UP_XML)
        self._shown = 0
        self._node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._follow())
        self.setLayout(FOUR_UP)

    def setLayout(self, number: int) -> None:
        self._node.SetViewArrangement(number)
        self._follow()

    layout = Property(int, lambda self: self._node.GetViewArrangement(), setLayout)

    def layoutLogic(self) -> Any:
        return _LayoutLogic(self._node)

    def sliceViewNames(self) -> list[str]:
        return [tag for kind, tag in self._views if kind == "vtkMRMLSliceNode"]

    def resetSliceViews(self) -> None:
        for (kind, _), widget in self._views.items():
            if kind == "vtkMRMLSliceNode":
                widget.fit()  # type: ignore[attr-defined]

    def resetThreeDViews(self) -> None:
        for (kind, _), widget in self._views.items():
            if kind == "vtkMRMLViewNode":
                widget.view.reset_view()  # type: ignore[attr-defined]

    def host_views(self) -> dict[tuple[str, str], QWidget]:
        """The views made so far by class and tag; for tests."""
        return dict(self._views)

    def _follow(self) -> None:
        number = self._node.GetViewArrangement()
        if number == self._shown or not self._node.IsLayoutDescription(number):
            return
        self._shown = number
        root = ElementTree.fromstring(self._node.GetLayoutDescription(number))
        for widget in self._views.values():
            widget.setParent(None)
        content = self._build(root)
        if self._content is not None:
            self._content.setParent(None)
            self._content.deleteLater()
        self._content = content
        self._frame.layout().addWidget(content)
        content.show()

    @property
    def threeDViewCount(self) -> int:
        return len(self._three_d())

    def threeDWidget(self, index: int) -> Any:
        return self._three_d()[index]

    def _three_d(self) -> list[ThreeDWidget]:
        return [view for view in self._views.values() if isinstance(view, ThreeDWidget)]

    @property
    def tableViewCount(self) -> int:
        return len(self._tables())

    def tableWidget(self, index: int) -> Any:
        return self._tables()[index]

    def _tables(self) -> list[TableWidget]:
        return [view for view in self._views.values() if isinstance(view, TableWidget)]

    def _build(self, element: ElementTree.Element) -> QWidget:
        if element.tag == "view":
            return self._view(element)
        horizontal = element.get("type") == "horizontal"
        splitter = QSplitter(Qt.Orientation.Horizontal if horizontal else Qt.Orientation.Vertical)
        sizes = []
        for item in element:
            widget = self._build(item[0])
            widget.show()
            splitter.addWidget(widget)
            sizes.append(1000 * int(item.get("splitSize", "1")))
        splitter.setSizes(sizes)
        return splitter

    def _view(self, element: ElementTree.Element) -> QWidget:
        kind, tag = element.get("class", ""), element.get("singletontag", "")
        if (kind, tag) not in self._views:
            values = {item.get("name", ""): item.text or "" for item in element}
            label = values.get("viewlabel", "")
            if kind == "vtkMRMLSliceNode":
                color, orientation = values.get("viewcolor", "#ffffff"), values.get("orientation", "Axial")
                self._views[kind, tag] = SliceWidget(self._scene, self._app_logic, tag, orientation, label, color)
            elif kind == "vtkMRMLViewNode":
                self._views[kind, tag] = ThreeDWidget(self._scene, self._app_logic, tag, label)
            elif kind == "vtkMRMLTableViewNode":
                self._views[kind, tag] = TableWidget(self._scene, tag, label)
            else:
                self._views[kind, tag] = PlotWidget(self._scene, tag, label)
        return self._views[kind, tag]
