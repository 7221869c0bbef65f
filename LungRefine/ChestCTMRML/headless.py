"""A scene with application logic and views but no screen: for the command line, reports and tests.

Needs ``slicer-core`` and ``trame-slicer`` outside Slicer, and EGL or OSMesa (Debian: libegl1 libgl1-mesa-dri, or
libosmesa6) for pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import vtk
from vtk.util import numpy_support

from ChestCTMRML import displays
from ChestCTMRML.packages import require_view_packages

PICTURE_SIZE = (900, 700)
BACKGROUND = ("#101418", "#2a3138")


class HeadlessSlicer:
    """Scene, logics and off-screen views of Slicer without its GUI.

    Attributes:
        scene: The ``vtkMRMLScene``.
        app: trame-slicer's ``SlicerApp`` with the registered module logics.

    Raises:
        MissingDependencyError: ``slicer-core`` or ``trame-slicer`` is not installed.
    """

    def __init__(self) -> None:
        require_view_packages()
        from trame_slicer.core import SlicerApp
        from trame_slicer.views import DirectViewFactory

        vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_ERROR)  # warnings of a missing X server and the like
        self.app = SlicerApp()
        vtk.vtkOutputWindow.GetInstance().SetDisplayModeToNever()  # errors still come by way of the logger
        self.scene = self.app.scene
        register_legends(self.scene)
        self.app.view_manager.register_factory(DirectViewFactory(do_render_offscreen=True))
        self._views: dict[str, Any] = {}

    def add_standard_views(self) -> None:
        """Add the axial, coronal, sagittal and 3D view.

        Needed before a scene is read (views made afterwards find no interaction node) or written (so that it opens with
        its views set).
        """
        for name in ("Axial", "Coronal", "Sagittal"):
            self._slice_view(name)
        self._threed_view()

    def slice_picture(
        self,
        volume_node: Any,
        orientation: str = "Axial",
        center_ras: npt.NDArray[np.float64] | None = None,
        size: tuple[int, int] = PICTURE_SIZE,
    ) -> npt.NDArray[np.uint8]:
        """Picture of one slice with every visible segmentation on it.

        Args:
            volume_node: The CT.
            orientation: "Axial", "Coronal" or "Sagittal".
            center_ras: World RAS position to cut through, mm; the volume's centre when not given.
            size: Width and height in pixels.

        Returns:
            uint8 RGB ``[row, column, 3]``.
        """
        view = self._sized(self._slice_view(orientation), size)
        view.get_view_node().SetDimensions(size[0], size[1], 1)
        displays.set_views(self.scene, volume_node, center_ras)
        return _pixels(view.render_window())

    def picture_3d(
        self, volume_node: Any, size: tuple[int, int] = PICTURE_SIZE, turn_deg: float = 0.0
    ) -> npt.NDArray[np.uint8]:
        """Picture of the surfaces of every segmentation visible in 3D, from the front or turned about the long axis.

        Args:
            volume_node: The CT, which gives the extent to look at.
            size: Width and height in pixels.
            turn_deg: Turn of the camera about the head-foot axis, degrees.

        Returns:
            uint8 RGB ``[row, column, 3]``.
        """
        view = self._sized(self._threed_view(), size)
        displays.set_views(self.scene, volume_node)
        renderer = view.renderer()
        renderer.GetActiveCamera().Azimuth(turn_deg)
        renderer.ResetCameraClippingRange()
        return _pixels(view.render_window())

    def close(self) -> None:
        """Give the views' windows back."""
        for view in self._views.values():
            view.finalize()
        self._views.clear()

    @staticmethod
    def _sized(view: Any, size: tuple[int, int]) -> Any:
        view.render_window().SetSize(*size)
        view.update_size(*size)
        return view

    def _keep(self, key: str, view: Any) -> Any:
        view.render_window().SetMultiSamples(0)  # Mesa drops translucent surfaces with it
        view.set_render_blocked(True)  # one picture is one rendering, not one at every change of a node
        self._views[key] = view
        return view

    def _slice_view(self, orientation: str) -> Any:
        from trame_slicer.views import ViewLayoutDefinition

        makers = {
            "Axial": ViewLayoutDefinition.axial_view,
            "Coronal": ViewLayoutDefinition.coronal_view,
            "Sagittal": ViewLayoutDefinition.sagittal_view,
        }
        if orientation not in self._views:
            view = self._keep(orientation, self.app.view_manager.create_view(makers[orientation]()))
            view.set_orientation(orientation)
        return self._views[orientation]

    def _threed_view(self) -> Any:
        from trame_slicer.views import ViewLayoutDefinition

        if "3D" not in self._views:
            definition = ViewLayoutDefinition.threed_view(name="1", background_color=BACKGROUND)
            self._keep("3D", self.app.view_manager.create_view(definition))
        return self._views["3D"]


def register_legends(scene: Any) -> None:
    """Teach a scene the node of colour legends, which Slicer's Colors module does and trame-slicer does not."""
    import slicer

    scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())


def _pixels(window: Any) -> npt.NDArray[np.uint8]:
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.SetInputBufferTypeToRGB()
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    columns, rows, _ = image.GetDimensions()
    pixels = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, 3)
    return np.ascontiguousarray(pixels[::-1])
