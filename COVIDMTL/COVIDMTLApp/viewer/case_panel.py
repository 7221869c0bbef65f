"""Panel “Case”: open a scan, run it, take report and scene home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v

from COVIDMTLApp.viewer.controls import FIELD
from COVIDMTLApp.viewer.http import UPLOAD_SUFFIXES

if TYPE_CHECKING:
    from COVIDMTLApp.viewer.app import Viewer

PART_TITLES = {
    "features": "Lung features and cohort (slow)",
    "network": "Multitask network and activation maps",
    "intensity-map": "Intensity map's class",
}


DOWNLOAD_BUTTONS = (
    ("report.html", "Report (HTML)", "has_report"),
    ("report.pdf", "Report (PDF)", "has_report"),
    ("scene.mrb", "Scene (.mrb)", "has_volume"),
)
"""File, title, and the state variable that says whether there is one."""


def case_panel(viewer: Viewer) -> None:
    """Build the panel."""
    html.H3("Open")
    html.Div("{{ case_title || 'Nothing is open yet.' }}", classes="case-title")
    html.Div("{{ busy }}", classes="quiet busy", v_show=("busy",))
    with html.Div(classes="row", style="margin: 6px 0;"):
        v.VTextField(
            v_model=("open_path",),
            label="Scan, case folder or scene on this machine",
            classes="open-path",
            __events=[("enter", "keydown.enter")],
            enter=(viewer.case.open_path, "[open_path]"),
            **FIELD,
        )
        v.VBtn("Open", size="small", classes="open-button", click=(viewer.case.open_path, "[open_path]"))
    with html.Label(classes="v-btn v-btn--variant-tonal v-btn--size-small", style="cursor: pointer;"):
        html.Span("Upload DICOM zip or NIfTI")
        html.Input(type="file", accept=",".join(UPLOAD_SUFFIXES), classes="upload-input")
    html.Span(classes="quiet upload-progress", style="margin-left: 8px;")

    with html.Div(v_show=("has_volume",)):
        html.H3("Run the whole case")
        v.VSelect(
            v_model=("lesion_method",), items=("lesion_methods",), label="Lesions by", classes="lesion-method", **FIELD
        )
        with html.Div(classes="row", style="margin-top: 8px; flex-wrap: nowrap;"):
            v.VTextField(v_model=("run_age",), label="Age (years, for the prognosis only)", **FIELD)
            v.VSelect(v_model=("run_sex",), items=("sexes",), label="Sex", **FIELD)
        for part, title in PART_TITLES.items():
            v.VCheckbox(
                v_model=("run_parts",), label=title, value=part, density="compact", hide_details=True,
                classes=f"part-{part}",
            )  # fmt: skip
        with html.Div(classes="row", style="margin-top: 6px;"):
            v.VBtn(
                "Run", size="small", color="primary", classes="run-button", disabled=("running",), click=viewer.case.run
            )
            v.VBtn("Cancel", size="small", classes="cancel-button", disabled=("!running",), click=viewer.case.cancel)
            html.Span("{{ running ? run_step : run_note }}", classes="quiet run-note")
        v.VProgressLinear(v_show=("running",), model_value=("run_percent",), height=6, classes="mt-2 run-progress")

        html.H3("Take home")
        with html.Div(classes="row"):
            for name, title, known in DOWNLOAD_BUTTONS:
                v.VBtn(
                    title,
                    size="small",
                    variant="tonal",
                    href=f"download/{name}",
                    # a plain link would leave the page, and with it the session's websocket
                    __properties=["download"],
                    download=name,
                    disabled=(f"!{known}",),
                    classes=f"download-{name.replace('.', '-')}",
                )
