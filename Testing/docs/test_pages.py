"""The documentation as Markdown: links, anchors, pictures and named code exist; generated pages are current."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import markdown
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
TEXTS = [*PAGES, *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
EXTENSIONS = ["attr_list", "fenced_code", "tables", "toc"]
INLINE_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
REPOSITORY_PATH = re.compile(r"(LungRefine|LesionSeg|COVIDMTL|Testing|tools|docs|Resources)/[\w./-]+")
PACKAGE_PATH = re.compile(r"(ChestCT\w+|LungRefineLib|LesionSegLib|COVIDMTLLib|COVIDMTLApp)/[\w./-]+")
DOTTED_NAME = re.compile(r"(ChestCTLib|LungRefineLib|LesionSegLib|COVIDMTLLib|COVIDMTLApp)(\.\w+)+")
MODULE_FOLDERS = ("LungRefine", "LesionSeg", "COVIDMTL")


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.unnamed_pictures = 0
        self.feed(markdown.markdown(text, extensions=EXTENSIONS))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.anchors.add(str(values["id"]))
        if tag == "a" and values.get("href"):
            self.targets.append(str(values["href"]))
        if tag == "img":
            self.targets.append(str(values.get("src")))
            self.unnamed_pictures += not values.get("alt")


@cache
def _page(path: Path) -> _Page:
    return _Page(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def _dead(path: Path, target: str) -> str | None:
    """What is wrong with a link, None where nothing is; outside addresses are judged by their form alone."""
    parts = urlsplit(target)
    if parts.scheme:
        good = parts.scheme == "https" and "." in parts.netloc
        return None if good else f"{target} is no https address"
    found = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    if not found.exists():
        return f"{target} does not exist"
    if parts.fragment and parts.fragment not in _page(found).anchors:
        return f"{target}: no such heading"
    return None


@pytest.mark.parametrize("path", TEXTS, ids=_name)
def test_links_lead_somewhere_and_pictures_say_what_they_show(path: Path) -> None:
    page = _page(path)
    assert [wrong for target in page.targets if (wrong := _dead(path, target))] == []
    assert page.unnamed_pictures == 0


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_files_and_names_in_the_code_exist(path: Path) -> None:
    codes = INLINE_CODE.findall(path.read_text(encoding="utf-8"))
    assert [code for code in codes if not _in_the_code(code)] == []


def _in_the_code(code: str) -> bool:
    """Whether a file or a name exists; other code is not judged."""
    if REPOSITORY_PATH.fullmatch(code):
        return (REPOSITORY / code).exists()
    if PACKAGE_PATH.fullmatch(code):
        return any((REPOSITORY / folder / code).exists() for folder in MODULE_FOLDERS)
    return not DOTTED_NAME.fullmatch(code) or _is_there(code)


def _is_there(dotted: str) -> bool:
    """Whether a module, or a name in one, can be imported."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](#here) [b](#there) [c](no.md) [d](http://x.org) ![](page.md)\n", encoding="utf-8")
    found = _Page(page.read_text(encoding="utf-8"))
    assert [_dead(page, target) is None for target in found.targets] == [True, False, False, False, True]
    assert found.unnamed_pictures == 1


def test_the_generated_pages_are_current() -> None:
    command = [sys.executable, str(REPOSITORY / "tools" / "docs_pages.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
