"""Strokes on a phantom's lesions, undone and repeated with the viewer's own segment editor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from trame_slicer.segmentation import ModificationMode, SegmentationEffectErase, SegmentationEffectPaint
from trame_slicer.utils import vtk_image_to_np

from ChestCTLib.labels import LESION_LABELS
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTMRML import segmentations
from ChestCTMRML.headless import HeadlessSlicer
from ChestCTMRML.volumes import add_volume
from COVIDMTLApp.viewer.lesion_undo import LesionUndo

Region = tuple[slice, slice, slice]
CORNER: Region = (slice(0, 2), slice(0, 2), slice(0, 2))  # outside the body


@pytest.fixture(scope="module")
def headless() -> Iterator[HeadlessSlicer]:
    made = HeadlessSlicer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(seed=19, spacing_mm=(6.0, 4.0, 4.0)))


@dataclass(frozen=True)
class Editing:
    """A segment editor on a phantom's lesions."""

    editor: Any
    undo: LesionUndo
    lesions: Any
    volume: Any

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        return segmentations.labels_from_segmentation(self.lesions, self.volume, LESION_LABELS)

    def stroke(self, region: Region, effect: Any, mode: ModificationMode) -> None:
        self.editor.set_active_effect_type(effect)
        self.editor.active_effect.set_mode(mode)
        stroke = self.editor.active_segment_modifier.create_modifier_labelmap()
        vtk_image_to_np(stroke)[region] = 1
        self.editor.active_segment_modifier.apply_labelmap(stroke)

    def erase(self, region: Region) -> None:
        self.stroke(region, SegmentationEffectErase, ModificationMode.RemoveAll)

    def paint(self, region: Region) -> None:
        self.stroke(region, SegmentationEffectPaint, ModificationMode.Add)


@pytest.fixture
def editing(headless: HeadlessSlicer, phantom: Phantom) -> Iterator[Editing]:
    scene, editor = headless.scene, headless.app.segmentation_editor
    volume = add_volume(scene, phantom.volume, "P")
    lesions = segmentations.add_segmentation(scene, volume, "P lesions")
    segmentations.set_labels(lesions, phantom.lesions, volume, LESION_LABELS)
    undo = LesionUndo()
    editor.set_undo_stack(undo)
    editor.set_active_segmentation(lesions, volume)
    undo.watch(lesions.GetSegmentation())
    editor.set_active_segment_id(segmentations.match_segments(lesions, LESION_LABELS)[LESION_LABELS[0].value])
    yield Editing(editor, undo, lesions, volume)
    editor.clear()


def _middle_of_a_lesion(labels: npt.NDArray[np.uint8]) -> Region:
    k, j, i = np.argwhere(labels)[len(np.argwhere(labels)) // 2]
    return (slice(k - 1, k + 2), slice(j - 2, j + 3), slice(i - 2, i + 3))


def test_a_stroke_that_changes_nothing_is_not_offered_for_undo(editing: Editing) -> None:
    editing.erase(CORNER)
    assert not editing.undo.can_undo()


def test_erasing_is_undone_and_repeated_to_the_voxel(editing: Editing) -> None:
    before = editing.labels
    editing.erase(_middle_of_a_lesion(before))
    erased = editing.labels
    assert (erased > 0).sum() < (before > 0).sum()
    editing.undo.undo()
    np.testing.assert_array_equal(editing.labels, before)
    editing.undo.redo()
    np.testing.assert_array_equal(editing.labels, erased)


def test_strokes_are_undone_one_by_one_also_beyond_where_lesions_were(editing: Editing) -> None:
    states = [editing.labels]
    for stroke, region in ((editing.erase, _middle_of_a_lesion(states[0])), (editing.paint, CORNER)):
        stroke(region)
        states.append(editing.labels)
    assert (states[2][CORNER] == LESION_LABELS[0].value).all()
    for state in states[1::-1]:
        editing.undo.undo()
        np.testing.assert_array_equal(editing.labels, state)
    assert not editing.undo.can_undo()
    for state in states[1:]:
        editing.undo.redo()
        np.testing.assert_array_equal(editing.labels, state)


def test_undo_gives_surfaces_back_and_tells_who_measures(editing: Editing) -> None:
    import slicer

    segmentation = editing.lesions.GetSegmentation()
    editing.editor.set_surface_representation_enabled(True)
    first = segmentation.GetNthSegment(0)
    before = first.GetRepresentation(segmentations.SURFACE).GetBounds()
    editing.paint(CORNER)
    assert first.GetRepresentation(segmentations.SURFACE).GetBounds() != before
    told: list[int] = []
    segmentation.AddObserver(slicer.vtkSegmentation.SourceRepresentationModified, lambda *_: told.append(1))
    editing.undo.undo()
    assert told
    assert segmentation.GetNthSegment(0).GetRepresentation(segmentations.SURFACE).GetBounds() == before
