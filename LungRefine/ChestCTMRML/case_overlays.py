"""Every overlay and plot of one case, made from its arrays; hidden until somebody switches them on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ChestCTMRML import lesion_plots
from ChestCTMRML.activation_overlay import ACTIVATION_PREFIX, set_activation
from ChestCTMRML.geometry import ijk_to_local_ras
from ChestCTMRML.intensity_plane import PlaneData, mark_slice, set_intensity_plane
from ChestCTMRML.lesion_density import set_lesion_density
from ChestCTMRML.lesion_surfaces import Grid, LesionShapes
from ChestCTMRML.peripheral_shell import ShellData, set_shell

if TYPE_CHECKING:
    from ChestCTLib.volume import CTVolume

LabelArray = npt.NDArray[np.uint8]


def add_overlays(
    scene: Any, volume_node: Any, volume: CTVolume, lungs: LabelArray, lesions: LabelArray, peripheral_mm: float
) -> None:
    """Add a case's overlays and plots to the nodes that its CT keeps for them; a second call updates them.

    Args:
        scene: The ``vtkMRMLScene``.
        volume_node: The CT.
        volume: The same as engine type.
        lungs: uint8 ``[k, j, i]`` on its grid: 1 right, 2 left.
        lesions: uint8 on its grid: 1 ground glass, 2 consolidation.
        peripheral_mm: Thickness of the periphery.
    """
    from COVIDMTLLib.intensity_map.map import project
    from LesionSegLib.measures import LungFrame, MeasureSettings, measure_voxels
    from LesionSegLib.measures.tissues import HISTOGRAM_EDGES_HU, tissue_shares

    shapes = LesionShapes(volume.hu, lungs, Grid(volume.spacing_mm, ijk_to_local_ras(volume_node)))
    surfaces = shapes.surfaces(lesions)
    assert surfaces is not None  # nobody cancels
    set_lesion_density(scene, volume_node, surfaces.whole)
    set_shell(scene, volume_node, ShellData(shapes.depth_mm, shapes.to_ras, surfaces.whole), peripheral_mm)
    projected = project(volume)
    plane = PlaneData(projected.shares, projected.settings.low_hu, projected.settings.high_hu)
    set_intensity_plane(scene, volume_node, plane)
    row = len(plane.shares) // 2
    mark_slice(scene, volume_node, row)
    lesion_plots.set_intensity_profile(scene, volume_node, plane, row)
    frame = LungFrame(volume, lungs)
    voxels = frame.lesion_voxels(lesions)
    measured = measure_voxels(frame, voxels, MeasureSettings(peripheral_mm=peripheral_mm))
    lesion_plots.set_periphery_curve(scene, volume_node, measured.curve_mm, measured.curve_percent)
    lesion_plots.mark_periphery(scene, volume_node, peripheral_mm, measured.peripheral_percent)
    shares = tissue_shares(frame, voxels)
    lesion_plots.set_density_histogram(scene, volume_node, HISTOGRAM_EDGES_HU.tolist(), *shares)


def add_activations(scene: Any, volume_node: Any, maps: dict[str, npt.NDArray[np.floating[Any]]]) -> list[Any]:
    """Add class activation maps, ``cam_<task>`` each, as overlays; other maps are passed over."""
    return [
        set_activation(
            scene, volume_node, key[len(ACTIVATION_PREFIX) :], values, f"{volume_node.GetName()} activation {key[4:]}"
        )
        for key, values in maps.items()
        if key.startswith(ACTIVATION_PREFIX)
    ]
