"""Surfaces to files and back, with nothing but vtk: the program that shows them need not have scipy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import vtk

MEAN_HU = "Mean density [HU]"
"""Array of a lesion surface's points: mean density of their lesion."""
CLASS = "Lesion class"
"""Array of a lesion surface's points: label of their class."""
DEPTH = "Depth below the lungs' surface [mm]"
"""Array of a lesion surface's points: distance to the lungs' border in the axial slice."""


def write_surface(polydata: Any, path: Path) -> None:
    """Write a surface as binary ``.vtp``."""
    writer = vtk.vtkXMLPolyDataWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(polydata)
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetCompressorTypeToNone()
    writer.Write()


def read_surface(path: Path) -> Any:
    """Read a surface that :func:`write_surface` wrote."""
    reader = vtk.vtkXMLPolyDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    return reader.GetOutput()
