"""The views of a session: three planes and 3D, drawn on the server, with Slicer's own mouse and keys."""

from __future__ import annotations

import asyncio
from typing import Any

from trame_slicer.core import LayoutManager
from trame_slicer.rca_view import register_rca_factories
from trame_slicer.views import Layout, LayoutDirection, ViewLayoutDefinition

from ChestCTMRML import displays
from ChestCTMRML.front_view import look_from_front
from ChestCTMRML.geometry import ijk_to_world_ras
from ChestCTMRML.headless import BACKGROUND, register_legends
from ChestCTMRML.segmentations import labels_from_segmentation
from COVIDMTLApp.viewer.context import SessionContext
from COVIDMTLApp.viewer.view_frames import set_scales, slice_frame, space_frame

FRAMES_PER_S = 30.0
FRAMES_ASIDE_PER_S = 3.0  # of views the mouse is not in: Slicer redraws all planes when one of them moves
QUALITY_MOVING = 70  # JPEG quality while something moves; the still picture follows with the encoder's best
FIT_DELAY_S = 0.25  # after the last change of a view's size
FOUR_UP, PLANES, THREE_D = "Four views", "Axial large", "3D large"
LAYOUTS = (FOUR_UP, PLANES, THREE_D)
WINDOWS = {"Lung": (1500.0, -600.0), "Mediastinum": (400.0, 40.0), "Bone": (1800.0, 400.0)}
"""Usual windows of chest CT: width and level, HU."""


class Views:
    """Makes the views and fits the case into them.

    Args:
        context: The session.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        app = context.app
        register_legends(context.scene)
        register_rca_factories(
            app.view_manager,
            context.server,
            slice_view_ui_f=slice_frame,
            three_d_view_ui_f=space_frame,
            target_fps=FRAMES_PER_S,
            blur_fps=FRAMES_ASIDE_PER_S,
            interactive_quality=QUALITY_MOVING,
        )
        self.layout = LayoutManager(context.scene, app.view_manager, context.server)
        self.layout.register_layout_dict(_layouts())
        self.layout.set_layout(FOUR_UP)
        for view in app.view_manager.get_views():
            view.render_window().SetMultiSamples(0)  # Mesa drops translucent surfaces with it
            view.interactor().AddObserver("WindowResizeEvent", self._on_resized)
        for view in app.view_manager.get_threed_views():
            _sort_translucent_at_rest(view)
        self._fit: asyncio.TimerHandle | None = None
        self._fitted = False
        context.state.setdefault("layout_name", FOUR_UP)
        context.state.setdefault("mouse", "view")
        context.state.change("layout_name")(self._on_layout)
        context.state.change("mouse")(self._on_mouse)
        context.on_case(shown=self._on_case)

    def set_window(self, name: str) -> None:
        """Set window and level by name, see :data:`WINDOWS`."""
        if self._context.nodes.volume is not None:
            display = self._context.nodes.volume.GetScalarVolumeDisplayNode()
            display.SetAutoWindowLevel(False)
            display.SetWindowLevel(*WINDOWS[name])

    def fit(self) -> None:
        """Fit the case into all views, cut through the largest slice of its lesions, else of its lungs."""
        nodes = self._context.nodes
        if nodes.volume is not None:
            displays.set_views(self._context.scene, nodes.volume, self._center(), self._aspect())

    def fit_3d(self) -> None:
        """Look from the front at what is shown in 3D."""
        if self._context.nodes.volume is not None:
            look_from_front(self._context.scene, self._context.nodes.volume, self._aspect())

    def go_to(self, position_ras: Any) -> None:
        """Cut the planes through a position and look at it in 3D."""
        displays.jump_to(self._context.scene, position_ras)

    def _aspect(self) -> float:
        """Width of the 3D view by its height."""
        for view in self._context.app.view_manager.get_threed_views():
            width, height = view.render_window().GetSize()
            if width > 0 and height > 0:
                return float(width / height)
        return 1.0

    def _center(self) -> Any:
        from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS

        nodes = self._context.nodes
        if not nodes.has_results:
            return None
        to_ras = ijk_to_world_ras(nodes.volume)
        for segmentation, labels in ((nodes.lesions, LESION_LABELS), (nodes.lungs, LUNG_LABELS)):
            array = labels_from_segmentation(segmentation, nodes.volume, labels)
            center = displays.center_of_labels(array, to_ras)
            if center is not None:
                return center
        return None

    def _on_case(self) -> None:
        for view in self._context.app.view_manager.get_views():
            view.set_mapped_in_layout(True)
        set_scales(self._context.app.view_manager)
        self._on_mouse(self._context.state.mouse)
        self._fitted = False
        self.fit()
        self._fit_soon()

    def _on_resized(self, *_: Any) -> None:
        if not self._fitted:
            self._fit_soon()

    def _fit_soon(self) -> None:
        """Fit once the views have the browser's sizes; later changes of size keep what the user chose."""
        if self._fit is not None:
            self._fit.cancel()
        self._fit = asyncio.get_event_loop().call_later(FIT_DELAY_S, self._fit_now)

    def _fit_now(self) -> None:
        self._fit = None
        self.fit()
        self._fitted = self._context.nodes.volume is not None

    def _on_layout(self, layout_name: str, **_: Any) -> None:
        if layout_name in LAYOUTS and layout_name != self.layout.layout_id:
            self.layout.set_layout(layout_name)
            self._fitted = False
            self._fit_soon()

    def _on_mouse(self, mouse: str, **_: Any) -> None:
        node = self._context.scene.GetSingletonNode("Singleton", "vtkMRMLInteractionNode")
        if node is not None:
            adjust = node.AdjustWindowLevel if mouse == "window" else node.ViewTransform
            node.SetCurrentInteractionMode(adjust)


def _sort_translucent_at_rest(view: Any) -> None:
    """Leave out the sorting of translucent surfaces while a button is held: without a graphics card it costs most."""
    for button in ("LeftButton", "MiddleButton", "RightButton"):
        view.interactor().AddObserver(f"{button}PressEvent", lambda *_: view.renderer().SetUseDepthPeeling(False))
        view.interactor().AddObserver(f"{button}ReleaseEvent", lambda *_: _sort_again(view))


def _sort_again(view: Any) -> None:
    view.renderer().SetUseDepthPeeling(True)
    view.schedule_render()


def _layouts() -> dict[str, Layout]:
    axial, coronal = ViewLayoutDefinition.axial_view(), ViewLayoutDefinition.coronal_view()
    sagittal = ViewLayoutDefinition.sagittal_view()
    three_d = ViewLayoutDefinition.threed_view(
        background_color=BACKGROUND
    )  # Slicer's own name "1" cannot be a variable of the page
    across, down = LayoutDirection.Horizontal, LayoutDirection.Vertical
    return {
        FOUR_UP: Layout(across, [Layout(down, [axial, coronal]), Layout(down, [three_d, sagittal])]),
        PLANES: Layout(across, [axial, Layout(down, [three_d, coronal, sagittal])], ["2", "1"]),
        THREE_D: Layout(across, [three_d, Layout(down, [axial, coronal, sagittal])], ["2", "1"]),
    }
