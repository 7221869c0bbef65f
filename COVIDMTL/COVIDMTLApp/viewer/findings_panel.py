"""Panel “Findings”: probabilities with their evidence and the notice, measures as tables, plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trame.widgets import html
from trame.widgets import vuetify3 as v

from ChestCTLib.case_report import RESEARCH_NOTICE
from COVIDMTLApp.viewer.controls import FIELD, slider

if TYPE_CHECKING:
    from COVIDMTLApp.viewer.app import Viewer

OUTDATED = ("{ class: measuring ? 'outdated' : '' }",)
"""Numbers stand back while newer ones are on their way."""


def findings_panel(viewer: Viewer) -> None:
    """Build the panel."""
    html.Div("Open a case or run a scan first.", classes="quiet", v_show=("!has_results",))
    with html.Div(v_show=("has_results",)):
        html.H3("Lesions")
        html.Div("{{ measuring ? 'Measuring ...' : finding }}", classes="finding")
        html.Div(
            "Lesions were corrected; probabilities are still those of the run.", classes="quiet", v_show=("corrected",)
        )
        v.VSelect(v_model=("table",), items=("tables",), label="Table", classes="mt-2 table-choice", **FIELD)
        _table(viewer)
        html.H3("Plot")
        v.VSelect(v_model=("plot",), items=("plots",), label="Plot", classes="mb-2 plot-choice", **FIELD)
        html.Div(classes="plot", v_html=("plot_svg",), v_bind=OUTDATED)
        with html.Div(v_show=("plot === 'periphery'",)):
            slider("thickness", "Thickness", 0, 35, 1, "{{ thickness }} mm")
            html.Div("Peripheral lesion ratio: {{ ratio || '...' }}", classes="ratio")
        html.H3("Probabilities of models")
        html.Div(RESEARCH_NOTICE, classes="notice probability-notice", style="border-radius: 4px; margin-bottom: 4px;")
        html.Div("This case has none.", classes="quiet", v_show=("!probabilities.length",))
        with html.Div(v_for=("(one, index) in probabilities",), key="index", classes="probability"):
            with html.Div(classes="row", style="justify-content: space-between; flex-wrap: nowrap;"):
                html.Span("{{ one.label }}")
                html.B("{{ one.value }}", style="white-space: nowrap;")
            html.Span("{{ one.evidence }}", classes="chip", **{"v_bind": ("{ class: one.kind }",)})
            html.Span(" {{ one.note }}", classes="quiet")


def _table(viewer: Viewer) -> None:
    with html.Div(classes="table-box mt-2", v_bind=OUTDATED), html.Table(classes="numbers"):
        with html.Thead(), html.Tr():
            html.Th(
                "{{ head }}", v_for=("(head, at) in table_heads",), key="at", click=(viewer.measures.sort, "[at]"),
            )  # fmt: skip
        with (
            html.Tbody(),
            html.Tr(
                v_for=("(row, number) in table_rows",),
                key="number",
                click=(viewer.measures.row_clicked, "[number]"),
                v_bind=("{ class: table === 'single' ? 'goes' : '' }",),
            ),
        ):
            html.Td("{{ cell }}", v_for=("(cell, at) in row",), key="at")
    html.Div("Click a lesion to go there, a heading to sort.", classes="quiet", v_show=("table === 'single'",))
