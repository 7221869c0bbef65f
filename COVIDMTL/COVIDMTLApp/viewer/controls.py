"""Small pieces that all panels are made of."""

from __future__ import annotations

from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v

FIELD: dict[str, Any] = {"density": "compact", "hide_details": True, "variant": "outlined"}


def switch(name: str, title: str) -> None:
    """An on-off switch of a state variable."""
    v.VSwitch(
        v_model=(name,), label=title, density="compact", hide_details=True, color="primary", classes=f"switch-{name}"
    )


def slider(name: str, title: str, low: float, high: float, step: float, shown: str) -> None:
    """A slider of a state variable with its value beside it."""
    with html.Div(classes="row", style="flex-wrap: nowrap;"):
        html.Span(title, style="width: 74px; flex: none;")
        v.VSlider(
            v_model=(name,), min=low, max=high, step=step, density="compact", hide_details=True, color="primary",
            classes=f"slider-{name}",
        )  # fmt: skip
        html.Span(shown, style="width: 52px; flex: none; text-align: right;")
