"""What the tests of COVID-MTL's panel share: pressing Apply, reading its texts, comparing pictures of the views."""

from __future__ import annotations

import json
import re
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtGui import QImage

from ChestCTLib.models import list_models

RUN_LIMIT_S = 300  # a run takes some 15 s of a free processor
SITE_FILE = "sitecustomize.py"


def plain(widget: Any) -> str:
    """A label's text without its markup."""
    return re.sub(r"<[^>]+>|&nbsp;", " ", str(widget.property("text")))


def apply_case(host: Any, widget: Any) -> None:
    """Press Apply and wait for the reviewed case."""
    widget.ui.applyButton.click()
    assert host.wait_for(lambda: not widget.runner.busy, RUN_LIMIT_S)
    assert host.wait_for(lambda: not widget.logic.drawing, RUN_LIMIT_S)
    host.settle()


def errors(host: Any) -> list[str]:
    """The texts of all error boxes so far."""
    return [text for kind, text in host.messages.shown if kind == "error"]


def pictures(host: Any) -> dict[str, npt.NDArray[np.int16]]:
    """What every visible view of the layout shows, RGB by class and tag."""
    host.settle(0.5)
    found = {}
    for (kind, tag), view in host.layout_manager.host_views().items():
        if view.isVisible():
            image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
            rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
            found[f"{kind} {tag}"] = rows[:, : 3 * image.width()].reshape(image.height(), -1, 3).astype(np.int16)
    return found


def own_lesion_model(folder: Path) -> Path:
    """Copy the shipped lesion network into a folder as the model "own"; the copy's weights."""
    shipped = next(iter(list_models("lesions")))
    source = Path(str(resources.files(shipped.package) / "weights"))
    card = json.loads((source / f"{shipped.id}.json").read_text("utf-8"))
    (folder / "own.json").write_text(json.dumps({**card, "id": "own", "file": "own.safetensors"}), "utf-8")
    return Path(shutil.copyfile(source / shipped.file, folder / "own.safetensors"))


def in_children(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let child processes run some code before anything else."""
    (folder / SITE_FILE).write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def without_packages(*names: str) -> str:
    """Code for :func:`in_children`: none of these packages can be found, as on a computer that has them not."""
    return f"HIDDEN = {names!r}\n" + _HIDING


def without_files(*names: str) -> str:
    """Code for :func:`in_children`: files of these names are gone."""
    return f"GONE = {names!r}\n" + _LOSING


_HIDING = """
import sys

class Filter:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Filter(finder) for finder in sys.meta_path]
"""
_LOSING = """
import pathlib

is_file = pathlib.Path.is_file
pathlib.Path.is_file = lambda self, *args, **options: self.name not in GONE and is_file(self, *args, **options)
"""
