"""Panel “Correct”: tools of the segment editor, undo and redo; the numbers follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v

from COVIDMTLApp.viewer.controls import FIELD, slider, switch

if TYPE_CHECKING:
    from COVIDMTLApp.viewer.app import Viewer

TOOLS = {
    "none": ("Look", "mdi-cursor-default"),
    "paint": ("Paint", "mdi-brush"),
    "erase": ("Erase", "mdi-eraser"),
    "remove": ("Remove", "mdi-scatter-plot"),
}


def correction_panel(viewer: Viewer) -> None:
    """Build the panel."""
    html.Div("Open a case or run a scan first.", classes="quiet", v_show=("!has_results",))
    with html.Div(v_show=("has_results",)):
        html.H3("Tool")
        with v.VBtnToggle(v_model=("tool",), density="compact", mandatory=True, variant="outlined"):
            for name, (title, icon) in TOOLS.items():
                v.VBtn(title, value=name, size="small", prepend_icon=icon, classes=f"tool-{name}")
        v.VSelect(v_model=("segment",), items=("segments",), label="Class", classes="mt-3 segment", **FIELD)
        slider("brush_mm", "Brush", 2, 80, 1, "{{ brush_mm }} mm")
        switch("brush_sphere", "Ball (all slices) instead of disc (this slice)")
        with html.Div(classes="row", style="margin-top: 8px;"):
            v.VBtn(
                "Undo", size="small", prepend_icon="mdi-undo", disabled=("!can_undo",), classes="undo",
                click=viewer.correction.undo,
            )  # fmt: skip
            v.VBtn(
                "Redo", size="small", prepend_icon="mdi-redo", disabled=("!can_redo",), classes="redo",
                click=viewer.correction.redo,
            )  # fmt: skip
        html.Div(
            "Paint adds the class above; erase wipes out any class; remove takes away the connected piece that you "
            "click. Every change is measured at once.",
            classes="quiet",
            style="margin-top: 8px;",
        )
        html.H3("Measured")
        html.Div("{{ measuring ? 'Measuring ...' : finding }}", classes="finding")
        html.Div("Peripheral lesion ratio: {{ ratio || '...' }}")
