"""Measures of the lesions that follow every edit, put into a case's nodes; the logic of Lesion Seg builds on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import slicer

from ChestCTJobs import lesion_results
from ChestCTJobs.job import Failure
from ChestCTJobs.measure_service import Measured, MeasureService
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTMRML import displays
from ChestCTMRML.case_nodes import METHOD_ATTRIBUTE, keep_original, original_of
from ChestCTMRML.segmentations import match_segments
from ChestCTSlicer.work_logic import WorkLogic

DEFAULT_THICKNESS_MM = 10.0  # where the slider stands at 0, which has no periphery to report


class LesionMeasuring(WorkLogic):
    """Measures a case's lesions in a process of its own; usable without a panel.

    Args:
        onMeasured: Called when a result is in the scene: first with its numbers, again with its surfaces.
        onFailed: Called when measures cannot follow any more.

    Attributes:
        measured: The latest result; None without one.
        ratio: The peripheral lesion ratio at the current thickness, %.
    """

    def __init__(
        self, onMeasured: Callable[[Measured], None] | None = None, onFailed: Callable[[Failure], None] | None = None
    ) -> None:
        WorkLogic.__init__(self)
        self.measured: Measured | None = None
        self.ratio: float | None = None
        self._onMeasured = onMeasured or (lambda measured: None)
        self._onFailed = onFailed or (lambda failure: None)
        self._service: MeasureService | None = None
        self._steps: Iterator[None] | None = None
        self._order: list[int] = []
        self._thickness: float | None = None
        self._parameters: Any = None
        self._marked: int | None = None

    @property
    def volume(self) -> Any:
        """The CT that is measured; None when none is."""
        return self._service.volume_node if self._service is not None else None

    @property
    def busy(self) -> bool:
        """Whether measures are awaited."""
        return self._steps is not None or (self._service is not None and self._service.busy)

    def prepareMeasuring(self, parameters: Any) -> bool:
        """Start the measuring process for a CT and its lungs, before there is a mask; returns whether it runs."""
        volume, lungs = parameters.inputVolume, parameters.lungs
        if volume is None or lungs is None or len(match_segments(lungs, LUNG_LABELS)) < len(LUNG_LABELS):
            return False
        service = self._service
        if service is None or (service.volume_node, service.lungs_node) != (volume, lungs):
            self.close()
            self._service = MeasureService(volume, lungs, self._take, self._fail)
        self._parameters = parameters
        return True

    def measure(self, parameters: Any) -> bool:
        """Ask for measures of the lesions as they are now; returns whether it could."""
        lesions = parameters.lesions
        if lesions is None or len(match_segments(lesions, LESION_LABELS)) < len(LESION_LABELS):
            return False
        if not self.prepareMeasuring(parameters):
            return False
        assert self._service is not None
        if original_of(self._service.volume_node) is None:
            keep_original(slicer.mrmlScene, self._service.volume_node, lesions)
        source = lesions.GetAttribute(METHOD_ATTRIBUTE) or lesions.GetName()
        self._service.request(lesions, parameters.thickness or DEFAULT_THICKNESS_MM, source)
        return True

    def poll(self) -> bool:
        """Let the measuring get on; returns whether there is more to do."""
        if self._service is None:
            return False
        if self._steps is not None:
            try:
                next(self._steps)
            except StopIteration:
                self._steps = None
                if self.measured is not None:
                    self._onMeasured(self.measured)
            return True
        self._service.poll()
        return self.busy

    def close(self) -> None:
        """End the measuring process."""
        service, self._service, self._steps = self._service, None, None
        self.measured = self.ratio = self._thickness = self._marked = None
        self._order = []
        if service is not None:
            service.close()

    def moveThickness(self, parameters: Any) -> bool:
        """Move ratio, curve marker and shell to the parameters' thickness; returns whether they moved."""
        if self.measured is None or self._steps is not None or parameters.thickness == self._thickness:
            return False
        self._thickness = parameters.thickness
        self.ratio = lesion_results.move_thickness(slicer.mrmlScene, self.volume, self.measured, self._thickness)
        return True

    def sortLesions(self, column: int, descending: bool) -> None:
        """Sort the table of single lesions."""
        if self.measured is not None:
            self._order = lesion_results.sorted_lesions(
                slicer.mrmlScene, self.volume, self.measured.section, column, descending
            )

    def goToLesion(self, row: int) -> Any:
        """Cut the slices through the lesion of a row and look at it in 3D; returns its centre or None."""
        if self.measured is None:
            return None
        center = lesion_results.center_of_lesion(self.measured, self._order, row)
        if center is not None:
            displays.jump_to(slicer.mrmlScene, center)
        return center

    def followSlice(self) -> None:
        """Mark the axial view's slice on the intensity map and draw its profile, once there is a map."""
        if self.measured is not None and self._steps is None:
            self._marked = lesion_results.follow_slice(slicer.mrmlScene, self.volume, self.measured, self._marked)

    def _take(self, measured: Measured) -> None:
        thickness = self._parameters.thickness
        self.measured, self._thickness = measured, thickness
        if measured.drawn is None:
            self._order = []
        self.ratio = measured.ratio_percent(thickness)
        self._steps = lesion_results.show_measured(slicer.mrmlScene, self.volume, measured, thickness)

    def _fail(self, failure: Failure) -> None:
        self._service = self._steps = None
        self._onFailed(failure)
