"""What the user chooses in the COVID-MTL module; saved and restored with the scene."""

from enum import Enum
from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from ChestCTMRML import lesion_plots
from ChestCTMRML.cohort_chart import ROLE as COHORT_ROLE
from ChestCTSlicer.follow_up_work import MEASURES_ROLE
from ChestCTSlicer.lesion_parameters import Device

NOT_GIVEN = -1  # an age that the user did not give


class Sex(Enum):
    """The patient's sex; names as ``covidmtl run --sex`` knows them."""

    unknown = "unknown"
    female = "female"
    male = "male"

    def label(self) -> str:
        """Text of the entry in the selector."""
        return str({Sex.unknown: _("not given"), Sex.female: _("female"), Sex.male: _("male")}[self])


class ShownTask(Enum):
    """Whose activation map is shown."""

    none = ""
    ct = "ct"
    nat = "nat"
    severity = "severity"

    def label(self) -> str:
        """Text of the entry in the selector."""
        return str(
            {
                ShownTask.none: _("Hidden"),
                ShownTask.ct: _("COVID-19 against radiology"),
                ShownTask.nat: _("COVID-19 against nucleic acid test"),
                ShownTask.severity: _("Severity"),
            }[self]
        )


class ShownTable(Enum):
    """Which table is shown; the value is its role."""

    features = "Report.features.Measures"
    network = "Report.network.Measures"
    cohort = "Report.Table.profile"
    extremes = "Report.Table.context"
    lesions = "Lesions.Table.totals"
    zones = "Lesions.Table.zones"
    single = "Lesions.Table.single"
    lungs = "Report.lungs.Measures"
    map = "Report.intensity_map.Measures"
    change = MEASURES_ROLE

    def label(self) -> str:
        """Text of the entry in the selector."""
        return str(
            {
                ShownTable.features: _("Probabilities by lung features, prognosis"),
                ShownTable.network: _("Probabilities by the network"),
                ShownTable.cohort: _("Cohort: the plot's features, numbered from the top"),
                ShownTable.extremes: _("Cohort: features farthest from its middle"),
                ShownTable.lesions: _("Lesion measures"),
                ShownTable.zones: _("Lesions in six zones"),
                ShownTable.single: _("Single lesions"),
                ShownTable.lungs: _("Lungs"),
                ShownTable.map: _("Intensity map"),
                ShownTable.change: _("Change since the earlier scan"),
            }[self]
        )


class ShownPlot(Enum):
    """Which plot is shown; the value is its role."""

    cohort = COHORT_ROLE
    periphery = lesion_plots.PERIPHERY_ROLE
    histogram = lesion_plots.HISTOGRAM_ROLE
    profile = lesion_plots.PROFILE_ROLE

    def label(self) -> str:
        """Text of the entry in the selector."""
        return str(
            {
                ShownPlot.cohort: _("This scan among the cohort"),
                ShownPlot.periphery: _("Peripheral lesion ratio"),
                ShownPlot.histogram: _("Attenuation of lungs and lesions"),
                ShownPlot.profile: _("Intensity profile of the slice"),
            }[self]
        )


@parameterNodeWrapper
class COVIDMTLParameterNode:
    """The module's parameters; saved and restored with the scene."""

    inputVolume: vtkMRMLScalarVolumeNode
    lungs: vtkMRMLSegmentationNode
    lesions: vtkMRMLSegmentationNode
    earlier: vtkMRMLScalarVolumeNode
    lesionMethod: str = ""
    device: Device = Device.auto
    lungFeatures: bool = True
    network: bool = True
    intensityMap: bool = True
    age: Annotated[int, WithinRange(NOT_GIVEN, 120)] = NOT_GIVEN
    sex: Sex = Sex.unknown
    model: str = ""
    task: ShownTask = ShownTask.none
    threshold: Annotated[float, WithinRange(0.0, 0.95)] = 0.35
    opacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    onSlices: bool = True
    in3D: bool = True
    showPlane: bool = False
    showShell: bool = False
    table: ShownTable = ShownTable.features
    plot: ShownPlot = ShownPlot.cohort
