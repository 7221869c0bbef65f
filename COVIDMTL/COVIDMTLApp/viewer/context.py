"""What the parts of one session share: the scene, the case that is shown, and who wants to know when it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from COVIDMTLApp.viewer.scene import CaseNodes


class SessionContext:
    """One tab's scene and case.

    Args:
        server: The trame server.
        app: trame-slicer's ``SlicerApp``.
        folder: The session's private folder.

    Attributes:
        nodes: The case that is shown.
        case_folder: Folder of the case; None for a scan or a bare scene.
    """

    def __init__(self, server: Any, app: Any, folder: Path) -> None:
        self.server, self.app, self.folder = server, app, folder
        self.nodes = CaseNodes()
        self.case_folder: Path | None = None
        self._leaving: list[Callable[[], None]] = []
        self._shown: list[Callable[[], None]] = []

    @property
    def scene(self) -> Any:
        """The ``vtkMRMLScene``."""
        return self.app.scene

    @property
    def state(self) -> Any:
        """The state that server and browser share."""
        return self.server.state

    def on_case(self, leaving: Callable[[], None] | None = None, shown: Callable[[], None] | None = None) -> None:
        """Ask to be told before the shown case goes and after another one has come."""
        if leaving is not None:
            self._leaving.append(leaving)
        if shown is not None:
            self._shown.append(shown)

    def leave_case(self) -> None:
        """The nodes are about to go."""
        for tell in self._leaving:
            tell()
        self.nodes, self.case_folder = CaseNodes(), None

    def show_case(self, nodes: CaseNodes, case_folder: Path | None = None) -> None:
        """Another case is in the scene."""
        self.nodes, self.case_folder = nodes, case_folder
        for tell in self._shown:
            tell()

    def show_error(self, problem: str, remedy: str = "", details: str = "") -> None:
        """Tell the user what went wrong and what to do."""
        self.state.error = {"problem": problem, "remedy": remedy, "details": details}
        self.state.flush()
