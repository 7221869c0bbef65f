"""Qt's properties are attributes in Slicer, everything else is a method, whatever a newer Qt makes of it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROPERTIES = {
    "checked", "collapsed", "count", "currentIndex", "currentText", "defaultSectionSize", "directory", "enabled",
    "height", "hiddenNodeIDs", "interval", "maximum", "maximumSectionSize", "minimum", "minimumSectionSize",
    "stretchLastSection", "tableViewCount", "text", "textElideMode", "threeDViewCount", "toolTip",
    "unorderedEffectsVisible", "value", "visible", "width", "wordWrap",
}  # fmt: skip
"""Properties in Qt 5.15, CTK and Slicer of the classes that the modules use; look a further one up before adding it:
``QHeaderView.sectionsClickable``, for one, is a method there, and setting it an error."""
METHODS = {("QHeaderView", "count")}  # what is a property of other classes


@pytest.fixture(scope="module")
def accesses(host_of_session: Any) -> list[tuple[str, str, str, str]]:
    """(class, name, "set", "read" or "called", place) of every name of a widget or timer in the modules' code."""
    from QtHost import used_names

    found: list[tuple[str, str, str, str]] = []

    class Reader(used_names._Reader):
        def __init__(self, widgets: dict[str, str], path: Path) -> None:
            super().__init__(widgets, used_names.defaultdict(set))
            self.path, self.called = path, set()

        def visit_Call(self, node: ast.Call) -> None:
            self.called.add(node.func)
            super().visit_Call(node)

        def visit_Attribute(self, node: ast.Attribute) -> None:
            kind = self._kind(node.value)
            if kind.startswith(("Q", "q", "ctk")) and kind not in ("qt", "Qt", "ctk"):
                how = "set" if isinstance(node.ctx, ast.Store) else "called" if node in self.called else "read"
                found.append((kind, node.attr, how, f"{self.path.name}:{node.lineno}"))
            super().visit_Attribute(node)

    widgets: dict[str, str] = {}
    for module in used_names.MODULES:
        ui = REPOSITORY / module / "Resources" / "UI" / f"{module}.ui"
        widgets.update(used_names._ui_names(ui, used_names.defaultdict(set)))
    modules = [REPOSITORY / module / f"{module}.py" for module in used_names.MODULES]
    for path in (*modules, *used_names.SHARED.glob("*.py")):
        reader = Reader(widgets, path)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        reader.visit(tree)
        reader.visit(tree)  # a name may be used above the line that makes it
    return found


def test_only_properties_are_set(accesses: list[tuple[str, str, str, str]]) -> None:
    wrong = [access for access in accesses if access[2] == "set" and access[1] not in PROPERTIES]
    assert not wrong and any(access[2] == "set" for access in accesses)


def test_properties_are_not_called(accesses: list[tuple[str, str, str, str]]) -> None:
    called = [access for access in accesses if access[2] == "called"]
    assert called and not [a for a in called if a[1] in PROPERTIES and a[:2] not in METHODS]


def test_what_is_read_without_a_call_is_a_property_a_signal_or_an_enumeration(
    accesses: list[tuple[str, str, str, str]],
) -> None:
    signals = {"clicked", "currentIndexChanged", "sectionClicked", "timeout"}
    read = {access for access in accesses if access[2] == "read" and access[1] not in PROPERTIES | signals}
    assert not [access for access in read if access[1][0].islower()]
