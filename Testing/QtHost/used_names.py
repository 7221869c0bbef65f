"""Which names of Slicer, Qt and CTK the modules rely on, read from their code and ``.ui`` files.

``slicer_names.json`` keeps them, checked against lists taken from a running Slicer (``runtime.json``, ``python.json``,
``widgets.json`` in the folder ``$COVIDMTL_SLICER_API`` or ``../shared/slicer_api``). ``python -m QtHost.used_names``
checks all names against those lists and writes the file anew.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES_FILE = Path(__file__).with_name("slicer_names.json")
MODULES = ("LungRefine", "LesionSeg", "COVIDMTL")
SHARED = REPOSITORY / "LungRefine" / "ChestCTSlicer"
RETURNED = {
    "verticalHeader": "QHeaderView",
    "horizontalHeader": "QHeaderView",
    "layoutManager": "qSlicerLayoutManager",
    "lineEdit": "QLineEdit",
    "viewport": "QWidget",
    "sortFilterProxyModel": "qMRMLSortFilterProxyModel",
    "tableWidget": "qMRMLTableWidget",
    "threeDWidget": "qMRMLThreeDWidget",
    "threeDView": "qMRMLThreeDView",
    "tableView": "qMRMLTableView",
}
"""Class of what a method returns, where a further name of it is used."""
PYTHON_FILES = {
    "slicer.util": "slicer/util.py",
    "slicer.ScriptedLoadableModule": "slicer/ScriptedLoadableModule.py",
    "slicer.parameterNodeWrapper": "slicer/parameterNodeWrapper",
    "slicer.i18n": "slicer/i18n.py",
    "slicer.packaging": "slicer/packaging.py",
}
NOT_QT = {"mrmlScene"}  # VTK objects: slicer-core itself is their list

Names = dict[str, set[str]]


def api_folder() -> Path:
    """Where the lists of a running Slicer are; may not exist."""
    return Path(os.environ.get("COVIDMTL_SLICER_API", REPOSITORY.parent / "shared" / "slicer_api"))


def used_names() -> dict[str, list[str]]:
    """Names by class or Python module, over all module files and ``.ui`` files."""
    found: Names = defaultdict(set)
    all_widgets: dict[str, str] = {}  # the modules' common base uses what every ``.ui`` file has
    for module in MODULES:
        ui = REPOSITORY / module / "Resources" / "UI" / f"{module}.ui"
        widgets = _ui_names(ui, found) if ui.is_file() else {}
        all_widgets.update(widgets)
        source = REPOSITORY / module / f"{module}.py"
        if source.is_file():
            _python_names(source, widgets, found)
    for source in sorted(SHARED.glob("*.py")):
        _python_names(source, all_widgets, found)
    return {key: sorted(values) for key, values in sorted(found.items())}


def _ui_names(path: Path, found: Names) -> dict[str, str]:
    """Add a ``.ui`` file's classes, properties, signals and slots; return class by object name."""
    root = ElementTree.parse(path).getroot()
    classes: dict[str, str] = {}
    for element in root.iter():
        if element.tag not in ("widget", "layout"):
            continue
        kind = element.get("class", "")
        classes[element.get("name", "")] = kind
        found[kind].update(
            item.get("name", "") for item in element.findall("property") if item.get("stdset", "1") != "0"
        )
    for connection in root.iter("connection"):
        for who, what in (("sender", "signal"), ("receiver", "slot")):
            kind = classes[connection.findtext(who, "")]
            found[kind].add(connection.findtext(what, "").partition("(")[0])
    return classes


class _Reader(ast.NodeVisitor):
    def __init__(self, widgets: dict[str, str], found: Names) -> None:
        self.widgets, self.found = widgets, found
        self.kinds: dict[str, str] = {}  # class of "self.x", of loop variables and of annotated arguments

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Call):
            made = _dotted(node.value.func)
            for target in node.targets:
                if made.startswith(("qt.", "ctk.", "slicer.q")):
                    self.kinds[_dotted(target)] = made.partition(".")[2]
                elif self._kind(node.value):
                    self.kinds[_dotted(target)] = self._kind(node.value)
        self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        annotation = _dotted(node.annotation) if node.annotation is not None else ""
        if annotation.startswith(("qt.", "ctk.", "slicer.q")):
            self.kinds[node.arg] = annotation.partition(".")[2]
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        if isinstance(node.iter, ast.Tuple) and isinstance(node.target, ast.Name):
            names = {_dotted(item).removeprefix("self.ui.") for item in node.iter.elts}
            kinds = {self.widgets[name] for name in names if name in self.widgets}
            if len(kinds) == 1:
                self.kinds[node.target.id] = kinds.pop()
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if module.partition(".")[0] in ("slicer", "qt", "ctk"):
            self.found[module].update(alias.name for alias in node.names if alias.name != "*")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._take(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        # w.connect("clicked(bool)", f): the signal is a name too
        if isinstance(node.func, ast.Attribute) and node.func.attr == "connect" and node.args:
            text = node.args[0]
            owner = self._kind(node.func.value)
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and owner:
                self.found[owner].add(text.value.partition("(")[0])
        self.generic_visit(node)

    def _take(self, node: ast.Attribute) -> None:
        owner = self._kind(node.value)
        if owner:
            self.found[owner].add(node.attr)

    def _kind(self, node: ast.expr) -> str:
        """Class or Python module of an expression; empty where it is none of Slicer's."""
        path = _dotted(node)
        if path in self.kinds:
            return self.kinds[path]
        if path in ("qt", "ctk", "slicer", "slicer.util", "slicer.app", "slicer.modules"):
            return path
        if path.startswith("self.ui."):
            return self.widgets.get(path.removeprefix("self.ui."), "")
        if path.startswith(("qt.", "ctk.")) or path.startswith("slicer.q"):
            return path.partition(".")[2]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return RETURNED.get(node.func.attr, "") if self._kind(node.func.value) else ""
        return ""


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def _python_names(path: Path, widgets: dict[str, str], found: Names) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    reader = _Reader(widgets, found)
    for _ in range(2):  # a name may be used above the line that makes it
        reader.visit(tree)


class Api:
    """The lists taken from a running Slicer."""

    def __init__(self, folder: Path) -> None:
        self._runtime = json.loads((folder / "runtime.json").read_text(encoding="utf-8"))
        self._python = json.loads((folder / "python.json").read_text(encoding="utf-8"))
        self._widgets = json.loads((folder / "widgets.json").read_text(encoding="utf-8"))["classes"]

    def names_of(self, key: str) -> set[str] | None:
        """All names of a class or Python module, its bases included; None for an unknown one."""
        tops: dict[str, str] = {"slicer.app": "slicer_app", "slicer.modules": "slicer_modules"}
        if key in tops:
            return set(self._runtime[tops[key]])
        if key in ("qt", "ctk"):
            return set(self._runtime[key])
        if key == "slicer":
            return {*self._runtime["slicer_top"], *self._runtime["slicer"], "ScriptedLoadableModule", "packaging"}
        if key in PYTHON_FILES:
            files = [name for name in self._python if name.startswith(PYTHON_FILES[key])]
            return {name for file in files for name in self._python[file]}
        names: set[str] = set()
        while key:
            entry = next(
                (self._runtime[part][key] for part in ("slicer", "ctk", "qt") if key in self._runtime[part]), None
            )
            written = self._widgets.get(key, {})
            if entry is None and not written:
                return names or None
            names.update(entry["names"] if entry else ())
            for part in ("properties", "slots", "signals", "invokables"):
                names.update(written.get(part, {}))
            key = written.get("base") or (entry or {}).get("base") or ""
        return names


def unknown_names(names: dict[str, list[str]], api: Api) -> list[str]:
    """Names that no list holds, as ``Class.name``."""
    import slicer

    unknown = []
    for key, values in names.items():
        known = api.names_of(key)
        for value in values:
            is_vtk = key == "slicer" and hasattr(slicer, value) and (value.startswith("vtk") or value in NOT_QT)
            own_module = key == "slicer.modules" and value.lower() in {module.lower() for module in MODULES}
            if not is_vtk and not own_module and (known is None or value not in known):
                unknown.append(f"{key}.{value}")
    return unknown


def read_names() -> dict[str, Any]:
    """The checked-in names."""
    content: dict[str, Any] = json.loads(NAMES_FILE.read_text(encoding="utf-8"))
    return content


def main() -> None:
    """Check the names against a running Slicer's lists and write them down."""
    names = used_names()
    unknown = unknown_names(names, Api(api_folder()))
    if unknown:
        sys.exit("Slicer has no " + ", ".join(unknown))
    NAMES_FILE.write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
