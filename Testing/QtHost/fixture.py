"""The host as a pytest fixture: one a process, an empty scene for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

_host: Any = None  # one a process, though several folders' tests ask for it


@pytest.fixture(scope="session")
def host_of_session() -> Iterator[object]:
    """The window; off screen where there is no display."""
    if not os.environ.get("DISPLAY"):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from QtHost.window import Host

    global _host
    if _host is None:
        _host = Host()
    yield _host
    _host.close_module()


@pytest.fixture
def host(host_of_session: object) -> Iterator[object]:
    """The window with an empty scene, no module and no messages."""
    from QtHost.window import Host

    assert isinstance(host_of_session, Host)
    host_of_session.close_module()
    host_of_session.scene.Clear(False)
    host_of_session.messages.shown.clear()
    host_of_session.messages.answer = True
    yield host_of_session
    host_of_session.close_module()
