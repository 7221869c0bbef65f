"""Measures that follow every edit, and what shows them: tables, plots, the thickness of the periphery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import slicer
import vtk
from trame.app import asynchronous

from ChestCTJobs import lesion_results
from ChestCTJobs.job import Failure
from ChestCTJobs.lesion_results import ResultTable
from ChestCTJobs.measure_service import Measured, MeasureService
from ChestCTMRML import lesion_plots, tables
from ChestCTMRML.case_nodes import METHOD_ATTRIBUTE
from ChestCTMRML.nodes import find_owned
from COVIDMTLApp.viewer.charts import chart_svg
from COVIDMTLApp.viewer.context import SessionContext
from LesionSegLib.measures import MeasureSettings

logger = logging.getLogger(__name__)

POLL_S = 0.03
SETTLE_S = 0.3  # after the last change, before measuring: a stroke of the brush is many changes
PROFILE_DELAY_S = 0.15  # a slice scrolled past needs no profile
NO_RATIO = "n/a: no lesion found"


class Plot(Enum):
    """A plot of a case; the value is the role of its chart."""

    periphery = lesion_plots.PERIPHERY_ROLE
    histogram = lesion_plots.HISTOGRAM_ROLE
    profile = lesion_plots.PROFILE_ROLE


TABLE_TITLES = {
    ResultTable.totals: "All measures",
    ResultTable.zones: "Six zones",
    ResultTable.classes: "Classes",
    ResultTable.single: "Single lesions",
}
PLOT_TITLES = {
    Plot.periphery: "Peripheral lesion ratio",
    Plot.histogram: "Attenuation",
    Plot.profile: "Intensity profile",
}


class MeasureLogic:
    """Measures the shown case's lesions and shows what was measured.

    Args:
        context: The session.
        go_to: Cuts the planes through a position.

    Attributes:
        measured: The latest measures; None before the first.
    """

    def __init__(self, context: SessionContext, go_to: Callable[[Any], None]) -> None:
        self._context, self._go_to = context, go_to
        self.measured: Measured | None = None
        self._service: MeasureService | None = None
        self._steps: Iterator[None] | None = None
        self._order: list[int] = []
        self._sorting = (0, False)
        self._settling: asyncio.TimerHandle | None = None
        self._profile: asyncio.TimerHandle | None = None
        self._polling: Any = None
        self._edited = False
        self._row: int | None = None
        self._observed: list[tuple[Any, int]] = []
        context.state.update(
            {
                "thickness": MeasureSettings().peripheral_mm,
                "ratio": "",
                "finding": "",
                "measuring": False,
                "corrected": False,
                "table": ResultTable.totals.value,
                "tables": [{"title": title, "value": table.value} for table, title in TABLE_TITLES.items()],
                "table_heads": [],
                "table_rows": [],
                "plot": Plot.periphery.name,
                "plots": [{"title": title, "value": plot.name} for plot, title in PLOT_TITLES.items()],
                "plot_svg": "",
            }
        )
        context.state.change("thickness")(self._on_thickness)
        context.state.change("table")(self._on_table)
        context.state.change("plot")(self._on_plot)
        context.on_case(self.close, self._on_case)

    @property
    def thickness_mm(self) -> float:
        """Chosen thickness of the periphery."""
        return float(self._context.state.thickness)

    @property
    def _outdated(self) -> bool:
        """Whether the lesions were edited after the mask whose numbers are shown."""
        return self._settling is not None or (self._service is not None and self._service.outdated)

    async def latest(self) -> Measured | None:
        """Wait until no edit is unmeasured; None where nothing can be measured."""
        while self._outdated or self._steps is not None:
            await asyncio.sleep(POLL_S)
        return self.measured

    def close(self) -> None:
        """End the measuring process and forget its results."""
        for timer in (self._settling, self._profile):
            if timer is not None:
                timer.cancel()
        self._settling = self._profile = None
        for caller, tag in self._observed:
            caller.RemoveObserver(tag)
        self._observed.clear()
        service, self._service, self._steps, self.measured = self._service, None, None, None
        self._row, self._edited = None, False
        if service is not None:
            service.close()

    def sort(self, column: int) -> None:
        """Sort the single lesions by a column; once more turns the order round."""
        if self._context.state.table != ResultTable.single.value or self.measured is None:
            return
        descending = self._sorting[0] == column and not self._sorting[1]
        self._sorting = (column, descending)
        nodes = self._context.nodes
        self._order = lesion_results.sorted_lesions(
            self._context.scene, nodes.volume, self.measured.section, column, descending
        )
        self._show_table()

    def row_clicked(self, row: int) -> None:
        """Go to the lesion of a row."""
        if self._context.state.table != ResultTable.single.value or self.measured is None:
            return
        center = lesion_results.center_of_lesion(self.measured, self._order, row)
        if center is not None:
            self._go_to(center)

    def _on_case(self) -> None:
        self._context.state.update({"ratio": "", "finding": "", "measuring": False, "corrected": False})
        nodes = self._context.nodes
        self._show_table()
        self._show_plot()
        view = self._context.scene.GetSingletonNode("Red", "vtkMRMLSliceNode")
        if view is not None:
            self._observe(view, vtk.vtkCommand.ModifiedEvent, self._on_slice)
        if nodes.has_results:
            segmentation = nodes.lesions.GetSegmentation()
            # undo gives segments their voxels back and tells only that the segments are modified
            self._observe(segmentation, slicer.vtkSegmentation.SourceRepresentationModified, self._on_edit)
            self._observe(segmentation, slicer.vtkSegmentation.SegmentModified, self._on_edit)
            self._measure_soon()

    def _observe(self, caller: Any, event: int, callback: Callable[..., None]) -> None:
        self._observed.append((caller, caller.AddObserver(event, callback)))

    def _on_edit(self, *_: Any) -> None:
        """The shown ratio is of other lesions; measure anew."""
        self._edited = True
        self._context.state.ratio = ""
        self._measure_soon()

    def _measure_soon(self) -> None:
        """Measure once the hand rests."""
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.get_event_loop().call_later(SETTLE_S, self._measure)
        self._context.state.measuring = True

    def _measure(self) -> None:
        self._settling = None
        nodes = self._context.nodes
        if not nodes.has_results:
            return
        if self._service is None:
            self._service = MeasureService(nodes.volume, nodes.lungs, self._take, self._fail)
        thickness = self.thickness_mm or MeasureSettings().peripheral_mm
        source = nodes.lesions.GetAttribute(METHOD_ATTRIBUTE) or nodes.lesions.GetName()
        self._service.request(nodes.lesions, thickness, source)
        with self._context.state as state:
            state.measuring = True
        if self._polling is None or self._polling.done():
            self._polling = asynchronous.create_task(self._poll())

    async def _poll(self) -> None:
        while self._service is not None and (self._steps is not None or self._service.busy):
            try:
                self._step(self._service)
            except Exception as error:  # a task's exception would be seen by nobody
                logger.exception("Measures cannot be shown.")
                self.close()
                self._fail(Failure(f"{type(error).__name__}: {error}.", "Open the case again."))
            await asyncio.sleep(POLL_S)

    def _step(self, service: MeasureService) -> None:
        """Do one short step."""
        if self._steps is None:
            service.poll()
        elif next(self._steps, self) is self:
            self._steps = None
            self._show_measured()

    def _take(self, measured: Measured) -> None:
        self.measured, self._order, self._sorting = measured, [], (0, False)
        nodes = self._context.nodes
        self._steps = lesion_results.show_measured(self._context.scene, nodes.volume, measured, self.thickness_mm)

    def _fail(self, failure: Failure) -> None:
        self._service = self._steps = None
        with self._context.state as state:
            state.measuring, state.finding = False, f"n/a: {failure}"

    def _show_measured(self) -> None:
        assert self.measured is not None
        outdated = self._outdated
        self._edited = self._edited and outdated
        with self._context.state as state:
            state.finding = self.measured.finding + (", corrected by hand" if self.measured.corrected else "")
            state.measuring, state.corrected = outdated, self.measured.corrected
            self._move_thickness(self.measured)  # the slider may have moved meanwhile
            self._show_table()
            self._row = None
            self._follow_slice()
            self._show_plot()

    def _on_thickness(self, **_: Any) -> None:
        """Move shell, ratio and mark; measure again once the slider rests."""
        if self.measured is None:
            return
        if self._steps is None:  # else a result is on its way into the scene, and takes the thickness along
            self._move_thickness(self.measured)
            self._show_plot()
        self._measure_soon()

    def _move_thickness(self, measured: Measured) -> None:
        volume = self._context.nodes.volume
        ratio = lesion_results.move_thickness(self._context.scene, volume, measured, self.thickness_mm)
        shown = NO_RATIO if ratio is None else f"{ratio:.1f} % of the lesion"
        self._context.state.ratio = "" if self._edited else shown

    def _on_table(self, **_: Any) -> None:
        self._show_table()

    def _on_plot(self, **_: Any) -> None:
        self._row = None
        self._follow_slice()
        self._show_plot()

    def _show_table(self) -> None:
        """Show the measured table; before the first measures, the report's own."""
        volume, key = self._context.nodes.volume, self._context.state.table
        node = None
        if volume is not None:
            report = "Report.lesions.Measures" if key == ResultTable.totals.value else f"Report.Table.{key}"
            node = find_owned(volume, f"Lesions.Table.{key}") or find_owned(volume, report)
        shown = tables.rows(node) if node is not None else []
        self._context.state.table_heads = list(shown[0]) if shown else []
        self._context.state.table_rows = [list(row.values()) for row in shown]

    def _show_plot(self) -> None:
        volume = self._context.nodes.volume
        role = Plot[self._context.state.plot].value
        chart = find_owned(volume, f"{role}.Chart") if volume is not None else None
        self._context.state.plot_svg = chart_svg(chart)

    def _on_slice(self, *_: Any) -> None:
        if self._profile is None:
            self._profile = asyncio.get_event_loop().call_later(PROFILE_DELAY_S, self._on_slice_rests)

    def _on_slice_rests(self) -> None:
        self._profile = None
        with self._context.state as state:
            if self._follow_slice() and state.plot == Plot.profile.name:
                self._show_plot()

    def _follow_slice(self) -> bool:
        """Mark the axial view's slice on the intensity map and draw its profile; returns whether it moved."""
        wanted = self._context.state.show_map or self._context.state.plot == Plot.profile.name
        if self.measured is None or not wanted:
            return False
        scene, before = self._context.scene, self._row
        self._row = lesion_results.follow_slice(scene, self._context.nodes.volume, self.measured, before)
        return self._row != before
