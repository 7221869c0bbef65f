"""The demo: a scan in, a reviewed case out, and where to look at it.

Usage: python tools/demo.py OUT [CT]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COVIDMTL = [sys.executable, "-m", "COVIDMTLApp"]


def main(out: Path, scan: str | None) -> int:
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
    for name, what in {
        "report.html": "the report, for any browser",
        "scene.mrb": "the scene, for 3D Slicer",
        "measures.csv": "every number with its unit",
    }.items():
        if (case / name).exists():
            print(f"  {(case / name).resolve()}  ({what})")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: python tools/demo.py OUT [CT]")
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else None))
