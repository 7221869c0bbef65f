"""MkDocs hooks: the screenshots under ``Resources`` belong to README, extension index and site, and are kept once.

Pages name them as a reader of the repository finds them (``../../Resources/Screenshots/X.png``); in the site they lie
in ``screenshots/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

SCREENSHOTS = Path(__file__).resolve().parents[1] / "Resources" / "Screenshots"
IN_REPOSITORY = "Resources/Screenshots/"
IN_SITE = "screenshots/"


def on_files(files: Files, config: Any) -> Files:
    """Add the screenshots to the site."""
    for picture in sorted(SCREENSHOTS.glob("*.png")):
        files.append(File.generated(config, IN_SITE + picture.name, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Point a page's screenshots to where the site has them."""
    up = "../" * page.file.src_uri.count("/")
    return markdown.replace(f"](../{up}{IN_REPOSITORY}", f"]({up}{IN_SITE}")
