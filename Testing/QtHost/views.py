"""Views in Qt: slices and 3D rendered off screen by Slicer's displayable managers, tables, and a small plot."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget
from trame_slicer.views import SliceView, ThreeDView
from trame_slicer.views.render_scheduler import ScheduledRenderStrategy
from vtk.util import numpy_support

from QtHost.widgets import qMRMLTableView

BAR_HEIGHT = 22
MARGINS = (64, 14, 30, 46)  # left, right, top, bottom of a plot, pixels
PEELS = 2  # layers of translucent surfaces; more look the same here and cost the processor, which draws them
SLIDER_STEPS = 1000
GRID_LINES = 4
DIAMOND = 11  # pixels


class _WhenIdle(ScheduledRenderStrategy):
    """Asks for one rendering at the next turn of the event loop, however many changes came before it."""

    def __init__(self, picture: RenderedPicture) -> None:
        super().__init__()
        self._picture = picture

    def schedule_render(self) -> None:
        self._picture.render_soon()


class RenderedPicture(QWidget):
    """Shows what a trame-slicer view renders off screen, and passes the mouse on to it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view: Any = None
        self.renderings = 0
        self._image = QImage()
        self._rendering = False  # taking the picture moves the camera a little, which must not ask for another picture
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.render_now)
        self.setMinimumSize(QSize(80, 80))
        self.setMouseTracking(True)

    def take(self, view: Any) -> None:
        """Show this view from now on."""
        self.view = view
        view.render_window().SetOffScreenRendering(True)
        view.render_window().SetMultiSamples(0)
        view.set_scheduled_render(_WhenIdle(self))

    def render_soon(self) -> None:
        if not self._timer.isActive() and self.isVisible() and not self._rendering:
            self._timer.start(0)

    def render_now(self) -> None:
        if self.view is None or self.width() < 2 or self.height() < 2:
            return
        self._rendering = True
        try:
            window = self.view.render_window()
            window.Render()
            grab = vtk.vtkWindowToImageFilter()
            grab.SetInput(window)
            grab.ReadFrontBufferOff()
            grab.ShouldRerenderOff()
            grab.Update()
        finally:
            self._rendering = False
        output = grab.GetOutput()
        columns, rows, _ = output.GetDimensions()
        pixels = numpy_support.vtk_to_numpy(output.GetPointData().GetScalars()).reshape(rows, columns, 3)
        data = np.ascontiguousarray(pixels[::-1])
        self._image = QImage(data.tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
        self.renderings += 1
        self.update()

    def resizeEvent(self, event: Any) -> None:
        if self.view is not None:
            size = (max(self.width(), 2), max(self.height(), 2))
            self.view.render_window().SetSize(*size)
            self.view.update_size(*size)
            self.resized(*size)
        self.render_soon()

    def resized(self, width: int, height: int) -> None:
        """For views whose node keeps the size."""

    def showEvent(self, event: Any) -> None:
        self.render_soon()

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        painter.drawImage(self.rect(), self._image)

    def _pass_on(self, event: Any, vtk_event: str) -> None:
        interactor = self.view.interactor()
        point = event.position()
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        interactor.SetEventInformation(int(point.x()), self.height() - int(point.y()) - 1, control, shift)
        interactor.InvokeEvent(vtk_event)

    def mousePressEvent(self, event: Any) -> None:
        self._pass_on(event, f"{_button(event)}ButtonPressEvent")

    def mouseReleaseEvent(self, event: Any) -> None:
        self._pass_on(event, f"{_button(event)}ButtonReleaseEvent")

    def mouseMoveEvent(self, event: Any) -> None:
        self._pass_on(event, "MouseMoveEvent")

    def wheelEvent(self, event: Any) -> None:
        turned = "Forward" if event.angleDelta().y() > 0 else "Backward"
        self._pass_on(event, f"MouseWheel{turned}Event")


def _button(event: Any) -> str:
    names = {Qt.MouseButton.RightButton: "Right", Qt.MouseButton.MiddleButton: "Middle"}
    return names.get(event.button(), "Left")


class _SlicePicture(RenderedPicture):
    def resized(self, width: int, height: int) -> None:
        node = self.view.get_view_node()
        columns, rows = node.GetDimensions()[:2]
        field = node.GetFieldOfView()
        millimetres = max(field[0] / max(columns, 1), field[1] / max(rows, 1))
        node.SetDimensions(width, height, 1)
        node.SetFieldOfView(millimetres * width, millimetres * height, field[2])


class SliceWidget(QWidget):
    """A slice view with its bar: label, offset slider and position."""

    def __init__(self, scene: Any, app_logic: Any, name: str, orientation: str, label: str, color: str) -> None:
        super().__init__()
        self.name = name
        self.picture = _SlicePicture(self)
        view = SliceView(scene, app_logic, name)
        self.picture.take(view)
        node = view.get_view_node()
        node.SetOrientation(orientation)
        node.SetLayoutLabel(label)
        node.SetLayoutColor(QColor(color).redF(), QColor(color).greenF(), QColor(color).blueF())
        node.SetMappedInLayout(1)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, SLIDER_STEPS)
        self._position = QLabel()
        self._position.setMinimumWidth(72)
        self._position.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._slider.sliderMoved.connect(self._move)
        _lay_out(self, label, color, [self._slider, self._position], self.picture)
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._show_position())
        self._show_position()

    @property
    def view(self) -> Any:
        return self.picture.view

    def fit(self) -> None:
        self.view.fit_view_to_content()

    def _move(self, step: int) -> None:
        low, high = self.view.get_slice_range()
        self.view.set_slice_value(low + (high - low) * step / SLIDER_STEPS)

    def _show_position(self) -> None:
        low, high = self.view.get_slice_range()
        value = self.view.get_slice_value()
        self._slider.setValue(round(SLIDER_STEPS * (value - low) / (high - low)) if high > low else 0)
        self._position.setText(f"{value:.1f} mm")


class ThreeDWidget(QWidget):
    """A 3D view with its bar."""

    def __init__(self, scene: Any, app_logic: Any, name: str, label: str) -> None:
        super().__init__()
        self.picture = RenderedPicture(self)
        view = ThreeDView(scene, app_logic, name)
        self.picture.take(view)
        node = view.get_view_node()
        node.SetMappedInLayout(1)
        view.renderer().SetMaximumNumberOfPeels(PEELS)
        view.renderer().SetUseDepthPeelingForVolumes(False)
        node.SetBoxVisible(False)
        node.SetAxisLabelsVisible(False)
        node.SetBackgroundColor(0.07, 0.09, 0.11)
        node.SetBackgroundColor2(0.20, 0.24, 0.28)
        _lay_out(self, label, "#8f9ec8", [], self.picture)

    def threeDView(self) -> RenderedPicture:
        return self.picture

    @property
    def view(self) -> Any:
        return self.picture.view


class TableWidget(QWidget):
    """A table view that follows its view node."""

    def __init__(self, scene: Any, name: str, label: str) -> None:
        super().__init__()
        self._scene = scene
        self._node = _view_node(scene, "vtkMRMLTableViewNode", name)
        self._title = QLabel()
        self.table = qMRMLTableView()
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.table.setAlternatingRowColors(True)
        _lay_out(self, label, "#e1ba3c", [self._title], self.table)
        self._node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._follow())
        scene.AddObserver(scene.NodeRemovedEvent, lambda *_: self._follow())
        self._follow()

    def tableView(self) -> qMRMLTableView:
        return self.table

    def _follow(self) -> None:
        node = self._node.GetTableNode()
        self.table.setMRMLTableNode(node)
        self._title.setText(node.GetName() if node is not None else "")


class PlotWidget(QWidget):
    """A plot view that follows its view node and draws its chart's curves."""

    def __init__(self, scene: Any, name: str, label: str) -> None:
        super().__init__()
        self._scene = scene
        self._node = _view_node(scene, "vtkMRMLPlotViewNode", name)
        self.chart = _Chart(self)
        _lay_out(self, label, "#e1ba3c", [], self.chart)
        self._node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._follow())
        scene.AddObserver(scene.NodeRemovedEvent, lambda *_: self._follow())
        self._watched: Any = None
        self._follow()

    def _follow(self) -> None:
        node = self._node.GetPlotChartNode()
        if node is not None and node is not self._watched:
            node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self.chart.update())
            self._watched = node
        self.chart.node = node
        self.chart.update()


class _Chart(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.node: Any = None
        self.setMinimumSize(QSize(80, 80))

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor("white"))
        curves = self._curves()
        if not curves:
            return
        left, right, top, bottom = MARGINS
        area = QRectF(left, top, self.width() - left - right, self.height() - top - bottom)
        x_low = min(float(x.min()) for _, x, _, _ in curves)
        x_high = max(float(x.max()) for _, x, _, _ in curves)
        if not self.node.GetXAxisRangeAuto():
            x_low, x_high = self.node.GetXAxisRange()
        y_low = min(min(float(np.nanmin(y)) for _, _, y, _ in curves), 0.0)
        y_high = max(max(float(np.nanmax(y)) for _, _, y, _ in curves), y_low + 1e-9)
        painter.setFont(_font(painter, self.node.GetAxisLabelFontSize()))
        _draw_axes(painter, area, (x_low, x_high), (y_low, y_high))
        _draw_titles(painter, area, self.node)
        for _name, x, y, (color, is_line) in curves:
            points = [
                QPointF(
                    area.left() + area.width() * (float(a) - x_low) / max(x_high - x_low, 1e-9),
                    area.bottom() - area.height() * (float(b) - y_low) / (y_high - y_low),
                )
                for a, b in zip(x, y, strict=True)
                if np.isfinite(b)
            ]
            if is_line:
                painter.setPen(QPen(color, 2))
                painter.drawPolyline(points)
            for point in points if not is_line else ():
                _draw_diamond(painter, point, color)
        if len(curves) > 1 and self.node.GetLegendVisibility():
            entries = [(name, color) for name, _, _, (color, _) in curves]
            _draw_legend(painter, area, entries, self.node.GetLegendFontSize())

    def _curves(self) -> list[tuple[str, Any, Any, tuple[QColor, bool]]]:
        if self.node is None or self.node.GetScene() is None:
            return []
        found = []
        for index in range(self.node.GetNumberOfPlotSeriesNodes()):
            series = self.node.GetNthPlotSeriesNode(index)
            table = series.GetTableNode() if series is not None else None
            if table is None or table.GetTable().GetColumnByName(series.GetYColumnName()) is None:
                continue
            x, y = (
                numpy_support.vtk_to_numpy(table.GetTable().GetColumnByName(column))
                for column in (series.GetXColumnName(), series.GetYColumnName())
            )
            if len(x):
                style = (QColor.fromRgbF(*series.GetColor()), series.GetLineStyle() != series.LineStyleNone)
                found.append((series.GetName(), x, y, style))
        return found


def _draw_diamond(painter: QPainter, center: QPointF, color: QColor) -> None:
    reach = DIAMOND / 2
    corners = [QPointF(0, -reach), QPointF(reach, 0), QPointF(0, reach), QPointF(-reach, 0)]
    painter.setPen(QPen(QColor("white"), 1))
    painter.setBrush(color)
    painter.drawPolygon([center + corner for corner in corners])
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _draw_axes(painter: QPainter, area: QRectF, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
    for step in range(GRID_LINES + 1):
        share = step / GRID_LINES
        x, y = area.left() + area.width() * share, area.bottom() - area.height() * share
        painter.setPen(QPen(QColor("#dddddd"), 1))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        painter.setPen(QColor("black"))
        x_text = f"{x_range[0] + (x_range[1] - x_range[0]) * share:.0f}"
        painter.drawText(QRectF(x - 40, area.bottom() + 2, 80, 16), Qt.AlignmentFlag.AlignCenter, x_text)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(
            QRectF(area.left() - 46, y - 8, 42, 16), right, f"{y_range[0] + (y_range[1] - y_range[0]) * share:.3g}"
        )


def _font(painter: QPainter, size: int, bold: bool = False) -> QFont:
    font = QFont(painter.font())
    font.setPixelSize(size)
    font.setBold(bold)
    return font


def _draw_titles(painter: QPainter, area: QRectF, chart: Any) -> None:
    painter.save()
    painter.setFont(_font(painter, chart.GetAxisTitleFontSize()))
    painter.drawText(
        QRectF(area.left(), area.bottom() + 18, area.width(), 20), Qt.AlignmentFlag.AlignCenter, chart.GetXAxisTitle()
    )
    painter.save()
    painter.translate(12, area.center().y())
    painter.rotate(-90)
    painter.drawText(
        QRectF(-area.height() / 2 - 20, -8, area.height() + 40, 18), Qt.AlignmentFlag.AlignCenter, chart.GetYAxisTitle()
    )
    painter.restore()
    painter.setFont(_font(painter, chart.GetTitleFontSize(), bold=True))
    title = QRectF(0, 4, area.left() + area.width() + MARGINS[1], 22)
    painter.drawText(title, Qt.AlignmentFlag.AlignCenter, chart.GetTitle() or "")
    painter.restore()


def _draw_legend(painter: QPainter, area: QRectF, entries: list[tuple[str, QColor]], size: int) -> None:
    painter.save()
    painter.setFont(_font(painter, size))
    width = max(painter.fontMetrics().horizontalAdvance(name) for name, _ in entries) + 4
    height = painter.fontMetrics().height()
    left = area.right() - width - 30
    box = QRectF(left - 4, area.top() + 2, width + 32, height * len(entries) + 4)
    painter.fillRect(box, QColor(255, 255, 255, 200))
    for row, (name, color) in enumerate(entries):
        y = box.top() + 2 + height * (row + 0.5)
        painter.setPen(QPen(color, 3))
        painter.drawLine(QPointF(left, y), QPointF(left + 20, y))
        painter.setPen(QColor("black"))
        painter.drawText(QRectF(left + 26, y - height / 2, width, height), Qt.AlignmentFlag.AlignVCenter, name)
    painter.restore()


def _lay_out(widget: QWidget, label: str, color: str, beside: list[QWidget], below: QWidget) -> None:
    bar = QWidget()
    bar.setFixedHeight(BAR_HEIGHT)
    tag = QLabel(label)
    tag.setStyleSheet(f"background: {color}; color: black; padding: 0 6px; font-weight: bold;")
    row = QHBoxLayout(bar)
    row.setContentsMargins(0, 0, 4, 0)
    row.addWidget(tag)
    for item in beside:
        row.addWidget(item)
    if not any(isinstance(item, QSlider) for item in beside):
        row.addStretch(1)
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(bar)
    column.addWidget(below, 1)


def _view_node(scene: Any, class_name: str, name: str) -> Any:
    node = scene.GetSingletonNode(name, class_name)
    if node is None:
        node = getattr(slicer, class_name)()
        node.SetSingletonTag(name)
        node.SetName(name)
        node = scene.AddNode(node)
    node.SetMappedInLayout(1)
    return node
