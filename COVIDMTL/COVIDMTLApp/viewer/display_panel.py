"""Panel “Display”: views and mouse, lungs and lesions, activation maps, periphery, intensity map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v

from COVIDMTLApp.viewer.controls import FIELD, slider, switch
from COVIDMTLApp.viewer.views import LAYOUTS, WINDOWS

if TYPE_CHECKING:
    from COVIDMTLApp.viewer.app import Viewer


def display_panel(viewer: Viewer) -> None:
    """Build the panel."""
    html.H3("Views")
    v.VSelect(
        v_model=("layout_name",), items=("layout_names", list(LAYOUTS)), label="Layout", classes="layout", **FIELD
    )
    with v.VBtnToggle(v_model=("mouse",), density="compact", mandatory=True, variant="outlined", classes="mt-2"):
        v.VBtn("Pan, zoom", value="view", size="small", classes="mouse-view")
        v.VBtn("Window/level", value="window", size="small", classes="mouse-window")
    with html.Div(classes="row", style="margin-top: 8px;"):
        for name in WINDOWS:
            v.VBtn(
                name, size="small", variant="tonal", classes=f"window-{name.lower()}",
                click=(viewer.views.set_window, f"['{name}']"),
            )  # fmt: skip
        v.VBtn("Fit", size="small", variant="tonal", classes="fit", click=viewer.views.fit)
    html.Div(
        "Wheel or arrow keys: slices. Middle button or shift and drag: pan. Right button or ctrl and wheel: zoom. "
        "Window/level: left button and drag.",
        classes="quiet",
        style="margin-top: 6px;",
    )
    with html.Div(v_show=("has_results",)):
        html.H3("Lungs and lesions")
        with html.Div(classes="row", style="flex-wrap: nowrap;"):
            v.VSelect(v_model=("lungs_style",), items=("styles",), label="Lungs", classes="lungs-style", **FIELD)
            v.VSelect(v_model=("lesions_style",), items=("styles",), label="Lesions", classes="lesions-style", **FIELD)
        switch("lungs_3d", "Lungs in 3D")
        v.VSelect(
            v_model=("coloring",), items=("colorings",), label="Colours of lesions in 3D", classes="mt-2", **FIELD
        )
        html.H3("Class activation map")
        with html.Div(v_show=("cam_tasks.length > 1",)):
            v.VSelect(v_model=("cam_task",), items=("cam_tasks",), label="Task", classes="cam-task", **FIELD)
            with html.Div(v_show=("cam_task !== 'none'",)):
                slider("cam_threshold", "Threshold", 0, 0.95, 0.05, "{{ Number(cam_threshold).toFixed(2) }}")
                slider("cam_opacity", "Opacity", 0, 1, 0.05, "{{ Number(cam_opacity).toFixed(2) }}")
                html.Div(
                    "Where the multitask network looked, as a share of its maximum. It learned from synthetic scans.",
                    classes="quiet",
                )
        html.Div("This case has none.", classes="quiet", v_show=("cam_tasks.length <= 1",))
        html.H3("Periphery and intensity map")
        switch("show_shell", "Peripheral shell in 3D")
        slider("thickness", "Thickness", 0, 35, 1, "{{ thickness }} mm")
        html.Div("Peripheral lesion ratio: {{ ratio || '...' }}", classes="ratio")
        switch("show_map", "Intensity map beside the lungs in 3D")
