"""Numbers with units -> table nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from vtk.util import numpy_support

NOT_AVAILABLE = "n/a"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: Heading.
        values: Text, or numbers; None is a value that could not be computed ("n/a" in text, NaN among numbers).
        unit: Unit of all values of the column; empty for text and pure numbers.
        description: Definition, shown as the column's tool tip.
    """

    name: str
    values: Sequence[str | float | int | None]
    unit: str = ""
    description: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the column holds text."""
        return any(isinstance(value, str) for value in self.values)


def set_table(table_node: Any, columns: Sequence[Column]) -> None:
    """Replace a table node's content.

    Args:
        table_node: The ``vtkMRMLTableNode``.
        columns: Columns of equal length; text columns stay text, the others become doubles.
    """
    modifying = table_node.StartModify()
    try:
        table_node.RemoveAllColumns()
        for column in columns:
            table_node.AddColumn(_array(column))
            if column.unit:
                table_node.SetColumnUnitLabel(column.name, column.unit)
            if column.description:
                table_node.SetColumnDescription(column.name, column.description)
        table_node.SetUseColumnTitleAsColumnHeader(True)
        table_node.SetLocked(True)  # results are read, not typed over
    finally:
        table_node.EndModify(modifying)
    table_node.Modified()


def number(value: float | int | None, digits: int = 3) -> str:
    """A number as a table shows it: ``digits`` significant digits, whole ones from there on, "n/a" for None."""
    if value is None or not np.isfinite(value):
        return NOT_AVAILABLE
    if value == 0:
        return "0"
    decimals = max(digits - 1 - int(np.floor(np.log10(abs(value)))), 0)
    return f"{value:.{decimals}f}"


def rows(table_node: Any) -> list[dict[str, str]]:
    """A table node's rows as text by heading, as the user sees them."""
    names = [table_node.GetColumnName(index) for index in range(table_node.GetNumberOfColumns())]
    return [
        {name: table_node.GetCellText(row, index) for index, name in enumerate(names)}
        for row in range(table_node.GetNumberOfRows())
    ]


def _array(column: Column) -> Any:
    if column.is_text:
        array = vtk.vtkStringArray()
        for value in column.values:
            array.InsertNextValue(NOT_AVAILABLE if value is None else str(value))
    else:
        numbers = np.array([np.nan if value is None else value for value in column.values], dtype=np.float64)
        array = numpy_support.numpy_to_vtk(numbers, deep=True)
    array.SetName(column.name)
    return array
