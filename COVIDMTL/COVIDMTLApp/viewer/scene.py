"""One case in a scene: its nodes found, shown and hidden. Knows the scene and nothing of browsers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ChestCTLib.errors import InputError
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTLib.volume import CTVolume
from ChestCTMRML import displays
from ChestCTMRML.activation_overlay import activation_tasks
from ChestCTMRML.case_nodes import segmentation_of
from ChestCTMRML.light_surfaces import lighten_surfaces
from ChestCTMRML.scene_file import read_scene
from ChestCTMRML.volumes import add_volume

SCAN_NAME = "CT"  # never a patient's


@dataclass(frozen=True)
class CaseNodes:
    """The nodes of the case that is shown; None for those it has not.

    Attributes:
        volume: The CT.
        lungs: Segmentation with right and left lung.
        lesions: Segmentation with ground glass and consolidation.
        tasks: Tasks with a class activation map.
    """

    volume: Any = None
    lungs: Any = None
    lesions: Any = None
    tasks: tuple[str, ...] = ()

    @property
    def has_results(self) -> bool:
        """Whether the scan was run."""
        return self.lungs is not None and self.lesions is not None


def show_scan(scene: Any, volume: CTVolume) -> CaseNodes:
    """Replace what the scene shows by a scan."""
    scene.Clear(False)
    node = add_volume(scene, volume, SCAN_NAME)
    displays.show_lung_window(node)
    return CaseNodes(node)


def show_scene(scene: Any, path: Path) -> CaseNodes:
    """Replace what the scene shows by a case's scene.

    Raises:
        InputError: The file is no scene, or holds no CT.
    """
    read_scene(scene, path)
    nodes = find_case(scene)
    for segmentation in (nodes.lungs, nodes.lesions):
        if segmentation is not None:
            lighten_surfaces(segmentation)
    return nodes


def find_case(scene: Any) -> CaseNodes:
    """Find the case in a scene that ``covidmtl run`` or Slicer's modules wrote.

    Raises:
        InputError: There is no CT.
    """
    volumes = list(displays.nodes_of_class(scene, "vtkMRMLScalarVolumeNode"))
    owners = [node for node in volumes if segmentation_of(scene, node, LUNG_LABELS) is not None]
    volume = (owners or volumes or [None])[0]
    if volume is None:
        raise InputError("The scene holds no CT volume.", "Choose a scene that holds the scan.")
    lungs, lesions = (segmentation_of(scene, volume, labels) for labels in (LUNG_LABELS, LESION_LABELS))
    return CaseNodes(volume, lungs, lesions, tuple(activation_tasks(volume)))
