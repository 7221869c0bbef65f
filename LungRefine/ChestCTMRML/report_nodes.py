"""The case report as nodes: its measures as one table, its own tables as further ones, the whole of it as text."""

from __future__ import annotations

from typing import Any

from ChestCTLib.case_report import RESEARCH_NOTICE, CaseReport, Measure, Section
from ChestCTMRML.nodes import ROLE_PREFIX, owned_node
from ChestCTMRML.tables import Column, set_table


def set_measures(table_node: Any, measures: tuple[Measure, ...]) -> None:
    """Write measures into a table node, one a row: measure, value, unit, and why a value is doubtful or missing."""
    set_table(
        table_node,
        [
            Column("Measure", [measure.label for measure in measures]),
            Column("Value", [measure.text for measure in measures]),
            Column("Unit", [measure.unit for measure in measures]),
            Column("Note", [measure.why for measure in measures]),
        ],
    )


def set_report(scene: Any, volume_node: Any, report: CaseReport, without_tables_of: tuple[str, ...] = ()) -> list[Any]:
    """Write a case report into the nodes that the volume keeps for it.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The case's CT.
        report: What to show; a second call updates the same nodes, and empties those that it has no rows for.
        without_tables_of: Keys of sections whose tables are shown by nodes of their own.

    Returns:
        The nodes: text first, then the tables.
    """
    text = owned_node(scene, volume_node, "Report.Text", "vtkMRMLTextNode", f"{report.case_id}: report")
    text.SetText(report_text(report))
    nodes = [text]
    _empty_tables(volume_node)
    for section in report.sections:
        if section.key in without_tables_of:
            continue
        if section.measures:
            role = f"Report.{section.key}.Measures"
            node = owned_node(
                scene, volume_node, role, "vtkMRMLTableNode", f"{section.title.partition(':')[0]}: measures"
            )
            set_measures(node, section.measures)
            nodes.append(node)
        for table in section.tables:
            if not table.rows:
                continue
            node = owned_node(scene, volume_node, f"Report.Table.{table.key}", "vtkMRMLTableNode", table.title)
            shown = table.shown_rows()
            headings = enumerate(table.columns)
            set_table(node, [Column(column.heading, [row[index] for row in shown]) for index, column in headings])
            nodes.append(node)
    return nodes


def _empty_tables(volume_node: Any) -> None:
    """An older report may have had rows that the new one has not."""
    roles: list[str] = []
    volume_node.GetNodeReferenceRoles(roles)
    for role in roles:
        node = volume_node.GetNodeReference(role)
        if role.startswith(f"{ROLE_PREFIX}Report.") and node is not None and node.IsA("vtkMRMLTableNode"):
            node.RemoveAllColumns()


def report_text(report: CaseReport) -> str:
    """The report as plain text, with the notice of research use first."""
    lines = [RESEARCH_NOTICE, "", f"Case: {report.case_id}"]
    lines += [f"Warning: {warning}" for warning in report.warnings]
    for section in report.sections:
        lines += ["", section.title, *_section_lines(section)]
    return "\n".join(lines) + "\n"


def _section_lines(section: Section) -> list[str]:
    if section.not_available:
        return [f"  not available: {section.not_available}"]
    lines = []
    for measure in section.measures:
        why = f" ({measure.why})" if measure.why else ""
        lines.append(f"  {measure.label}: {measure.text} {measure.unit}".rstrip() + why)
    for table in section.tables:
        lines += [f"  {table.title}" + ("" if table.rows else f": {table.empty_text}")]
        lines += ["    " + "; ".join(row) for row in table.shown_rows()]
    return lines + [f"  {note}" for note in section.notes]
