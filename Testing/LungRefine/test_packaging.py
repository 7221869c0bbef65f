"""What Slicer packages, loads and shows of the extension."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = ("LungRefine", "LesionSeg", "COVIDMTL")
NOT_IN_SLICER = ("skimage", "SimpleITK", "pydicom", "torch", "monai", "pandas", "sklearn", "typer", "rich", "scipy")
"""Packages a module file must not need to be loaded: Slicer has them not, or not always."""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("list_module_files", REPOSITORY / "tools" / "list_module_files.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("module", MODULES)
def test_cmake_lists_every_script_and_resource_on_disk(tool: ModuleType, module: str) -> None:
    on_disk, listed = tool.files_of(module), tool.listed(module)
    for name, files in on_disk.items():
        assert listed[name] == files, "run python tools/list_module_files.py"


@pytest.mark.parametrize("module", MODULES)
def test_cmake_registers_the_tests_of_every_module_that_has_a_module_file(module: str) -> None:
    text = (REPOSITORY / module / "CMakeLists.txt").read_text(encoding="utf-8")
    has_file = (REPOSITORY / module / f"{module}.py").is_file()
    assert ("WITH_GENERIC_TESTS" in text) is has_file
    assert ("slicer_add_python_unittest(SCRIPT ${MODULE_NAME}.py)" in text) is has_file


def test_the_extension_has_what_the_index_asks_for() -> None:
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    name = re.search(r"project\((\w+)\)", text)
    assert name is not None and not name.group(1).startswith("Slicer")
    assert 'EXTENSION_CATEGORY "Chest Imaging Platform"' in text
    for key in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS"):
        assert f"EXTENSION_{key}" in text
    for path in re.findall(r"/raw/main/([^\"]+\.png)", text):
        with Image.open(REPOSITORY / path) as picture:
            assert picture.format == "PNG"


def test_no_loose_python_file_beside_a_module_is_taken_for_a_module() -> None:
    for module in MODULES:
        assert {path.stem for path in (REPOSITORY / module).glob("*.py")} <= {module}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_loads_without_packages_that_slicer_has_not(tmp_path: Path, module: str) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(REPOSITORY / "Testing")!r})
from QtHost.window import Host
host = Host()
for name in list(sys.modules):
    ours = name.startswith(("ChestCT", "LungRefine", "LesionSeg", "COVIDMTL"))
    if ours or name.partition(".")[0] in {NOT_IN_SLICER!r}:
        del sys.modules[name]
for name in {NOT_IN_SLICER!r}:
    sys.modules[name] = None  # importing it fails
host.open_module({module!r})
host.close_module()
print("loaded")
"""
    environment = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )
    assert ended.returncode == 0 and "loaded" in ended.stdout, ended.stderr[-2000:]


@pytest.mark.parametrize("module", MODULES)
def test_an_older_python_is_told_what_is_needed(module: str) -> None:
    """Up to 5.8 Slicer has Python 3.9: the modules' first import of ours must say so, not fail somewhere later."""
    tree = ast.parse((REPOSITORY / module / f"{module}.py").read_text(encoding="utf-8"))
    first = next(
        node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ChestCT")
    )
    script = f"""
import sys
sys.version_info = (3, 9, 10)
try:
    import {first}
except ImportError as error:
    print(error)
"""
    path = os.pathsep.join(str(REPOSITORY / name) for name in MODULES)
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", env={"PYTHONPATH": path}, check=False
    )
    assert "3D Slicer 5.10" in ended.stdout, ended.stderr


def test_what_older_pythons_import_first_is_written_for_them() -> None:
    """A file that does not parse could not say what is needed."""
    for path in (*(REPOSITORY / m / f"{m}.py" for m in MODULES), *(REPOSITORY / "LungRefine/ChestCTJobs").glob("*.py")):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_module_files_use_no_threads() -> None:
    """Python threads stand still in Slicer's event loop; the watcher of the child process runs in the child."""
    files = [path for module in MODULES for path in (REPOSITORY / module).glob("*.py")]
    shared = [
        path for name in ("ChestCTSlicer", "ChestCTJobs") for path in (REPOSITORY / "LungRefine" / name).glob("*.py")
    ]
    files += [path for path in shared if path.name not in {"child.py", "measure_worker.py"}]  # processes of their own
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            origin = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for name in [*names, origin]:
                assert name.partition(".")[0] not in {"threading", "concurrent", "_thread"}, path.name
                assert "QThread" not in name, path.name


def test_no_translated_text_is_an_f_string() -> None:
    for module in MODULES:
        for path in (REPOSITORY / module).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in {"_", "translate"}
                ):
                    assert not any(isinstance(argument, ast.JoinedStr) for argument in node.args), path.name
