"""``make demo``'s script does what the README says: a phantom in, a case out, and where to look."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_demo_makes_a_case_and_names_its_files(tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "tools" / "demo.py"), str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    case = tmp_path / "demo" / "case"
    for name in ("report.html", "report.pdf", "scene.mrb", "measures.csv", "pictures"):
        assert (case / name).exists()
        assert str(case / name) in done.stdout
    assert f"-m COVIDMTLApp view {case}" in done.stdout  # named, not started: nobody is at a desktop here
