"""Tables in narrow places: numbers stay in sight, long names take more lines."""

from __future__ import annotations

import qt
import slicer

WIDEST_VALUE = 64  # pixels in a narrow view; longer words take more lines
VALUE_SHARE = 0.28  # of a wide view
NOTES_FROM = 480  # pixels of width; in a narrower view notes would leave no room for names, and the panel has them
TALLEST_ROW = 40  # pixels, two lines: a longer note is cut, and stands whole in the report
FEW_COLUMNS = 4  # measure, value, unit, note


def fit_columns(table: slicer.qMRMLTableView) -> None:
    """Give the columns of a table view their widths.

    A table of measures shows names, values and units whatever its width, and notes where there are any and room for
    them; what is longer than its column goes on in a further line. A table with many columns gets the width of its
    contents and a scroll bar.

    Args:
        table: A ``qMRMLTableView`` with a table or without.
    """
    header = table.horizontalHeader()
    count = header.count()
    few = 1 < count <= FEW_COLUMNS
    table.textElideMode = qt.Qt.ElideMiddle
    table.wordWrap = few
    header.stretchLastSection = not few
    header.minimumSectionSize = 30
    for column in range(count):
        is_note = few and column == FEW_COLUMNS - 1
        table.setColumnHidden(column, is_note and (table.width < NOTES_FROM or _is_empty(table, column)))
        header.setSectionResizeMode(column, qt.QHeaderView.Interactive)
    table.resizeColumnsToContents()
    widest = max(WIDEST_VALUE, int(VALUE_SHARE * table.width))
    for column in range(1, count if few else 0):
        if not table.isColumnHidden(column):
            header.resizeSection(column, min(header.sectionSize(column), widest))
    if few:
        header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
        table.verticalHeader().maximumSectionSize = TALLEST_ROW
        table.resizeRowsToContents()


def fit_shown_tables() -> None:
    """Do the same in the table views of the layout."""
    manager = slicer.app.layoutManager()
    for index in range(manager.tableViewCount) if manager is not None else ():
        fit_columns(manager.tableWidget(index).tableView())


def _is_empty(table: slicer.qMRMLTableView, column: int) -> bool:
    model = table.model()
    return not any(model.data(model.index(row, column)) for row in range(model.rowCount()))
