"""Write every script and resource of the modules into their CMake files: what is not listed there is not packaged.

Run in the repository after adding or removing files: ``python tools/list_module_files.py``; ``--check`` only says
whether the lists are complete.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
MODULES = ("LungRefine", "LesionSeg", "COVIDMTL")
SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache"}
LISTS = ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES")


def files_of(module: str) -> dict[str, list[str]]:
    """A module folder's scripts and resources, relative to it, by CMake variable."""
    folder = REPOSITORY / module
    found: dict[str, list[str]] = {name: [] for name in LISTS}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or SKIPPED & set(path.parts) or path.name == "CMakeLists.txt" or path.name[0] == ".":
            continue
        found[LISTS[0] if path.suffix == ".py" else LISTS[1]].append(path.relative_to(folder).as_posix())
    return found


def listed(module: str) -> dict[str, list[str]]:
    """What a module's CMake file lists, by CMake variable."""
    text = (REPOSITORY / module / "CMakeLists.txt").read_text(encoding="utf-8")
    return {name: re.search(rf"set\({name}\n(.*?)\)", text, re.S).group(1).split() for name in LISTS}  # type: ignore[union-attr]


def write(module: str) -> None:
    """Bring a module's CMake file up to date."""
    path = REPOSITORY / module / "CMakeLists.txt"
    text = path.read_text(encoding="utf-8")
    for name, files in files_of(module).items():
        lines = "".join(f"  {file}\n" for file in files)
        text = re.sub(rf"set\({name}\n.*?\)", f"set({name}\n{lines}  )", text, flags=re.S)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Write or check the lists."""
    if "--check" not in sys.argv:
        for module in MODULES:
            write(module)
        return
    stale = [module for module in MODULES if listed(module) != files_of(module)]
    if stale:
        sys.exit(f"The CMake lists of {', '.join(stale)} are not up to date: run python tools/list_module_files.py")


if __name__ == "__main__":
    main()
