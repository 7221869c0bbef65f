"""Report tables that fit a PDF page: columns as wide as their content, and wide tables cut into several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ChestCTLib.case_report import Table
from ChestCTLib.reporting.pdf_style import BOLD, LINE, REGULAR, paragraph, styles

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

PADDING = 4.0  # points on either side of a cell
LONG_CELL = 130.0  # points: longer text is broken into lines


def fitted_tables(table: Table, width: float) -> list[Flowable]:
    """A report table as one or more PDF tables of at most ``width`` points.

    A table with too many columns is cut; each part repeats the first column. A table longer than a page continues on
    the next one with its headings.

    Args:
        table: With at least one row.
        width: Available width, points.
    """
    headings = [column.heading for column in table.columns]
    rows = table.shown_rows()
    needed = [_column_width(headings[n], [row[n] for row in rows]) for n in range(len(headings))]
    return [_draw(headings, rows, part, needed, table.words, width) for part in column_parts(needed, width)]


def column_parts(needed: list[float], width: float) -> list[list[int]]:
    """Which columns go into which part, so that no part is wider than the page; the first column is in every part.

    Args:
        needed: Width each column needs, points.
        width: Available width, points.
    """
    parts: list[list[int]] = [[0]]
    for number in range(1, len(needed)):
        if len(parts[-1]) > 1 and sum(needed[n] for n in parts[-1]) + needed[number] > width:
            parts.append([0])
        parts[-1].append(number)
    return parts


def _column_width(heading: str, cells: list[str]) -> float:
    """A heading may break between words, a cell only when it is long."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    styles()  # registers the fonts
    size, head_size = styles()["cell"].fontSize, styles()["head"].fontSize
    words = max(stringWidth(word, BOLD, head_size) for word in heading.split() or [""])
    longest = max(min(stringWidth(cell, REGULAR, size), LONG_CELL) for cell in cells)
    return float(max(words, longest)) + 2 * PADDING + 1


def _draw(
    headings: list[str],
    rows: list[list[str]],
    part: list[int],
    needed: list[float],
    words: tuple[bool, ...],
    width: float,
) -> Flowable:
    """Words stand at the left of their column, numbers at the right."""
    from reportlab.platypus import Table as PdfTable
    from reportlab.platypus import TableStyle

    widths = [needed[n] for n in part]
    spare = max(0.0, width - sum(widths)) / len(widths)
    lines = [[paragraph(headings[n], "head" if words[n] else "head_right") for n in part]]
    lines += [[paragraph(row[n], "cell" if words[n] else "number") for n in part] for row in rows]
    # at most so much wider than needed: numbers far from their row's name are hard to follow
    drawn = PdfTable(lines, colWidths=[w + min(spare, 24.0) for w in widths], repeatRows=1, hAlign="LEFT", spaceAfter=6)
    drawn.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
                ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    return drawn
