"""Puts the host's parts where a module expects them: ``slicer.app``, ``slicer.mrmlScene``, ``qt``, ``ctk``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import slicer
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from trame_slicer.core import SlicerApp

from ChestCTMRML.headless import register_legends
from QtHost import parameters, scripted, widgets
from QtHost.qt_module import PYTHONQT_MODULES, make_ctk, make_qt, use_attribute_properties

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE_FOLDERS = {name: REPOSITORY / name for name in ("LungRefine", "LesionSeg", "COVIDMTL")}


class Messages:
    """Message boxes: shown on a desktop, kept and answered in tests.

    Attributes:
        shown: (kind, text) of every message so far.
        answer: What a yes/no question gets when nobody can click.
        interactive: Whether somebody can click.
    """

    def __init__(self, interactive: bool) -> None:
        self.shown: list[tuple[str, str]] = []
        self.answer = True
        self.interactive = interactive

    def tell(self, kind: str) -> Callable[..., Any]:
        """A function like ``slicer.util.errorDisplay``."""

        def show(text: str, windowTitle: str | None = None, parent: Any = None, **options: Any) -> Any:
            self.shown.append((kind, text))
            if self.interactive:
                box = {"error": QMessageBox.critical, "warning": QMessageBox.warning}.get(kind, QMessageBox.information)
                box(parent, windowTitle or kind, text)

        return show

    def ask(self, text: str, windowTitle: str | None = None, parent: Any = None, **options: Any) -> bool:
        """Like ``slicer.util.confirmYesNoDisplay``."""
        self.shown.append(("question", text))
        if not self.interactive:
            return self.answer
        return QMessageBox.question(parent, windowTitle or "", text) == QMessageBox.StandardButton.Yes


class Application(QObject):
    """Stand-in for ``slicer.app``."""

    aboutToQuit = Signal()
    startupCompleted = Signal()
    applicationName = "Slicer"
    defaultScenePath = str(Path.home())

    def __init__(self, core: SlicerApp, testing: bool) -> None:
        super().__init__()
        self._core, self._testing = core, testing
        self.host_layout_manager: Any = None

    def connect(self, signal: str, slot: Any) -> None:
        """PythonQt's way: the signal by its signature."""
        getattr(self, signal.partition("(")[0]).connect(slot)

    def layoutManager(self) -> Any:
        return self.host_layout_manager

    def applicationLogic(self) -> Any:
        return self._core.app_logic

    def mrmlScene(self) -> Any:
        return self._core.scene

    def testingEnabled(self) -> bool:
        return self._testing

    def processEvents(self) -> None:
        QApplication.processEvents()

    def moduleLogic(self, name: str) -> Any:
        return self._core.app_logic.GetModuleLogic(name)

    def setOverrideCursor(self, cursor: Any) -> None:
        QApplication.setOverrideCursor(cursor)

    def restoreOverrideCursor(self) -> None:
        QApplication.restoreOverrideCursor()


class _Logic:
    """A module as ``slicer.modules`` lists it: gives its logic."""

    def __init__(self, logic: Any) -> None:
        self._logic = logic

    def logic(self) -> Any:
        return self._logic


def install(testing: bool = True) -> tuple[Application, SlicerApp, Messages]:
    """Make ``import slicer``, ``qt`` and ``ctk`` find the host. Once a process; a QApplication must exist.

    Returns:
        The application, the MRML core and the messages.
    """
    core = SlicerApp()
    register_legends(core.scene)
    app = Application(core, testing)
    messages = Messages(interactive=not testing)
    slicer.app, slicer.mrmlScene = app, core.scene
    slicer.modules = SimpleNamespace(
        segmentations=_Logic(core.segmentations_logic),
        volumes=_Logic(core.volumes_logic),
        terminologies=_Logic(core.terminologies_logic),
        sampleDataSources={},
    )
    for name in widgets.__all__:
        if name.startswith("qMRML"):
            setattr(slicer, name, getattr(widgets, name))
    for name in PYTHONQT_MODULES:
        use_attribute_properties(name)
    sys.modules["qt"], sys.modules["ctk"] = make_qt(), make_ctk()
    _add_module("slicer.ScriptedLoadableModule", scripted, ["ScriptedLoadableModule*"])
    _add_module("slicer.i18n", scripted, ["tr", "translate"])
    _add_module("slicer.parameterNodeWrapper", parameters, None)
    for kind in ("error", "warning", "info"):
        setattr(slicer.util, f"{kind}Display", messages.tell(kind))
    slicer.util.confirmYesNoDisplay = slicer.util.confirmOkCancelDisplay = messages.ask
    slicer.util.childWidgetVariables = child_widget_variables
    slicer.util.modulePath = lambda name: str(MODULE_FOLDERS[name] / f"{name}.py")
    slicer.util.mainWindow = lambda: QApplication.activeWindow()
    slicer.util.showStatusMessage = lambda message, duration=0: messages.shown.append(("status", message))
    for folder in MODULE_FOLDERS.values():
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    return app, core, messages


def child_widget_variables(widget: QWidget) -> Any:
    """Like Slicer's: an object with every named child as attribute."""
    ui = type("", (), {})()
    for child in widget.findChildren(QWidget):
        if child.objectName() and not child.objectName().startswith("qt_"):
            setattr(ui, child.objectName(), child)
    return ui


def _add_module(name: str, source: ModuleType, patterns: list[str] | None) -> None:
    module = ModuleType(name)
    for item in dir(source):
        chosen = not item.startswith("_") and (
            patterns is None or any(item == p or (p.endswith("*") and item.startswith(p[:-1])) for p in patterns)
        )
        if chosen:
            setattr(module, item, getattr(source, item))
    if patterns is not None:
        module.__all__ = [item for item in dir(module) if not item.startswith("_")]  # type: ignore[attr-defined]
    sys.modules[name] = module
    setattr(slicer, name.rpartition(".")[2], module)
