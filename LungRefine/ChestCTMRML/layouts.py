"""Slicer layouts of the project, in the layout node's XML."""

from __future__ import annotations

from typing import Any

REVIEW_LAYOUT = 4750  # own layouts need ids above 100; these two are ours
COMPARE_LAYOUT = 4751
CLASSICAL_VIEW = "COVIDMTLClassical"
"""Singleton tag of the second axial view of the comparison."""


def _slice(tag: str, orientation: str, label: str, color: str) -> str:
    return (
        f'<view class="vtkMRMLSliceNode" singletontag="{tag}">'
        f'<property name="orientation" action="default">{orientation}</property>'
        f'<property name="viewlabel" action="default">{label}</property>'
        f'<property name="viewcolor" action="default">{color}</property></view>'
    )


def _item(content: str, size: int = 1) -> str:
    return f'<item splitSize="{size}">{content}</item>'


_RED = _slice("Red", "Axial", "R", "#F34A33")
_GREEN = _slice("Green", "Coronal", "G", "#6EB04B")
_YELLOW = _slice("Yellow", "Sagittal", "Y", "#EDD54C")
_CLASSICAL = _slice(CLASSICAL_VIEW, "Axial", "C", "#8C8CE0")
_THREE_D = (
    '<view class="vtkMRMLViewNode" singletontag="1"><property name="viewlabel" action="default">1</property></view>'
)
_TABLE = (
    '<view class="vtkMRMLTableViewNode" singletontag="TableView1">'
    '<property name="viewlabel" action="default">T</property></view>'
)
_PLOT = (
    '<view class="vtkMRMLPlotViewNode" singletontag="PlotView1">'
    '<property name="viewlabel" action="default">P</property></view>'
)

REVIEW_XML = (
    '<layout type="vertical" split="true">'
    + _item(f'<layout type="horizontal" split="true">{_item(_RED)}{_item(_GREEN)}{_item(_YELLOW)}</layout>', 500)
    + _item(
        '<layout type="horizontal" split="true">'
        + _item(_THREE_D)
        + _item(f'<layout type="vertical" split="true">{_item(_TABLE)}{_item(_PLOT)}</layout>')
        + "</layout>",
        500,
    )
    + "</layout>"
)
"""“COVID-MTL review”: three planes above, below them 3D, and the table over the plot: both are read by their width."""

COMPARE_XML = (
    '<layout type="horizontal" split="true">'
    + _item(_CLASSICAL, 400)
    + _item(_RED, 400)
    + _item(f'<layout type="vertical" split="true">{_item(_THREE_D)}{_item(_PLOT)}</layout>', 360)
    + "</layout>"
)
"""Classical method, refined method, 3D and plot side by side."""

LAYOUTS = {REVIEW_LAYOUT: REVIEW_XML, COMPARE_LAYOUT: COMPARE_XML}


def register_layouts(layout_node: Any) -> None:
    """Teach a ``vtkMRMLLayoutNode`` the project's layouts, once."""
    for number, xml in LAYOUTS.items():
        if not layout_node.IsLayoutDescription(number):
            layout_node.AddLayoutDescription(number, xml)
