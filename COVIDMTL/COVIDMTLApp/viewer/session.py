"""One tab's process: scene, views and page, reached through the front alone.

Started by :mod:`COVIDMTLApp.viewer.sessions` as ``python -m COVIDMTLApp.viewer.session``; reads its settings as one
line of JSON, says its port as one line of JSON, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from typing import Any

from COVIDMTLApp.viewer.settings import LOCAL_HOST, SessionSettings


def main() -> None:
    """Serve one session until the front closes our standard input."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    settings = SessionSettings(**json.loads(sys.stdin.readline()))
    os.environ["WSLINK_READY_MSG"] = ""  # our own message says where we listen
    threading.Thread(target=_end_with_front, daemon=True).start()
    from COVIDMTLApp.viewer.app import Viewer

    viewer = Viewer(settings)

    def say_port(**_: Any) -> None:
        print(json.dumps({"port": viewer.server.port}), flush=True)  # noqa: T201  # the protocol
        asyncio.get_running_loop().call_soon(viewer.begin)

    viewer.server.controller.on_server_ready.add(say_port)
    try:
        viewer.server.start(
            port=0, host=LOCAL_HOST, timeout=0, open_browser=False, show_connection_info=False, disable_logging=True
        )
    finally:
        viewer.close()


def _end_with_front() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
