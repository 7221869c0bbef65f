"""The parameters of Lesion Seg, saved and restored with the scene."""

from enum import Enum
from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from ChestCTJobs.lesion_results import ResultTable
from ChestCTMRML import lesion_plots


class Device(Enum):
    """What networks run on."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"

    def label(self) -> str:
        """Text of the entry in the selector."""
        texts = {
            Device.auto: _("Automatic: GPU if there is one"),
            Device.cpu: _("Processor (CPU)"),
            Device.cuda: _("GPU (CUDA)"),
        }
        return str(texts[self])


class Coloring(Enum):
    """What the colours of lesions in 3D mean."""

    classes = "classes"
    density = "density"
    hidden = "hidden"

    def label(self) -> str:
        """Text of the entry in the selector."""
        texts = {
            Coloring.classes: _("Class: ground glass, consolidation"),
            Coloring.density: _("Mean density of each lesion (HU)"),
            Coloring.hidden: _("Hidden"),
        }
        return str(texts[self])


class ShownTable(Enum):
    """Which table of the result is shown."""

    totals = ResultTable.totals
    zones = ResultTable.zones
    classes = ResultTable.classes
    single = ResultTable.single

    def label(self) -> str:
        """Text of the entry in the selector."""
        texts = {
            ShownTable.totals: _("All measures"),
            ShownTable.zones: _("Six zones"),
            ShownTable.classes: _("Classes"),
            ShownTable.single: _("Single lesions (click: go there; heading: sort)"),
        }
        return str(texts[self])


class ShownPlot(Enum):
    """Which plot is shown."""

    periphery = lesion_plots.PERIPHERY_ROLE
    histogram = lesion_plots.HISTOGRAM_ROLE
    profile = lesion_plots.PROFILE_ROLE

    def label(self) -> str:
        """Text of the entry in the selector."""
        texts = {
            ShownPlot.periphery: _("Peripheral lesion ratio"),
            ShownPlot.histogram: _("Attenuation of lungs and lesions"),
            ShownPlot.profile: _("Intensity profile of the slice"),
        }
        return str(texts[self])


@parameterNodeWrapper
class LesionSegParameterNode:
    """The module's parameters; saved and restored with the scene."""

    inputVolume: vtkMRMLScalarVolumeNode
    lungs: vtkMRMLSegmentationNode
    lesions: vtkMRMLSegmentationNode
    secondReader: vtkMRMLSegmentationNode
    method: str = ""
    device: Device = Device.auto
    groundGlassFrom: Annotated[float, WithinRange(-900.0, -400.0)] = -700.0
    consolidationFrom: Annotated[float, WithinRange(-400.0, 0.0)] = -300.0
    thickness: Annotated[float, WithinRange(0.0, 35.0)] = 10.0
    coloring: Coloring = Coloring.classes
    showShell: bool = False
    showMap: bool = False
    table: ShownTable = ShownTable.totals
    plot: ShownPlot = ShownPlot.periphery
    paintInLungs: bool = False
    paintInRange: bool = False
    paintFrom: Annotated[float, WithinRange(-1024.0, 3071.0)] = -750.0
    paintTo: Annotated[float, WithinRange(-1024.0, 3071.0)] = 150.0
