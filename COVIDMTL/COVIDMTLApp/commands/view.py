"""``covidmtl view``: scans and cases in a browser, on the scene and the views of Slicer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from COVIDMTLApp.viewer.settings import DEFAULT_PORT, IDLE_MINUTES, LOCAL_HOST, MAX_SESSIONS, MAX_UPLOAD_MB


def view(
    opened: Annotated[
        Path | None, typer.Argument(metavar="[INPUT|CASE_DIR|SCENE]", help="Scan, case folder or .mrb scene to open.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; any but this machine's own needs a token.")
    ] = LOCAL_HOST,
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = DEFAULT_PORT,
    token: Annotated[
        str | None, typer.Option(help="What a browser must show; made up and printed where one is needed.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder whose files may be opened by path; by default any, for this machine only."),
    ] = None,
    max_upload: Annotated[int, typer.Option(help="Largest upload, MB.")] = MAX_UPLOAD_MB,
    max_tabs: Annotated[int, typer.Option(help="Tabs at once; each holds its own scan in memory.")] = MAX_SESSIONS,
    idle_minutes: Annotated[
        float, typer.Option(help="A case without a tab is dropped after this time.")
    ] = IDLE_MINUTES,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = False,
) -> None:
    """Look at scans and cases in a browser: run, overlays, measures, correction, report."""
    from COVIDMTLApp import console

    with console.running("Viewer"):
        import asyncio

        from ChestCTLib.errors import InputError
        from ChestCTMRML.packages import require_view_packages
        from COVIDMTLApp.viewer.access import new_token
        from COVIDMTLApp.viewer.settings import ViewerSettings, is_loopback

        require_view_packages()
        if opened is not None and not opened.exists():
            raise InputError(f"{opened.name} does not exist.", "Give a scan, a case folder or an .mrb scene.")
        local = is_loopback(host)
        settings = ViewerSettings(
            host=host,
            port=port,
            token=token or ("" if local else new_token()),
            opened=opened,
            root=root or (None if local else Path.cwd()),
            max_upload_mb=max_upload,
            max_sessions=max_tabs,
            idle_minutes=idle_minutes,
        )
        asyncio.run(_serve(settings, browser))


async def _serve(settings: object, browser: bool) -> None:
    import asyncio
    import signal
    import webbrowser

    from COVIDMTLApp import console
    from COVIDMTLApp.viewer.front import Front
    from COVIDMTLApp.viewer.settings import ViewerSettings

    assert isinstance(settings, ViewerSettings)
    front = Front(settings)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        address = await front.start()
        console.emit({"result": {"address": address}})
        console.say(f"The viewer is at {address}  (end it with Ctrl-C)")
        if settings.root is not None:
            console.say(f"It opens files by path from {settings.root} only.")
        if browser:
            webbrowser.open(address)
        await ended.wait()
    finally:
        await front.close()
