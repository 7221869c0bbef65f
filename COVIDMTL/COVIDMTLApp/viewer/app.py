"""The application of one session: parts put together, page built, requests answered."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import trame_slicer.module
import vtk
from trame.app import asynchronous, get_server
from trame_slicer.core import SlicerApp

from COVIDMTLApp.viewer import www
from COVIDMTLApp.viewer.case_logic import CaseLogic
from COVIDMTLApp.viewer.context import SessionContext
from COVIDMTLApp.viewer.correction_logic import CorrectionLogic
from COVIDMTLApp.viewer.http import add_routes
from COVIDMTLApp.viewer.inputs import viewer_input
from COVIDMTLApp.viewer.measure_logic import MeasureLogic
from COVIDMTLApp.viewer.overlay_logic import OverlayLogic
from COVIDMTLApp.viewer.page import build_page
from COVIDMTLApp.viewer.probabilities import ProbabilityLogic
from COVIDMTLApp.viewer.probe import Probe
from COVIDMTLApp.viewer.settings import SessionSettings
from COVIDMTLApp.viewer.views import Views

logger = logging.getLogger(__name__)


class Viewer:
    """One session of the browser viewer.

    Args:
        settings: From the front.

    Attributes:
        server: The trame server.
        context: Scene and case.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_ERROR)  # warnings of a missing X server and the like
        self.server: Any = get_server(client_type="vue3")
        self.server.cli.allow_abbrev = False
        self.server.enable_module(trame_slicer.module)
        self.server.enable_module(www)
        app = SlicerApp()
        vtk.vtkOutputWindow.GetInstance().SetDisplayModeToNever()  # errors still come by way of the logger
        self.context = SessionContext(self.server, app, Path(settings.folder))
        self.case = CaseLogic(self.context, Path(settings.root) if settings.root else None)
        self.views = Views(self.context)
        self.overlays = OverlayLogic(self.context, self.views.fit_3d)
        self.measures = MeasureLogic(self.context, self.views.go_to)
        self.correction = CorrectionLogic(self.context)
        self.probe = Probe(self.context)
        self.probabilities = ProbabilityLogic(self.context)
        build_page(self)
        self.server.controller.on_server_bind.add(lambda wslink: add_routes(wslink.app, self, settings))

    def begin(self) -> None:
        """Open what the session starts with."""
        if self._settings.opened:
            asynchronous.create_task(self.case.open(viewer_input(self._settings.opened)))

    def close(self) -> None:
        """End what still runs."""
        self.case.close()
        self.measures.close()
