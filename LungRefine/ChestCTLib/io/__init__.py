"""Reading and writing: scans, label maps, pictures of slices; every output whole or not at all.

The readers are imported when they are first asked for: they need SimpleITK, and the Slicer modules, which only write
files of their own, must load without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ChestCTLib.io.images import write_image
    from ChestCTLib.io.labels import read_labels, read_lungs, write_labels
    from ChestCTLib.io.reader import read_volume

__all__ = ["read_labels", "read_lungs", "read_volume", "write_image", "write_labels"]

_HOMES = {
    "read_labels": "labels",
    "read_lungs": "labels",
    "read_volume": "reader",
    "write_image": "images",
    "write_labels": "labels",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
