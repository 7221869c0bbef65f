"""The host's window: the module's panel on the left, Slicer's views on the right."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer
from PySide6.QtCore import QElapsedTimer, QSize, Qt, QTimer
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow, QScrollArea, QSplitter, QVBoxLayout, QWidget

from QtHost.application import MODULE_FOLDERS, install
from QtHost.layout import LayoutManager
from QtHost.widgets import qMRMLWidget

PANEL_WIDTH = 470
HEARTBEAT_MS = 10
NONE_REFERENCES = 1 << 40  # more than a process can use up


def _keep_none_alive() -> None:
    """Give None references in store: PySide6 6.12 gives one back with every call that returns None, without having it.

    From Python 3.12 on None cannot be freed; before, the interpreter would end with a fatal error.
    """
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += NONE_REFERENCES


class Host:
    """One process's host: application, window and the module that was opened last.

    Args:
        testing: Whether message boxes are kept and answered instead of shown.
        size: Size of the window, pixels.
    """

    def __init__(self, testing: bool = True, size: tuple[int, int] = (1280, 800)) -> None:
        os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false;qt.core.qobject.connect=false")
        _keep_none_alive()
        self.qt = QApplication.instance() or QApplication([])
        self.qt.setStyle("Fusion")
        self.app, self.core, self.messages = install(testing)
        self.scene = self.core.scene
        self.window = QMainWindow()
        self.window.setWindowTitle("Qt host of the Slicer modules (not Slicer)")
        self._panel = QScrollArea()
        self._panel.setWidgetResizable(True)
        self._panel.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._panel.setMinimumWidth(PANEL_WIDTH)
        self._panel.setMaximumWidth(PANEL_WIDTH)
        views = QWidget()
        split = QSplitter()
        split.addWidget(self._panel)
        split.addWidget(views)
        split.setStretchFactor(1, 1)
        self.window.setCentralWidget(split)
        self.window.resize(QSize(*size))
        self.layout_manager = LayoutManager(self.scene, self.core.app_logic, views)
        self.app.host_layout_manager = self.layout_manager
        self.widget: Any = None
        self.window.show()
        self.settle()

    def open_module(self, name: str) -> Any:
        """Import a module, show its panel and enter it, as Slicer does.

        Returns:
            The ``<Name>Widget``.
        """
        self.close_module()
        module = importlib.import_module(name)
        parent = SimpleNamespace(path=str(MODULE_FOLDERS[name] / f"{name}.py"), title=name)
        instance = getattr(module, name)(parent)
        frame = qMRMLWidget()
        layout = QVBoxLayout(frame)
        layout.setContentsMargins(4, 4, 4, 4)
        title = QLabel(f"<b>{parent.title}</b>")
        title.setStyleSheet("padding: 4px;")
        layout.addWidget(title)
        self.widget = getattr(module, f"{name}Widget")(frame)
        setattr(slicer.modules, f"{name}Instance", instance)
        setattr(slicer.modules, f"{name}Widget", self.widget)
        self.widget.setup()
        frame.setMRMLScene(self.scene)
        self._panel.setWidget(frame)
        self.widget.enter()
        self.settle()
        return self.widget

    def close_module(self) -> None:
        """Leave and unload the module, as Slicer does when it quits."""
        if self.widget is not None:
            self.widget.exit()
            self.widget.cleanup()
            self.widget = None
            self._panel.takeWidget()

    def settle(self, seconds: float = 0.05) -> None:
        """Let the event loop run for a moment."""
        self.wait_for(lambda: False, seconds)

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Run the event loop until ``condition`` holds, at most so long.

        Returns:
            Whether it held.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.qt.processEvents()
            if condition():
                return True
            time.sleep(0.002)
        return condition()

    def clear_scene(self) -> None:
        """Close the scene, as File > Close scene does."""
        self.scene.Clear(False)
        self.settle()

    def screenshot(self, path: Path) -> None:
        """Save a picture of the window."""
        self.settle(0.3)
        self.window.grab().save(str(path))


class Heartbeat:
    """Measures how long the event loop is ever busy with one thing.

    Attributes:
        longest_s: The longest gap between two beats so far, seconds on the clock; grows when other programs or the
            software rendering of Mesa take the processor.
        longest_busy_s: The same in processor time of the GUI's own thread: what the module's code itself takes.
    """

    def __init__(self) -> None:
        self.longest_s = self.longest_busy_s = 0.0
        self._busy = 0.0
        self._clock = QElapsedTimer()
        self._timer = QTimer()
        self._timer.setInterval(HEARTBEAT_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Begin to measure."""
        self.longest_s = self.longest_busy_s = 0.0
        self._busy = time.thread_time()
        self._clock.start()
        self._timer.start()

    def stop(self) -> None:
        """Stop measuring."""
        self._beat()
        self._timer.stop()

    def _beat(self) -> None:
        self.longest_s = max(self.longest_s, self._clock.restart() / 1000.0)
        busy = time.thread_time()
        self.longest_busy_s = max(self.longest_busy_s, busy - self._busy)
        self._busy = busy
