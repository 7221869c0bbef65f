"""Draw the documentation's pictures from a generated phantom, never from a patient's scan.

Usage: python tools/draw_docs_pictures.py [CASE]

CASE is a finished case of the demo's phantom, such as out/demo/case; without it one is made.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SHOWN = (
    "overview-planes",
    "overview-mosaic",
    "lungs-recovered",
    "lesions-periphery",
    "network-cam-ct",
    "intensity_map-map",
)
SEED = "19"  # the phantom of `make demo`
WIDEST = 1400  # pixels: sharp on a page, small in a repository
QUALITY = 88  # of WebP; below, thin coloured outlines fray
COVIDMTL = [sys.executable, "-m", "COVIDMTLApp", "--progress", "none"]


def main(case: Path | None) -> None:
    """Keep the pictures of a case's report."""
    if case is not None:
        _keep(case)
        return
    with tempfile.TemporaryDirectory() as folder:
        phantom, made = Path(folder) / "phantom", Path(folder) / "case"
        subprocess.run([*COVIDMTL, "phantom", "-o", str(phantom), "--seed", SEED], check=True)
        scan = str(phantom / "ct.nii.gz")
        subprocess.run([*COVIDMTL, "run", scan, "-o", str(made), "--without", "features"], check=True)
        _keep(made)


def _keep(case: Path) -> None:
    PICTURES.mkdir(exist_ok=True)
    for name in SHOWN:
        with Image.open(case / "pictures" / f"{name}.png") as picture:
            small = picture.convert("RGB")
            small.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
            small.save(PICTURES / f"{name}.webp", quality=QUALITY, method=6)
        print(f"{name}: {small.size[0]} x {small.size[1]}, {(PICTURES / f'{name}.webp').stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        raise SystemExit("usage: python tools/draw_docs_pictures.py [CASE]")
    main(Path(sys.argv[1]) if len(sys.argv) == 2 else None)
