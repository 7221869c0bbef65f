"""Stand-in for ``slicer.parameterNodeWrapper``: typed parameters kept in a scripted module node.

As in Slicer: one parameter a member, defaults by ``=``, values saved as text and enums by name, nodes as references,
widgets bound by their dynamic property ``SlicerParameterName``. Types: bool, int, float, str, Enum and MRML nodes,
``Annotated`` with ``WithinRange``, ``Minimum``, ``Maximum``, ``Choice``, ``Decimals``, ``SingleStep``.
"""

from __future__ import annotations

import typing
import weakref
from dataclasses import dataclass
from enum import Enum
from typing import Any

import slicer
import vtk
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QPushButton, QSpinBox, QWidget

from QtHost.widgets import ctkSliderWidget, qMRMLNodeComboBox

PROPERTY = "SlicerParameterName"


@dataclass(frozen=True)
class WithinRange:
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Minimum:
    minimum: float


@dataclass(frozen=True)
class Maximum:
    maximum: float


@dataclass(frozen=True)
class Choice:
    choices: list[Any]


@dataclass(frozen=True)
class Decimals:
    value: int


@dataclass(frozen=True)
class SingleStep:
    value: float


@dataclass(frozen=True)
class Default:
    value: Any


@dataclass(frozen=True)
class _Parameter:
    name: str
    type: Any
    annotations: tuple[Any, ...]
    default: Any

    def find(self, kind: type) -> Any:
        return next((item for item in self.annotations if isinstance(item, kind)), None)

    @property
    def is_node(self) -> bool:
        return isinstance(self.type, type) and issubclass(self.type, slicer.vtkMRMLNode)

    def check(self, value: Any) -> None:
        allowed = (int, float) if self.type is float else self.type
        if value is None and self.is_node:
            return
        if not isinstance(value, allowed):
            raise TypeError(f"{self.name}: {value!r} is no {self.type}")
        limits = self.find(WithinRange)
        if limits is not None and not limits.minimum <= value <= limits.maximum:
            raise ValueError(f"{self.name}: {value} is not within {limits.minimum} and {limits.maximum}")
        choice = self.find(Choice)
        if choice is not None and value not in choice.choices:
            raise ValueError(f"{self.name}: {value} is none of {choice.choices}")

    def write(self, node: Any, value: Any) -> None:
        self.check(value)
        if self.is_node:
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        elif isinstance(self.type, type) and issubclass(self.type, Enum):
            node.SetParameter(self.name, value.name)
        else:
            node.SetParameter(self.name, str(value))

    def read(self, node: Any) -> Any:
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        if self.type is bool:
            return text == "True"
        if issubclass(self.type, Enum):
            return self.type[text]
        return self.type(text)


def parameterNodeWrapper(classtype: type | None = None) -> Any:
    """Turn a class of annotated members into a typed view of a parameter node."""
    if classtype is None:
        return parameterNodeWrapper
    parameters = {}
    for name, hint in typing.get_type_hints(classtype, include_extras=True).items():
        kind, *annotations = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
        default = getattr(classtype, name, next((a.value for a in annotations if isinstance(a, Default)), None))
        if default is None and not issubclass(kind, slicer.vtkMRMLNode):
            default = next(iter(kind)) if issubclass(kind, Enum) else kind()
        parameters[name] = _Parameter(name, kind, tuple(annotations), default)
        setattr(classtype, name, _property(parameters[name]))
    for name in _Methods.__dict__:
        if not name.startswith("__") or name == "__init__":
            setattr(classtype, name, _Methods.__dict__[name])
    classtype.allParameters = parameters  # type: ignore[attr-defined]
    return classtype


def _property(parameter: _Parameter) -> property:
    return property(
        lambda self: self._values[parameter.name],
        lambda self, value: self._write(parameter, value),
    )


class _Methods:
    """What the wrapper adds to a class."""

    allParameters: dict[str, _Parameter]

    def __init__(self, parameterNode: Any, prefix: str | None = None) -> None:
        self.parameterNode = parameterNode
        self._bound: dict[int, tuple[list[_Binding], int]] = {}
        self._updating = False
        for parameter in self.allParameters.values():
            if not parameterNode.HasParameter(parameter.name):
                parameter.write(parameterNode, parameter.default)
        # as in Slicer, values are remembered until the parameter node says that it changed: a node that is removed from
        # the scene, for one, stays the value until somebody sets another
        self._values: dict[str, Any] = {}
        self._refresh()
        me = weakref.ref(self)
        parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: me() and me()._refresh())

    def _refresh(self) -> None:
        for name, parameter in self.allParameters.items():
            self._values[name] = parameter.read(self.parameterNode)

    def _write(self, parameter: _Parameter, value: Any) -> None:
        modifying = self.parameterNode.StartModify()
        try:
            parameter.write(self.parameterNode, value)
            self._values[parameter.name] = parameter.read(self.parameterNode)
        finally:
            self.parameterNode.EndModify(modifying)

    def connectGui(self, gui: Any) -> None:
        """As in many Slicer versions: no tag comes back, so what is bound stays bound."""
        widgets = gui.findChildren(QWidget) if isinstance(gui, QWidget) else list(gui.__dict__.values())
        self.connectParametersToGui(
            {QObject.property(w, PROPERTY): w for w in widgets if QObject.property(w, PROPERTY)}
        )

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        # a combo box is emptied and filled anew: whoever is still bound to it hears that, as in Slicer
        bindings = [_Binding(self, self.allParameters[name], widget) for name, widget in mapping.items()]
        tag = len(self._bound)
        observer = self.parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_gui(tag))
        self._bound[tag] = (bindings, observer)
        self._to_gui(tag)
        for binding in bindings:
            binding.listen()
        return tag

    def disconnectGui(self, tag: int) -> None:
        if tag in self._bound:
            bindings, observer = self._bound.pop(tag)
            self.parameterNode.RemoveObserver(observer)
            for binding in bindings:
                binding.deaf = True

    def _to_gui(self, tag: int) -> None:
        if self._updating or tag not in self._bound:
            return
        self._updating = True
        try:
            for binding in self._bound[tag][0]:
                binding.write(getattr(self, binding.parameter.name))
        finally:
            self._updating = False

    def getValue(self, name: str) -> Any:
        return getattr(self, name)

    def setValue(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def StartModify(self) -> int:
        return int(self.parameterNode.StartModify())

    def EndModify(self, was_modifying: int) -> int:
        return int(self.parameterNode.EndModify(was_modifying))

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return int(self.parameterNode.AddObserver(event, callback, priority))

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def Modified(self) -> None:
        self.parameterNode.Modified()


class _Binding:
    """One parameter and the widget that shows it."""

    def __init__(self, owner: Any, parameter: _Parameter, widget: QWidget) -> None:
        self.owner, self.parameter, self.widget = owner, parameter, widget
        self.deaf = False
        self._prepare()

    def _prepare(self) -> None:
        """Fill a combo box and set limits, as Slicer's connectors do."""
        widget, parameter = self.widget, self.parameter
        if isinstance(widget, QComboBox):
            widget.clear()
            widget.addItems([label for label, _ in self._choices()])
        limits = parameter.find(WithinRange)
        if isinstance(widget, QSpinBox | QDoubleSpinBox):
            if limits is not None:
                widget.setRange(limits.minimum, limits.maximum)
        elif isinstance(widget, ctkSliderWidget):
            if limits is None:
                raise RuntimeError("Slicer connects a ctkSliderWidget only to a parameter with limits.")
            widget.minimum, widget.maximum = limits.minimum, limits.maximum

    def _choices(self) -> list[tuple[str, Any]]:
        if issubclass(self.parameter.type, Enum):
            label = getattr(self.parameter.type, "label", lambda item: item.name)
            return [(label(item), item) for item in self.parameter.type]
        return [(str(item), item) for item in self.parameter.find(Choice).choices]

    def listen(self) -> None:
        widget: Any = self.widget
        for kind, signal in _SIGNALS:
            if isinstance(widget, kind):
                getattr(widget, signal).connect(self._changed)
                return
        raise RuntimeError(f"Slicer has no connector from {self.parameter.type} to {type(widget).__name__}.")

    def _changed(self, *_: Any) -> None:
        if not self.deaf and not self.owner._updating:
            setattr(self.owner, self.parameter.name, self.read())

    def read(self) -> Any:
        widget: Any = self.widget
        if isinstance(widget, qMRMLNodeComboBox):
            return widget.currentNode()
        if isinstance(widget, QComboBox):
            return self._choices()[widget.currentIndex()][1]
        if isinstance(widget, QCheckBox | QPushButton):
            return widget.isChecked()
        if isinstance(widget, QLineEdit):
            return widget.text()
        return widget.value if isinstance(widget, ctkSliderWidget) else widget.value()

    def write(self, value: Any) -> None:
        widget: Any = self.widget
        if isinstance(widget, qMRMLNodeComboBox):
            widget.setCurrentNode(value)
        elif isinstance(widget, QComboBox):
            widget.setCurrentIndex([item for _, item in self._choices()].index(value))
        elif isinstance(widget, QCheckBox | QPushButton):
            widget.setChecked(value)
        elif isinstance(widget, QLineEdit):
            widget.setText(value)
        else:
            widget.setValue(value)


_SIGNALS: tuple[tuple[Any, str], ...] = (
    (qMRMLNodeComboBox, "currentNodeChanged"),
    (QComboBox, "currentIndexChanged"),
    (QCheckBox, "stateChanged"),
    (QPushButton, "toggled"),
    (QLineEdit, "textChanged"),
    (ctkSliderWidget, "valueChanged"),
    (QSpinBox, "valueChanged"),
    (QDoubleSpinBox, "valueChanged"),
)
