"""What the browser gets beside trame's own files; served by the session, like everything else."""

from __future__ import annotations

from pathlib import Path

NAME = "covidmtl_viewer"
serve = {NAME: str(Path(__file__).parent.resolve())}
scripts = [f"{NAME}/viewer.js"]
styles = [f"{NAME}/viewer.css"]
