"""What the user sees of a case's lesions: overlays, table, plot and layout, one case at a time."""

from __future__ import annotations

from typing import Any

import slicer

from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTMRML import case_nodes, displays, layouts, overlays
from ChestCTMRML.lesion_classes import show_lesion_classes
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.overlays import Overlay
from ChestCTSlicer.lesion_measuring import LesionMeasuring
from ChestCTSlicer.lesion_parameters import Coloring
from ChestCTSlicer.lesion_work import LESION_OPACITY_3D
from ChestCTSlicer.table_views import fit_shown_tables

BEHIND_SHELL_OPACITY_3D = 0.2  # the lesion part that the shell marks lies in the same place and must show


class LesionReview(LesionMeasuring):
    """Shows the measured lesions of the parameters' CT."""

    def separateCases(self, parameters: Any) -> bool:
        """Let go of lungs and lesions of another CT, and take the input's own; returns whether anything changed."""
        volume, changed = parameters.inputVolume, False
        if self.volume is not None and self.volume is not volume:
            self.close()
        for name, labels in (("lungs", LUNG_LABELS), ("lesions", LESION_LABELS), ("secondReader", None)):
            owner = case_nodes.volume_of(getattr(parameters, name))
            if owner is None or owner is volume:
                continue
            own = case_nodes.segmentation_of(slicer.mrmlScene, volume, labels) if labels and volume else None
            setattr(parameters, name, own)
            changed = True
        return changed

    def draw(self, parameters: Any) -> None:
        """Show the overlays and the plot as the user wants them."""
        volume, lesions = parameters.inputVolume, parameters.lesions
        if volume is None:
            return
        opacity = BEHIND_SHELL_OPACITY_3D if parameters.showShell else LESION_OPACITY_3D
        show_lesion_classes(volume, lesions, parameters.coloring == Coloring.classes, opacity)
        overlays.show_overlay(volume, Overlay.lesion_density, parameters.coloring == Coloring.density)
        overlays.show_overlay(volume, Overlay.periphery, parameters.showShell)
        self.followSlice()
        overlays.show_overlay(volume, Overlay.intensity_map, parameters.showMap)
        chart = find_owned(volume, f"{parameters.plot.value}.Chart")
        displays.show_in_tables_and_plots(slicer.mrmlScene, self.tableOf(parameters), chart)
        fit_shown_tables()

    def tableOf(self, parameters: Any) -> Any:
        """The chosen table's node; None while there is none."""
        volume = parameters.inputVolume
        return find_owned(volume, f"Lesions.Table.{parameters.table.value.value}") if volume is not None else None

    def showCase(self, parameters: Any, nodes: Any) -> None:
        """Show a new result in the review layout."""
        displays.show_lung_window(nodes.volume)
        self.setLayout(parameters, nodes.center_ras)

    def setLayout(self, parameters: Any, center: Any = None) -> None:
        """Switch to the review layout with the result in its views."""
        if self.showLayout(layouts.REVIEW_LAYOUT) and parameters.inputVolume is not None:
            self.draw(parameters)
            self.aimViewsSoon(parameters.inputVolume, center)
