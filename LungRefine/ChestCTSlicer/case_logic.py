"""Everything that COVID-MTL does with a case, apart from its panel: jobs, overlays, review, comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from ChestCTJobs.job import Failure, Job
from ChestCTLib.errors import InputError
from ChestCTLib.models import ModelCard, list_models
from ChestCTMRML import displays, layouts
from ChestCTMRML.activation_overlay import activation_tasks
from ChestCTMRML.case_nodes import volume_of
from ChestCTMRML.nodes import find_owned
from ChestCTMRML.report_store import kept_report
from ChestCTMRML.volumes import voxels
from ChestCTSlicer import case_view
from ChestCTSlicer.case_drawing import CaseDrawing
from ChestCTSlicer.case_parameters import NOT_GIVEN, Sex, ShownTask
from ChestCTSlicer.case_view import CaseStyle
from ChestCTSlicer.case_work import CaseRequest, case_center, case_segmentations, case_work, lesion_source
from ChestCTSlicer.follow_up_work import CHANGE_ROLE, follow_up_work
from ChestCTSlicer.model_choice import lesion_methods
from ChestCTSlicer.work_logic import WorkLogic

ASKED_TASKS = ("features", "prognosis", "mtl", "intensity-map")  # of the model cards that a run may ask


class CaseLogic(WorkLogic):
    """Makes, draws and shows the whole case of the parameters' CT; usable without a panel.

    Args:
        onDrawn: Called when all overlays of a case are in the scene.
        onFailed: Called when they cannot be drawn.
    """

    def __init__(
        self, onDrawn: Callable[[], None] | None = None, onFailed: Callable[[Failure], None] | None = None
    ) -> None:
        WorkLogic.__init__(self)
        self._drawing = CaseDrawing(onDrawn or (lambda: None), onFailed or (lambda failure: None))
        self._unfinished: set[str] = set()

    def models(self) -> list[ModelCard]:
        """Cards of the models that a run may ask."""
        return [card for card in list_models() if card.task in ASKED_TASKS]

    def makeJob(self, parameters: Any, overwriteEdited: bool = False) -> Job:
        """Return a job that makes the whole case; masks that are given are taken, never overwritten."""
        volume = parameters.inputVolume
        voxels(volume)
        for node in (parameters.lungs, parameters.lesions):
            owner = volume_of(node)
            if owner is not None and owner is not volume:
                raise InputError(
                    _("“{mask}” belongs to “{owner}”, not to this scan.").format(
                        mask=node.GetName(), owner=owner.GetName()
                    ),
                    _("Choose a mask of this scan, or “Segment on Apply”."),
                )
        wanted = {
            "features": parameters.lungFeatures,
            "network": parameters.network,
            "intensity-map": parameters.intensityMap,
        }
        request = CaseRequest(
            lesions=parameters.lesionMethod or lesion_methods()[0].id,
            device=parameters.device.name,
            age=None if parameters.age == NOT_GIVEN else float(parameters.age),
            sex=None if parameters.sex == Sex.unknown else parameters.sex.name,
            without=tuple(part for part, shown in wanted.items() if not shown),
        )
        return Job(case_work(slicer.mrmlScene, volume, parameters.lungs, parameters.lesions, request))

    def makeComparison(self, parameters: Any) -> Job:
        """Return a job that compares the case with the earlier scan's."""
        return Job(follow_up_work(slicer.mrmlScene, parameters.earlier, parameters.inputVolume))

    def take(self, parameters: Any, nodes: Any) -> None:
        """Set the outputs to a result."""
        parameters.lungs, parameters.lesions = nodes.lungs, nodes.lesions

    def styleOf(self, parameters: Any) -> CaseStyle:
        """What the parameters ask to be shown."""
        return CaseStyle(
            parameters.task.value,
            parameters.threshold,
            parameters.opacity,
            parameters.onSlices,
            parameters.in3D,
            parameters.showPlane,
            parameters.showShell,
            parameters.table.value,
            parameters.plot.value,
        )

    def draw(self, parameters: Any) -> None:
        """Show the case as the user wants it."""
        if parameters.inputVolume is not None:
            case_view.show_case(slicer.mrmlScene, parameters.inputVolume, self.styleOf(parameters))

    def startDrawing(self, parameters: Any) -> None:
        """Begin to draw periphery, intensity map and plots; :meth:`poll` gets on with it."""
        lesions = parameters.lesions
        self._unfinished.discard(parameters.inputVolume.GetID())
        self._drawing.start(slicer.mrmlScene, parameters.inputVolume, parameters.lungs, lesions, lesion_source(lesions))

    def poll(self) -> bool:
        """Do one short step of drawing; returns whether there is more to do."""
        return self._drawing.poll()

    @property
    def drawing(self) -> bool:
        """Whether overlays are still being made."""
        return self._drawing.busy

    def close(self) -> None:
        """End the drawing; what it had still to do is done when its case is chosen again."""
        if self._drawing.busy and self._drawing.volume.GetID():
            self._unfinished.add(self._drawing.volume.GetID())
        self._drawing.close()

    def resumeDrawing(self, parameters: Any) -> bool:
        """Draw the rest of a case that was left while it was being drawn; returns whether there is a rest."""
        volume = parameters.inputVolume
        if volume is None or volume.GetID() not in self._unfinished or parameters.lesions is None:
            return False
        self.startDrawing(parameters)
        return True

    def chooseReview(self, parameters: Any) -> None:
        """Set the parameters to what a review shows."""
        tasks = activation_tasks(parameters.inputVolume)
        parameters.task = ShownTask[tasks[0]] if tasks else ShownTask.none
        parameters.onSlices = parameters.in3D = parameters.showPlane = True
        parameters.showShell = False
        parameters.table, parameters.plot = case_view.best_table_and_plot(parameters.inputVolume)

    def showReview(self, parameters: Any) -> None:
        """Switch to the review layout with the case alone in its views."""
        volume = parameters.inputVolume
        displays.show_lung_window(volume)
        self.showAlone(volume)
        if self.showLayout(layouts.REVIEW_LAYOUT):
            self.draw(parameters)
            self.aimViewsSoon(volume, self.center(parameters))

    def showAlone(self, volume: Any) -> None:
        """Show a scan without the case of another one."""
        if volume is not None:
            case_view.hide_other_cases(slicer.mrmlScene, volume)
            displays.set_views(slicer.mrmlScene, volume, case_center(case_segmentations(volume)[1]))

    def restoreViews(self, parameters: Any) -> None:
        """Show a case of a scene that came without its views; views that show the scan stay as they are."""
        volume = parameters.inputVolume
        if volume is None or kept_report(volume) is None or displays.is_shown_in_slices(slicer.mrmlScene, volume):
            return
        self.showAlone(volume)
        self.draw(parameters)

    def center(self, parameters: Any) -> Any:
        """Where to cut the views through: the lesions, else the lungs; None where it is not known."""
        return case_center(parameters.lesions)

    def showChange(self, parameters: Any) -> None:
        """Show new, resolved and persisting lesions instead of the lesions' classes."""
        change = find_owned(parameters.inputVolume, CHANGE_ROLE)
        if change is not None and parameters.lesions is not None:
            parameters.lesions.GetDisplayNode().SetVisibility(False)
            change.GetDisplayNode().SetVisibility(True)
        self.draw(parameters)
