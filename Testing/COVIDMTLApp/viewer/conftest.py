"""A phantom, a viewer that runs, and a real Chromium."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from ChestCTLib.phantom import PhantomSettings, make_phantom, write_phantom

END_LIMIT_S = 20.0


@contextmanager
def _running_viewer(*arguments: str) -> Iterator[str]:
    """Run ``covidmtl view`` as a user does; gives the address it prints and ends it by Ctrl-C."""
    command = [sys.executable, "-m", "COVIDMTLApp", "--progress", "json", "view", "--port", "0", *arguments]
    viewer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert viewer.stdout is not None
    try:
        line = json.loads(viewer.stdout.readline())
        yield line["result"]["address"]
    finally:
        viewer.send_signal(signal.SIGINT)
        viewer.wait(END_LIMIT_S)


@pytest.fixture(scope="session")
def running_viewer() -> Callable[..., AbstractContextManager[str]]:
    """Runs a viewer with the given arguments for the time of a ``with`` block."""
    return _running_viewer


@pytest.fixture(scope="session")
def phantom_scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A coarse COVID-19 phantom as NIfTI."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(make_phantom(PhantomSettings(seed=19, spacing_mm=(6.0, 4.0, 4.0))), folder)
    return folder / "ct.nii.gz"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    program = shutil.which("chromium")
    if program is None:
        reason = "Chromium is missing: sudo apt-get install -y chromium (tools/set_up.py test does it)"
        if os.environ.get("CI") or (shutil.which("apt-get") and os.geteuid() == 0):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
