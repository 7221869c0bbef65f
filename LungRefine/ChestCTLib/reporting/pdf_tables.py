"""Report tables that fit a PDF page: columns as wide as their content, wide tables small or cut, long ones folded.

Tables that hold paragraphs become blocks, one a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ChestCTLib.case_report import Table
from ChestCTLib.reporting.pdf_style import BOLD, LINE, REGULAR, paragraph, styles

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

PADDING = 4.0  # points on either side of a cell
SMALL_PADDING = 2.0
LONG_CELL = 60.0  # points: longer text is broken into lines
LONG_WORD = 100.0  # points: longer words are broken, too
RECORD_HEADS = 80.0  # points: the column of headings in a block of paragraphs
SPARE_COLUMN = 24.0  # points at most that a column of numbers is wider than needed: far numbers are hard to follow
FOLDED_FROM = 24  # rows from which on a narrow table of numbers stands in several parts side by side
FOLDED_ROWS = 36  # rows at most of such a part: they fit on any page
FOLD_GAP = 24.0  # points between these parts

NORMAL, SMALL = (
    ("cell", "number", "head", "head_right", PADDING),
    (
        "cell_small",
        "number_small",
        "head_small",
        "head_small_right",
        SMALL_PADDING,
    ),
)
Look = tuple[str, str, str, str, float]


def fitted_tables(table: Table, width: float) -> list[Flowable]:
    """A report table as one or more PDF tables of at most ``width`` points.

    A table of paragraphs becomes a block a row. A table with too many columns is drawn small; if it is still too wide
    it is cut, and each part repeats the first column. A narrow table of many numbers is folded into parts side by side.
    Any other table that is longer than a page continues on the next one with its headings.

    Args:
        table: With at least one row.
        width: Available width, points.
    """
    if table.is_prose:
        return [part for row in table.shown_rows() for part in _record(table, row, width)]
    for look in (NORMAL, SMALL):
        wishes = _wishes(table, look)
        needed = [min(wish, _least(table, n, look)) for n, wish in enumerate(wishes)]
        if sum(needed) <= width:
            break
    parts = column_parts(needed, width)
    folds = int((width + FOLD_GAP) // (sum(needed) + FOLD_GAP)) if len(table.rows) >= FOLDED_FROM else 1
    if len(parts) == 1 and folds > 1 and not any(table.words):
        return _folded(table, needed, look, folds)
    return [_draw(table, part, needed, wishes, width, look) for part in parts]


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


def column_widths(needed: list[float], wishes: list[float], width: float) -> list[float]:
    """Widths of the columns of one part: words get what they wish as far as it goes, numbers a little more than needed.

    Args:
        needed: Least width of each column, points.
        wishes: Width at which no line of it is broken, points.
        width: Available width, points.
    """
    spare = max(0.0, width - sum(needed))
    wanted = [max(0.0, wish - least) for wish, least in zip(wishes, needed, strict=True)]
    share = min(1.0, spare / sum(wanted)) if sum(wanted) else 0.0
    widths = [least + share * more for least, more in zip(needed, wanted, strict=True)]
    rest = min(SPARE_COLUMN, max(0.0, width - sum(widths)) / len(widths))
    return [one + rest for one in widths]


def _wishes(table: Table, look: Look) -> list[float]:
    """Width of each column's longest cell or heading word, points."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    known = styles()  # registers the fonts
    cell, _, head, _, padding = look
    rows = table.shown_rows()
    found = []
    for n, column in enumerate(table.columns):
        words = max(stringWidth(word, BOLD, known[head].fontSize) for word in column.heading.split() or [""])
        longest = max(stringWidth(row[n], REGULAR, known[cell].fontSize) for row in rows)
        found.append(float(max(words, longest)) + 2 * padding + 1)
    return found


def _least(table: Table, number: int, look: Look) -> float:
    """Least width of a column: a heading may break between words, a cell only when it is long."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    cell, _, head, _, padding = look
    known = styles()
    heading = table.columns[number].heading
    words = [stringWidth(word, BOLD, known[head].fontSize) for word in heading.split()]
    cells = [word for row in table.shown_rows() for word in row[number].split()]
    longest = [min(LONG_WORD, stringWidth(word, REGULAR, known[cell].fontSize)) for word in cells]
    return float(max([LONG_CELL, *words, *longest])) + 2 * padding + 1


def _record(table: Table, row: list[str], width: float) -> list[Flowable]:
    """A row of paragraphs as a block: its first cell, then the others below each other beside their headings."""
    lines = [
        [paragraph(column.heading, "head"), paragraph(text, "cell")]
        for column, text in zip(table.columns[1:], row[1:], strict=True)
    ]
    return [paragraph(row[0], "record"), _grid(lines, [RECORD_HEADS, width - RECORD_HEADS], NORMAL, heads=0)]


def _draw(
    table: Table, part: list[int], needed: list[float], wishes: list[float], width: float, look: Look
) -> Flowable:
    widths = column_widths([needed[n] for n in part], [wishes[n] for n in part], width)
    return _grid([_head(table, part, look), *_body(table, part, look)], widths, look)


def _folded(table: Table, needed: list[float], look: Look, folds: int) -> list[Flowable]:
    """A long, narrow table as parts side by side, read from the top to the bottom of each."""
    from reportlab.platypus import Table as PdfTable

    everything = list(range(len(needed)))
    body = _body(table, everything, look)
    rows = min(FOLDED_ROWS, -(-len(body) // folds))
    parts = [body[start : start + rows] for start in range(0, len(body), rows)]
    drawn = [_grid([_head(table, everything, look), *part], needed, look) for part in parts]
    blocks = [drawn[start : start + folds] for start in range(0, len(drawn), folds)]
    style = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
    widths = [sum(needed) + FOLD_GAP]
    return [PdfTable([block], widths * len(block), hAlign="LEFT", spaceAfter=6, style=style) for block in blocks]


def _head(table: Table, part: list[int], look: Look) -> list[Flowable]:
    _, _, head, head_right, _ = look
    return [paragraph(table.columns[n].heading, head if table.words[n] else head_right) for n in part]


def _body(table: Table, part: list[int], look: Look) -> list[list[Flowable]]:
    """Words stand at the left of their column, numbers at the right."""
    cell, number, _, _, _ = look
    words = table.words
    return [[paragraph(row[n], cell if words[n] else number) for n in part] for row in table.shown_rows()]


def _grid(lines: list[list[Flowable]], widths: list[float], look: Look, heads: int = 1) -> Flowable:
    from reportlab.platypus import Table as PdfTable
    from reportlab.platypus import TableStyle

    drawn = PdfTable(lines, colWidths=widths, repeatRows=heads, hAlign="LEFT", spaceAfter=6)
    drawn.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), look[-1]),
                ("RIGHTPADDING", (0, 0), (-1, -1), look[-1]),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    return drawn
