"""The demo: a scan in, a reviewed case out, and where to look at it.

Usage: python tools/demo.py OUT [CT] [--view]

The browser viewer is started when asked for, or where somebody sits at a desktop; elsewhere the demo ends with files
and pictures, and says which command starts the viewer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

COVIDMTL = [sys.executable, "-m", "COVIDMTLApp"]
SHOWN = {
    "report.html": "the report, for any browser",
    "report.pdf": "the report, for printing",
    "scene.mrb": "the scene, for 3D Slicer",
    "measures.csv": "every number with its unit",
    "pictures": "slices, lesions and plots as PNG",
}


def main(out: Path, scan: str | None, view: bool) -> int:
    """Run the whole case on the user's scan, or on a generated phantom."""
    if scan is None:
        phantom = out / "phantom"
        print("Generating a COVID-19 chest phantom (no patient's scan) ...", flush=True)
        made = subprocess.run([*COVIDMTL, "phantom", "-o", str(phantom), "--diagnosis", "covid", "--seed", "19"])
        if made.returncode:
            return made.returncode
        scan = str(phantom / "ct.nii.gz")
    case = out / "case"
    print(f"Running the whole case on {Path(scan).name} ...", flush=True)
    run = subprocess.run([*COVIDMTL, "run", scan, "-o", str(case)])
    if run.returncode:
        return run.returncode
    print("\nOpen these:")
    for name, what in SHOWN.items():
        if (case / name).exists():
            print(f"  {(case / name).resolve()}  ({what})")
    if view:
        print("\nStarting the viewer in your browser ...", flush=True)
        return subprocess.run([*COVIDMTL, "view", str(case), "--browser"]).returncode
    print(f"\nLook at the case in a browser:\n  {sys.executable} -m COVIDMTLApp view {case.resolve()}")
    return 0


def at_a_desktop() -> bool:
    """Whether somebody sits at a screen and waits."""
    has_screen = sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return has_screen and sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run the demo.")
    parser.add_argument("out", type=Path)
    parser.add_argument("scan", nargs="?")
    parser.add_argument("--view", action="store_true", help="start the browser viewer at the end")
    given = parser.parse_args()
    raise SystemExit(main(given.out, given.scan, given.view or at_a_desktop()))
