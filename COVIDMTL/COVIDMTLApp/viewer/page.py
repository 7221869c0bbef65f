"""The page: panel on the left, views on the right, the notice of research use always in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trame.ui.vuetify3 import VAppLayout
from trame.widgets import client, html
from trame.widgets import vuetify3 as v

from ChestCTLib.case_report import RESEARCH_NOTICE
from COVIDMTLApp.viewer.case_panel import case_panel
from COVIDMTLApp.viewer.correction_panel import correction_panel
from COVIDMTLApp.viewer.display_panel import display_panel
from COVIDMTLApp.viewer.findings_panel import findings_panel

if TYPE_CHECKING:
    from COVIDMTLApp.viewer.app import Viewer

TITLE = "COVID-MTL viewer"
PANEL_WIDTH = 392  # pixels: a table of four columns fits, and 1280 pixels leave room for four views
PANELS = {
    "case": ("Case", case_panel),
    "display": ("Display", display_panel),
    "findings": ("Findings", findings_panel),
    "correct": ("Correct", correction_panel),
}


def build_page(viewer: Viewer) -> None:
    """Build the page of a session."""
    server = viewer.server
    server.state.trame__title = TITLE
    server.state.setdefault("panel", "case")
    with VAppLayout(server) as layout:
        layout.root.theme = "dark"
        with (
            v.VNavigationDrawer(permanent=True, width=PANEL_WIDTH, disable_resize_watcher=True),
            html.Div(classes="panel"),
        ):
            with v.VTabs(v_model=("panel",), density="compact", grow=True, style="flex: none;"):
                for name, (title, _) in PANELS.items():
                    v.VTab(title, value=name, classes=f"tab-{name}", style="min-width: 0; padding: 0 10px;")
            with html.Div(classes="panel-body"):
                _failure()
                for name, (_, build) in PANELS.items():
                    with html.Div(v_show=(f"panel === '{name}'",)):
                        build(viewer)
            html.Div("{{ probe }}", classes="probe")
            html.Div(RESEARCH_NOTICE, classes="notice")
        with v.VMain(), html.Div(style="height: 100vh; width: 100%; display: flex;"):
            viewer.views.layout.initialize_layout_grid(layout)
        client.Style("html { overflow: hidden; }")


def _failure() -> None:
    with html.Div(classes="failure", v_if=("error",)):
        html.B("{{ error.problem }}")
        html.Div("{{ error.remedy }}")
        with html.Details(v_if=("error.details",)):
            html.Summary("Details")
            html.Pre("{{ error.details }}", style="white-space: pre-wrap; font-size: 11px;")
        v.VBtn("Close", size="x-small", variant="text", click="error = null")
