"""Fonts, colours and paragraph styles of the PDF report; the same colours as the HTML page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

INK, SOFT, LINE, ACCENT, WARN, NOTICE_GROUND = "#1c2430", "#5b6777", "#d9dfe6", "#16607a", "#8a5300", "#fdf3e0"
MARGIN = 42.0  # points, 15 mm
REGULAR, BOLD = "DejaVuSans", "DejaVuSans-Bold"  # matplotlib brings them: every sign a report may hold


def paragraph(text: str, style: str) -> Paragraph:
    """Plain text in one of the styles; nothing in it is taken for markup."""
    from reportlab.platypus import Paragraph

    return Paragraph(escape(text), styles()[style])


@cache
def styles() -> dict[str, ParagraphStyle]:
    """All styles by name; ``_warn`` and ``_soft`` are the colours of warned and missing values."""
    from reportlab.lib.enums import TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle

    _register_fonts()
    base = ParagraphStyle("body", fontName=REGULAR, fontSize=9, leading=12, textColor=INK, spaceAfter=3)

    def style(name: str, **changes: object) -> ParagraphStyle:
        return ParagraphStyle(name, parent=base, **changes)

    right = {"alignment": TA_RIGHT}
    stays = {"keepWithNext": 1}  # a heading never ends a page
    made = [
        base,
        style("title", fontName=BOLD, fontSize=18, leading=22),
        style("heading", fontName=BOLD, fontSize=13, leading=16, textColor=ACCENT, spaceBefore=12, **stays),
        style("subheading", fontName=BOLD, fontSize=9.5, spaceBefore=8, **stays),
        style("record", fontName=BOLD, fontSize=8.5, leading=11, spaceBefore=6, spaceAfter=2, **stays),
        style("note", **stays),
        style("soft", textColor=SOFT),
        style("warn", textColor=WARN),
        style("small", fontSize=7, leading=9, textColor=SOFT, spaceAfter=0),
        style("caption", fontSize=7.5, leading=10, textColor=SOFT, spaceBefore=2, spaceAfter=8),
        style("cell", fontSize=8, leading=10, spaceAfter=0),
        style("head", fontName=BOLD, fontSize=7.5, leading=10, textColor=SOFT, spaceAfter=0),
        style("head_right", fontName=BOLD, fontSize=7.5, leading=10, textColor=SOFT, spaceAfter=0, **right),
        style("cell_small", fontSize=6.5, leading=8.5, spaceAfter=0),
        style("number_small", fontSize=6.5, leading=8.5, spaceAfter=0, **right),
        style("head_small", fontName=BOLD, fontSize=6, leading=8, textColor=SOFT, spaceAfter=0),
        style("head_small_right", fontName=BOLD, fontSize=6, leading=8, textColor=SOFT, spaceAfter=0, **right),
        style("word", fontName=BOLD, fontSize=8, leading=10, spaceAfter=0),
        style("word_warn", fontName=BOLD, fontSize=8, leading=10, spaceAfter=0, textColor=WARN),
        style("word_soft", fontName=BOLD, fontSize=8, leading=10, spaceAfter=0, textColor=SOFT),
        style("cell_warn", fontSize=8, leading=10, spaceAfter=0, textColor=WARN),
        style("source", fontSize=7, leading=9, textColor=SOFT, **stays),
        style("small_right", fontSize=7, leading=9, textColor=SOFT, spaceAfter=0, **right),
        style("value", fontName=BOLD, spaceAfter=0, **right),
        style("value_warn", fontName=BOLD, spaceAfter=0, textColor=WARN, **right),
        style("value_soft", fontName=BOLD, spaceAfter=0, textColor=SOFT, **right),
        style("number", fontSize=8, leading=10, spaceAfter=0, **right),
        style("number_warn", fontSize=8, leading=10, spaceAfter=0, textColor=WARN, **right),
        style("number_soft", fontSize=8, leading=10, spaceAfter=0, textColor=SOFT, **right),
    ]
    return {one.name: one for one in made}


@cache
def _register_fonts() -> None:
    import matplotlib
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
