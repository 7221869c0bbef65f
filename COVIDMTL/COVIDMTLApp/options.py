"""Arguments and choices that several commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Device(str, Enum):
    """What networks run on."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class LungMethod(str, Enum):
    """How lungs are segmented."""

    refined = "refined"
    snake = "snake"
    classical = "classical"


Scan = Annotated[Path, typer.Argument(metavar="INPUT", help="DICOM folder or zip, NIfTI, NRRD or MHA.")]
Series = Annotated[str | None, typer.Option(help="DICOM series UID, where the input holds several.")]
