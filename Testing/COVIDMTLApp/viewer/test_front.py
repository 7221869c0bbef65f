"""The viewer's door with real requests: token, other sites, sessions apart, uploads, and nothing left behind."""

from __future__ import annotations

import http.client
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ChestCTJobs.job import FOLDER_PREFIX

pytestmark = pytest.mark.slow

TOKEN = "a-token-for-this-test"
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
RunViewer = Callable[..., AbstractContextManager[str]]


def ask(
    address: str, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        body = b"" if answer.status == 101 else answer.read()
        return answer.status, dict(answer.getheaders()), body
    finally:
        connection.close()


def test_one_viewer_from_token_to_the_last_file(
    running_viewer: RunViewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running_viewer("--token", TOKEN, "--max-upload", "1") as address:
        assert address.endswith(f"?token={TOKEN}")
        # without the token nothing answers, websockets neither
        for path in ("/", "/s/0/index.html"):
            assert ask(address, path)[0] == 401
        assert ask(address, "/s/0/ws", **WEBSOCKET)[0] == 401
        assert ask(address, "/?token=wrong")[0] == 401
        assert ask(address, "/", Cookie="covidmtl_token=wrong")[0] == 401
        # with it a cookie that scripts cannot read, and the token leaves the address
        status, headers, _ = ask(address, f"/?token={TOKEN}")
        assert status == 302 and TOKEN not in headers["Location"]
        cookie = headers["Set-Cookie"].split(";")[0]
        assert "HttpOnly" in headers["Set-Cookie"] and "SameSite=Strict" in headers["Set-Cookie"]
        assert TOKEN not in cookie
        # other sites' pages are not answered even with the cookie
        assert ask(address, "/", Cookie=cookie, Origin="http://evil.example")[0] == 403
        assert ask(address, "/", Cookie=cookie, Host="evil.example")[0] == 403
        # every tab gets a session of its own in a folder that only this user reads
        status, headers, _ = ask(address, "/", Cookie=cookie)
        assert status == 302
        tab = headers["Location"].removesuffix("index.html")
        assert tab.startswith("/s/") and len(tab) > 30
        folders = list(tmp_path.glob(f"{FOLDER_PREFIX}*"))
        assert folders and all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in folders)
        status, headers, page = ask(address, f"{tab}index.html", Cookie=cookie)
        assert status == 200 and b"<html" in page
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert ask(address, f"{tab}ws", **WEBSOCKET, Cookie=cookie, Origin="http://evil.example")[0] == 403
        assert ask(address, f"{tab}ws", **WEBSOCKET, Cookie=cookie)[0] == 101
        # uploads: too large, no scan, a name that climbs; nothing of them stays
        for name, size, told in (("a.nii.gz", 2 << 20, "larger"), ("../../a.nii.gz", 100, ""), ("a.exe", 10, "kind")):
            status, _, text = ask(address, f"{tab}upload?name={name}", "POST", os.urandom(size), Cookie=cookie)
            assert status == 400 and told in text.decode()
        assert not [path for folder in folders for path in folder.rglob("*") if path.name.startswith("scan")]
        # no files beside the page's own
        assert ask(address, f"{tab}../../../../etc/passwd", Cookie=cookie)[0] in (403, 404)
        assert ask(address, f"{tab}download/..%2f..%2fetc%2fpasswd", Cookie=cookie)[0] == 404
        assert ask(address, f"{tab}download/report.html", Cookie=cookie)[0] == 400
        # an ended or unknown session leads to a new one
        assert ask(address, "/s/unknown/index.html", Cookie=cookie)[1]["Location"] == "/"
    assert list(tmp_path.iterdir()) == []


def test_a_session_answers_its_front_alone(running_viewer: RunViewer) -> None:
    import psutil

    with running_viewer() as address:
        ask(address, "/")
        front = next(p for p in psutil.Process().children() if "view" in p.cmdline())
        session = front.children()[0]
        (listening,) = {c.laddr for c in session.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        assert listening.ip == "127.0.0.1"
        inside = f"http://{listening.ip}:{listening.port}/"
        for path in ("/index.html", "/download/scene.mrb"):
            assert ask(inside, path)[0] == 403
        assert ask(inside, "/ws", **WEBSOCKET)[0] == 403
