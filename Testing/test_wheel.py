"""The built wheel holds every file the engine reads, and works in an environment that has nothing else of ours."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CODE = """
import sys
assert not any("LungRefine" in p or p.startswith(sys.argv[1]) for p in sys.path), sys.path
from importlib import resources
from ChestCTLib.case_report import CaseReport
from ChestCTLib.models import list_models, model_file
from ChestCTLib.reporting.html_view import report_html
assert "Research software" in report_html(CaseReport("case"))
for card in list_models():
    model_file(card)
import COVIDMTLApp.cli, LungRefineLib, LesionSegLib, COVIDMTLLib, ChestCTMRML, ChestCTJobs
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(REPOSITORY)], check=True)
    return next(folder.glob("slicer_covid_mtl-*.whl"))


def test_the_wheel_holds_package_data_and_no_slicer_module_or_test(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "ChestCTLib/reporting/templates/report.html.j2" in names
    listing = ["git", "ls-files", "LungRefine/*", "LesionSeg/*", "COVIDMTL/*"]
    tracked = subprocess.run(
        listing, cwd=REPOSITORY, capture_output=True, text=True, encoding="utf-8", check=True
    ).stdout
    data = [n for n in tracked.splitlines() if n.split("/")[1].endswith(("Lib", "MRML", "Jobs", "App"))]
    missing = [n for n in data if n.split("/", 1)[1] not in names]
    assert data and not missing
    assert not [n for n in names if n.startswith(("Testing", "LungRefine.py", "LungRefine/"))]


def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True, encoding="utf-8",
        ).stdout.strip()
    )  # fmt: skip
    subprocess.run([sys.executable, "-m", "pip", "-q", "--python", python, "install", "--no-deps", wheel], check=True)
    # The third-party libraries are lent from this environment; ours must come from the wheel alone.
    ours = {"ChestCTLib", "ChestCTMRML", "ChestCTJobs", "LungRefineLib", "LesionSegLib", "COVIDMTLLib", "COVIDMTLApp"}
    for entry in next(Path(p) for p in sys.path if p.endswith("site-packages")).iterdir():
        lent = entry.suffix != ".pth" and "slicer_covid_mtl" not in entry.name and entry.name not in ours
        if lent and not (site / entry.name).exists():
            (site / entry.name).symlink_to(entry)
    done = subprocess.run(
        [python, "-c", CODE, str(REPOSITORY)], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
