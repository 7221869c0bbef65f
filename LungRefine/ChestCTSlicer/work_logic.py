"""What the logics of all three modules have in common: typed parameters, a job to its end, views of a result."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from ChestCTJobs.job import Job
from ChestCTMRML import displays, layouts
from ChestCTSlicer.table_views import fit_shown_tables


class WorkLogic(ScriptedLoadableModuleLogic):
    """Runs a job on one CT; usable without a panel.

    A module gives its ``parameterType`` and overrides :meth:`makeJob` and :meth:`take`.
    """

    parameterType: Any = None

    def getParameterNode(self) -> Any:
        """The typed parameters of the current scene; each call makes a new wrapper, so keep it."""
        return self.parameterType(super().getParameterNode())

    def makeJob(self, parameters: Any, overwriteEdited: bool = False) -> Job:
        """Return a job on the parameters' input volume.

        Raises:
            InputError: There is no input, or it cannot be used.
            EditedSegmentsError: The output was edited by hand and ``overwriteEdited`` is false.
        """
        raise NotImplementedError

    def take(self, parameters: Any, nodes: Any) -> None:
        """Set the parameters' outputs to the nodes of a result."""
        raise NotImplementedError

    def nodesOf(self, job: Any) -> Any:
        """The nodes that a finished job filled."""
        return job.work.result[0]

    def process(self, parameters: Any, overwriteEdited: bool = False, timeoutSeconds: float = 3600.0) -> Any:
        """Run without an event loop.

        Returns:
            The result's nodes; the parameters' outputs are set.

        Raises:
            ChestCTError: It failed.
        """
        job = self.makeJob(parameters, overwriteEdited)
        job.run_to_end(timeoutSeconds)
        nodes = self.nodesOf(job)
        self.take(parameters, nodes)
        return nodes

    def describe(self, volume: Any) -> str:
        """One line on the input."""
        if volume is None or volume.GetImageData() is None:
            return str(_("Load a chest CT, or take a phantom from the Sample Data module."))
        columns, rows, slices = volume.GetImageData().GetDimensions()
        x, y, z = volume.GetSpacing()
        text = _("{slices} slices of {z:.2f} mm, {columns} × {rows} voxels of {x:.2f} × {y:.2f} mm")
        return str(text.format(slices=slices, columns=columns, rows=rows, x=x, y=y, z=z))

    def showLayout(self, layout: int) -> bool:
        """Switch to one of the project's layouts; returns whether there is a window to switch."""
        manager = slicer.app.layoutManager()
        if manager is None:  # no main window
            return False
        layouts.register_layouts(manager.layoutLogic().GetLayoutNode())
        manager.setLayout(layout)
        return True

    def aimViewsSoon(self, volume: Any, center: Any = None) -> None:
        """Cut all views through a place of the volume, once the event loop has given them their new sizes."""
        qt.QTimer.singleShot(0, lambda: self.aimViews(volume, center))

    def aimViews(self, volume: Any, center: Any = None) -> None:
        """Cut all views through a place of the volume, unless the volume is gone by now."""
        if volume.GetScene() is not None:
            displays.set_views(slicer.mrmlScene, volume, center, self.aspectOf3D())
            fit_shown_tables()

    def aspectOf3D(self) -> float:
        """Width by height of the layout's first 3D view; 1 where there is none."""
        manager = slicer.app.layoutManager()
        if manager is None or manager.threeDViewCount == 0:
            return 1.0
        view = manager.threeDWidget(0).threeDView()
        return float(view.width / max(view.height, 1))
