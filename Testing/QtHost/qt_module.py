"""The ``qt`` module as PythonQt offers it: the classes of QtCore, QtGui and QtWidgets under one name."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets
from shibokensupport import feature

TRUE_PROPERTY = 0x02  # PySide6's feature that turns getters and setters into attributes
PYTHONQT_MODULES = (
    "LungRefine",
    "LesionSeg",
    "COVIDMTL",
    "ChestCTSlicer.annotator_panel",
    "ChestCTSlicer.report_panel",
    "ChestCTSlicer.runner",
    "ChestCTSlicer.scan_selectors",
    "ChestCTSlicer.table_views",
    "ChestCTSlicer.work_logic",
    "ChestCTSlicer.work_widget",
)
"""Modules written for PythonQt; everything else in the process keeps PySide6's own manner."""


def use_attribute_properties(module_name: str) -> None:
    """Let a module that is imported later see Qt properties as attributes."""
    if not feature._is_initialized:  # the switch works once somebody has asked for a feature in the official way
        # it reads the source of all modules there are, at which torch's lazy ones raise
        hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("torch.")}
        try:
            exec(
                "from PySide6 import QtCore\nfrom __feature__ import true_property", {"__name__": "QtHost.first_asker"}
            )
        finally:
            sys.modules.update(hidden)
    feature.pyside_feature_dict[module_name] = TRUE_PROPERTY


class QFileDialog(QtWidgets.QFileDialog):
    """Gives the chosen file alone, as PythonQt does; PySide gives the filter too."""

    @staticmethod
    def getOpenFileName(*arguments: Any) -> str:
        return QtWidgets.QFileDialog.getOpenFileName(*arguments)[0]


class QUiLoader(QtUiTools.QUiLoader):
    """Loads ``.ui`` files with the stand-ins for Slicer's and CTK's widgets."""

    def __init__(self) -> None:
        super().__init__()
        from QtHost import widgets

        for name in widgets.__all__:
            self.registerCustomWidget(getattr(widgets, name))


def make_qt() -> ModuleType:
    """Return the ``qt`` module."""
    qt = ModuleType("qt")
    for source in (QtCore, QtGui, QtWidgets):
        for name in dir(source):
            if name.startswith("Q"):
                setattr(qt, name, getattr(source, name))
    qt.QUiLoader, qt.QFileDialog = QUiLoader, QFileDialog  # type: ignore[attr-defined]
    return qt


def make_ctk() -> ModuleType:
    """Return the ``ctk`` module with the stand-ins."""
    from QtHost import widgets

    ctk: Any = ModuleType("ctk")
    for name in widgets.__all__:
        if name.startswith("ctk"):
            setattr(ctk, name, getattr(widgets, name))
    return ctk
