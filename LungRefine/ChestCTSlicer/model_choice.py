"""Methods a user can choose from, each with what it learned from and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from slicer.i18n import tr as _

from ChestCTLib.models import ModelCard, list_models

HU_BANDS = "hu-bands"  # the method without weights, as ``covidmtl lesions`` names it


@dataclass(frozen=True)
class Method:
    """One entry of the selector.

    Attributes:
        id: As the command line names it.
        title: Text of the entry.
        card: Its model card as rich text.
    """

    id: str
    title: str
    card: str


def lesion_methods() -> list[Method]:
    """Networks first, then the HU bands."""
    networks = [Method(card.id, card.title, card_html(card)) for card in list_models("lesions")]
    text = _("No weights: attenuation between limits, without vessels. Learned from nothing; the limits can be set.")
    return [*networks, Method(HU_BANDS, _("HU bands (no learned weights)"), f"<p>{escape(text)}</p>")]


def card_html(card: ModelCard) -> str:
    """A model card for a panel: evidence and figures first, then where the model fails."""
    figures = "".join(
        f"<li>{escape(figure.name)}: <b>{figure.value:g}{_unit(figure.unit)}</b>"
        f"{_interval(figure.interval)}<br/>{escape(figure.measured_on)}</li>"
        for figure in card.figures
    )
    rows = (
        (_("Evidence"), card.evidence),
        (_("Learned from"), card.learned_from),
        (_("Limits"), card.limits),
        (_("Use"), card.intended_use),
        (_("Licence"), card.licence),
    )
    texts = "".join(f"<p><b>{escape(label)}:</b> {escape(text)}</p>" for label, text in rows[:2])
    texts += f"<p><b>{escape(_('Measured'))}:</b></p><ul>{figures or escape(_('nothing'))}</ul>"
    return texts + "".join(f"<p><b>{escape(label)}:</b> {escape(text)}</p>" for label, text in rows[2:])


def _unit(unit: str) -> str:
    return f" {escape(unit)}" if unit else ""


def _interval(interval: tuple[float, float] | None) -> str:
    return f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval is not None else ""
