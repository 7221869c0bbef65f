"""MkDocs hooks: files outside ``docs`` that the site shows too, and that are kept once.

Pages name them as a reader of the repository finds them (``../../Resources/Screenshots/X.png``); the site has copies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDERS = {"Resources/Screenshots/": "screenshots/", "LungRefine/ChestCTLib/reporting/": "schema/"}
"""Folder in the repository -> folder in the site."""
SUFFIXES = (".png", ".schema.json")


def on_files(files: Files, config: Any) -> Files:
    """Add the screenshots and the report's schema to the site."""
    for source, target in FOLDERS.items():
        for path in sorted((REPOSITORY / source).iterdir()):
            if path.name.endswith(SUFFIXES):
                files.append(File.generated(config, target + path.name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Point a page's links to these files to where the site has them."""
    up = "../" * page.file.src_uri.count("/")
    for source, target in FOLDERS.items():
        markdown = markdown.replace(f"](../{up}{source}", f"]({up}{target}")
    return markdown
