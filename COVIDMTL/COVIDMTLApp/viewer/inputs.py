"""What a path points at, scan, case folder or scene, and whether it may be opened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ChestCTLib.errors import InputError
from COVIDMTLApp.scene_file import SCENE_NAME
from COVIDMTLLib.case_files import MANIFEST_NAME


class InputKind(Enum):
    """What is opened."""

    scan = "scan"
    case = "case"
    scene = "scene"


@dataclass(frozen=True)
class ViewerInput:
    """Something to open.

    Attributes:
        kind: Scan, case folder or scene.
        path: Where it is.
    """

    kind: InputKind
    path: Path

    @property
    def scene(self) -> Path:
        """The scene to read, of a case or by itself."""
        return self.path / SCENE_NAME if self.kind is InputKind.case else self.path


def viewer_input(path: str | Path, root: Path | None = None) -> ViewerInput:
    """Tell what a path points at.

    Args:
        path: Scan (DICOM folder or zip, NIfTI, NRRD, MHA), case folder, or ``.mrb`` scene.
        root: Folder that it must lie in, links resolved; None allows any.

    Raises:
        InputError: There is nothing, it lies elsewhere, or a case without a scene.
    """
    source = Path(path).expanduser().resolve()
    if root is not None and not source.is_relative_to(root.resolve()):
        raise InputError("This path lies outside the folder that this viewer may read.", f"Choose one under {root}.")
    if not source.exists():
        raise InputError(f"{source.name} does not exist on the viewer's machine.", "Check the path.")
    if source.suffix.lower() == ".mrb":
        return ViewerInput(InputKind.scene, source)
    if source.is_dir() and (source / MANIFEST_NAME).is_file():
        if not (source / SCENE_NAME).is_file():
            raise InputError(
                f"The case {source.name} has no {SCENE_NAME}.",
                "Run the scan again where the extra 'viewer' is installed.",
            )
        return ViewerInput(InputKind.case, source)
    return ViewerInput(InputKind.scan, source)
