"""Tables in narrow places: numbers stay in sight, long names give way."""

from __future__ import annotations

import qt
import slicer

WIDEST_VALUE = 80  # pixels; words that are longer stand in the tool tip of the view and in the report
FEW_COLUMNS = 4  # measure, value, unit, note


def fit_columns(table: slicer.qMRMLTableView) -> None:
    """Give the columns of a table view their widths.

    A table of measures shows value and unit whatever its width, and cuts names in their middle, for their ends tell
    them apart. A table with many columns gets the width of its contents and a scroll bar.

    Args:
        table: A ``qMRMLTableView`` with a table.
    """
    table.resizeColumnsToContents()
    header = table.horizontalHeader()
    count = header.count()
    few = 1 < count <= FEW_COLUMNS
    table.textElideMode = qt.Qt.ElideMiddle
    table.wordWrap = False
    header.stretchLastSection = not few
    for column in range(count):
        stretched = few and column == 0
        header.setSectionResizeMode(column, qt.QHeaderView.Stretch if stretched else qt.QHeaderView.Interactive)
        if few and not stretched:
            header.resizeSection(column, min(header.sectionSize(column), WIDEST_VALUE))


def fit_shown_tables() -> None:
    """Do the same in the table views of the layout."""
    manager = slicer.app.layoutManager()
    for index in range(manager.tableViewCount) if manager is not None else ():
        fit_columns(manager.tableWidget(index).tableView())
