"""The documentation as a site: MkDocs builds it without a warning, and it asks nothing of other servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
STYLE_URL = re.compile(r"(?:url\(|@import)\s*[\"']?\s*((?:https?:)?//[^\"')\s]+)")
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; --strict turns each warning (dead link, missing anchor, forgotten page) into a failure."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class _Loads(HTMLParser):
    """Addresses that a browser fetches by itself when it shows a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get(LOADED.get(tag, ""))
        if address and values.get("rel") != "canonical":
            self.addresses.append(address)


def _outside(address: str) -> bool:
    return address.startswith(("http:", "https:", "//"))


def test_every_page_is_built_and_loads_only_what_lies_beside_it(site: Path) -> None:
    pages = {p.relative_to(REPOSITORY / "docs").with_suffix(".html") for p in (REPOSITORY / "docs").rglob("*.md")}
    assert pages <= {p.relative_to(site) for p in site.rglob("*.html")}
    for page in pages:
        loads = _Loads((site / page).read_text(encoding="utf-8")).addresses
        assert [address for address in loads if _outside(address)] == [], page
        local = [a.split("?")[0].split("#")[0] for a in loads if not a.startswith("data:")]
        assert [a for a in local if not (site / page).parent.joinpath(a).resolve().exists()] == [], page


def test_the_styles_load_nothing_from_outside(site: Path) -> None:
    styles = list(site.rglob("*.css"))
    assert styles
    assert {p.name: STYLE_URL.findall(p.read_text(encoding="utf-8")) for p in styles} == {p.name: [] for p in styles}


def test_an_outside_script_or_font_would_be_noticed() -> None:
    loads = _Loads('<link rel="canonical" href="https://a.b"><script src="//c.d/e.js"></script><img src="f.png">')
    assert [_outside(address) for address in loads.addresses] == [True, False]
    assert STYLE_URL.findall("@font-face { src: url('https://g.h/i.woff2') }") == ["https://g.h/i.woff2"]
