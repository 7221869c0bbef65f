"""Phantoms for the Sample Data module: made on this computer, nothing is downloaded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import translate

from ChestCTJobs.job import Job, Work
from ChestCTLib.errors import ChestCTError
from ChestCTMRML.displays import set_views, show_lung_window
from ChestCTSlicer import dependencies

CATEGORY = "COVID-MTL"
PHANTOMS = {"COVID-19 chest phantom": "covid", "CAP chest phantom": "cap"}
"""Sample name -> diagnosis of the phantom."""
PAUSE_S = 0.02


def register(icons: Path) -> None:
    """Register the phantoms with the Sample Data module.

    Args:
        icons: Folder with the thumbnails ``LungRefine-<diagnosis>-phantom.png``.
    """
    import SampleData

    for name, diagnosis in PHANTOMS.items():
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=name,
            thumbnailFileName=str(icons / f"LungRefine-{diagnosis}-phantom.png"),
            uris=[],  # nothing is downloaded; SampleData compares the lengths of these lists
            fileNames=[],
            nodeNames=[],
            customDownloader=lambda source, name=name: make_phantom_node(name),
        )


def make_phantom_node(name: str, arguments: tuple[str, ...] = ()) -> Any:
    """Make a phantom in a child process and load it, keeping the GUI alive meanwhile.

    Args:
        name: One of :data:`PHANTOMS`.
        arguments: Further arguments of ``covidmtl phantom``, such as a coarser spacing.

    Returns:
        The ``vtkMRMLScalarVolumeNode``, or None after a failure that was shown to the user.
    """
    loaded: list[Any] = []
    try:
        dependencies.ensure(dependencies.ENGINE, CATEGORY)
        job = Job(phantom_work(name, arguments, loaded))
        job.start()
        while job.poll():
            slicer.app.processEvents()
            time.sleep(PAUSE_S)
        if job.failure is not None:
            raise ChestCTError(job.failure.problem, job.failure.remedy)
    except ChestCTError as error:
        slicer.util.errorDisplay(str(error), windowTitle=translate("ChestCTSlicer", "Sample data"))
        return None
    return loaded[0]


def phantom_work(name: str, arguments: tuple[str, ...], loaded: list[Any]) -> Work:
    """The work that makes a phantom and appends its volume node to ``loaded``."""
    command = ("phantom", "-o", "phantom", "--diagnosis", PHANTOMS[name], *arguments)
    folders: list[Path] = []

    def before(folder: Path) -> Iterator[None]:
        folders.append(folder)
        yield

    def load(folder: Path) -> Iterator[None]:
        yield

    def show() -> Iterator[None]:
        # a storage node of its own, not the scene's: the file is gone in a moment and must not be offered as saved
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(folders[0] / "phantom" / "ct.nii.gz"))
        node = slicer.vtkMRMLScalarVolumeNode()
        storage.ReadData(node)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(name))
        slicer.mrmlScene.AddNode(node)
        node.CreateDefaultDisplayNodes()
        yield
        show_lung_window(node)
        set_views(slicer.mrmlScene, node)
        loaded.append(node)
        yield

    return Work((command,), before, load, show)
