"""``covidmtl lesions`` on a volume node, with the lungs made on demand: files in, commands, nodes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ChestCTJobs.child import Prepared
from ChestCTJobs.hand_over import read_labels, read_surfaces, write_array, write_volume
from ChestCTJobs.job import Work
from ChestCTLib.errors import InputError
from ChestCTLib.labels import LESION_LABELS, LUNG_LABELS
from ChestCTMRML import displays
from ChestCTMRML.case_folder import put_in_case_folder
from ChestCTMRML.case_nodes import METHOD_ATTRIBUTE, keep_original
from ChestCTMRML.displays import LabelStyle
from ChestCTMRML.geometry import ijk_to_lps, ijk_to_world_ras
from ChestCTMRML.segmentations import add_segmentation, edited_segments, labels_in_steps, set_labels_in_steps

LUNG_VALUES = tuple(label.value for label in LUNG_LABELS)
LESION_VALUES = tuple(label.value for label in LESION_LABELS)
LESION_OPACITY_3D = 0.9  # seen through the translucent lungs
LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LesionRequest:
    """What to do, in the words of ``covidmtl lesions``."""

    method: str
    device: str = "auto"
    ground_glass_from_hu: float = -700.0
    consolidation_from_hu: float = -300.0


@dataclass(frozen=True)
class LesionNodes:
    """The nodes of a result.

    Attributes:
        volume: The CT.
        lungs: Its lungs, given or made.
        lesions: Segmentation of ground glass and consolidation.
        found: Whether there is any lesion.
        center_ras: Where to cut the views through; None without a lesion.
    """

    volume: Any
    lungs: Any
    lesions: Any
    found: bool
    center_ras: npt.NDArray[np.float64] | None


@dataclass(frozen=True)
class LesionWork(Work):
    """Work whose ``result`` holds the :class:`LesionNodes` once it is done."""

    result: list[LesionNodes] = field(default_factory=list)


@dataclass
class _Loaded:
    """What the child wrote, read back."""

    lesions: LabelArray
    lesion_surfaces: dict[int, Any]
    lungs: LabelArray | None
    lung_surfaces: dict[int, Any]
    center_ras: npt.NDArray[np.float64] | None


def lesion_work(
    scene: Any, volume: Any, lungs: Any, lesions: Any, request: LesionRequest, overwrite_edited: bool = False
) -> LesionWork:
    """Return the work that segments a volume's lesions.

    Args:
        scene: The ``vtkMRMLScene``.
        volume: The CT.
        lungs: Segmentation with right and left lung, or None: the lungs are then segmented first.
        lesions: Segmentation to update, or None for a new one.
        request: Method, device and limits.
        overwrite_edited: Whether segments edited by hand may be replaced. Where not, a segmentation that is edited
            during the run stays as it is, and the result gets a new one.
    """
    loaded: list[_Loaded] = []
    result: list[LesionNodes] = []

    def before(folder: Path) -> Iterator[None]:
        yield from write_volume(volume, folder / "ct.nrrd")
        if lungs is not None:
            array = yield from labels_in_steps(lungs, volume, LUNG_LABELS)
            yield from write_array(array, ijk_to_lps(volume), folder / "lungs.nrrd")

    def load(folder: Path) -> Iterator[None]:
        array = read_labels(folder, "lesions")
        yield
        surfaces = read_surfaces(folder, "lesions", LESION_VALUES)
        yield
        lung_array = read_labels(folder, "lungs") if lungs is None else None
        yield
        lung_surfaces = read_surfaces(folder, "lungs", LUNG_VALUES) if lungs is None else {}
        center = displays.center_of_labels(array, ijk_to_world_ras(volume))
        yield
        loaded.append(_Loaded(array, surfaces, lung_array, lung_surfaces, center))

    def show() -> Iterator[None]:
        keep = not overwrite_edited and bool(edited_segments(lesions, LESION_LABELS))
        target = None if keep else lesions  # somebody drew in it while the child was at work
        yield from _show(scene, volume, lungs, target, request.method, loaded.pop(), result)

    commands = [_command(request)]
    prepared = [Prepared("lesions.nrrd", LESION_VALUES, "lesions")]
    if lungs is None:
        commands.insert(0, ("lungs", "ct.nrrd", "-o", "lungs.nrrd"))
        prepared.append(Prepared("lungs.nrrd", LUNG_VALUES, "lungs"))
    return LesionWork(tuple(commands), before, load, show, "ct.nrrd", tuple(prepared), result=result)


def _command(request: LesionRequest) -> tuple[str, ...]:
    command = ["lesions", "ct.nrrd", "--lungs", "lungs.nrrd", "-o", "lesions.nrrd", "--method", request.method]
    command += ["--device", request.device]
    command += ["--ground-glass-from-hu", f"{request.ground_glass_from_hu:g}"]
    return (*command, "--consolidation-from-hu", f"{request.consolidation_from_hu:g}")


def _show(
    scene: Any,
    volume: Any,
    lungs: Any,
    lesions: Any,
    method: str,
    loaded: _Loaded,
    result: list[LesionNodes],
) -> Iterator[None]:
    name = volume.GetName()
    if volume.GetScene() is None:
        raise InputError(f"The volume “{name}” was removed during the run.", "Load it again and press Apply.")
    if loaded.lungs is not None:
        lungs = add_segmentation(scene, volume, f"{name} lungs")
        displays.show_segments(lungs, LabelStyle.outline)
        yield from set_labels_in_steps(lungs, loaded.lungs, volume, LUNG_LABELS, loaded.lung_surfaces)
    if lesions is None or lesions.GetScene() is None:
        lesions = add_segmentation(scene, volume, f"{name} lesions")
        displays.show_segments(lesions, LabelStyle.both, LESION_OPACITY_3D)
    yield from set_labels_in_steps(lesions, loaded.lesions, volume, LESION_LABELS, loaded.lesion_surfaces, True)
    lesions.SetAttribute(METHOD_ATTRIBUTE, method)
    original = keep_original(scene, volume, lesions)
    put_in_case_folder(scene, volume, [lungs, lesions, original])
    result.append(LesionNodes(volume, lungs, lesions, bool(loaded.lesions.any()), loaded.center_ras))
    yield
