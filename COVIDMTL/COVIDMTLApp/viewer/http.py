"""A session's requests beside the page itself: uploads in, report and scene out; the front's secret with each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from ChestCTLib.errors import ChestCTError, InputError
from COVIDMTLApp.viewer.access import SECRET_HEADER, same_secret
from COVIDMTLApp.viewer.downloads import DOWNLOADS, make_download
from COVIDMTLApp.viewer.inputs import InputKind, ViewerInput
from COVIDMTLApp.viewer.settings import SessionSettings

if TYPE_CHECKING:
    from COVIDMTLApp.viewer.app import Viewer

logger = logging.getLogger(__name__)

UPLOAD_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".zip", ".dcm")  # of one file that holds a whole scan
CHUNK_BYTES = 1 << 20
BYTES_A_MB = 1024 * 1024
BAD_REQUEST, TOO_LARGE = 400, 413
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application, viewer: Viewer, settings: SessionSettings) -> None:
    """Add the routes to the session's web server, and the check that only the front comes in."""

    @web.middleware
    async def from_front_only(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not same_secret(request.headers.get(SECRET_HEADER), settings.secret):
            raise web.HTTPForbidden(text="This session is reached through the viewer alone.")
        return await handler(request)

    async def upload(request: web.Request) -> web.Response:
        try:
            await _receive(request, viewer, settings)
        except ChestCTError as error:
            viewer.context.show_error(error.problem, error.remedy)
            return web.Response(status=BAD_REQUEST, text=str(error))
        return web.Response(text="ok")

    async def download(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in DOWNLOADS:
            raise web.HTTPNotFound
        try:
            data = await make_download(name, viewer)
        except ChestCTError as error:
            viewer.context.show_error(error.problem, error.remedy)
            return web.Response(status=BAD_REQUEST, text=str(error))
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=data, content_type=DOWNLOADS[name], headers=headers)

    app.middlewares.append(from_front_only)
    app.router.add_post("/upload", upload)
    app.router.add_get("/download/{name}", download)


async def _receive(request: web.Request, viewer: Viewer, settings: SessionSettings) -> None:
    """Take an upload into a private folder, open it, and remove it again."""
    suffix = upload_suffix(request.query.get("name", ""))
    folder = Path(tempfile.mkdtemp(prefix="upload-", dir=settings.folder))  # mode 0700: the images are somebody's
    try:
        path = folder / f"scan{suffix}"  # the name the user gave may be a patient's, and may hold anything
        await _write(request, path, settings.max_upload_mb)
        if not await viewer.case.open(ViewerInput(InputKind.scan, path), f"uploaded scan ({suffix})"):
            error = viewer.context.state.error or {"problem": "It could not be opened.", "remedy": ""}
            raise InputError(error["problem"], error["remedy"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _write(request: web.Request, path: Path, max_mb: int) -> None:
    received, limit = 0, max_mb * BYTES_A_MB
    if (request.content_length or 0) > limit:
        raise InputError(f"The upload is larger than {max_mb} MB.", "Upload one series only, or raise --max-upload.")
    with path.open("wb") as target:
        async for chunk in request.content.iter_chunked(CHUNK_BYTES):
            received += len(chunk)
            if received > limit:
                with contextlib.suppress(asyncio.CancelledError):
                    request.content.set_exception(web.HTTPRequestEntityTooLarge(limit, received))
                raise InputError(
                    f"The upload is larger than {max_mb} MB.", "Upload one series only, or raise --max-upload."
                )
            await asyncio.to_thread(target.write, chunk)


def upload_suffix(name: str) -> str:
    """The kind of file that a name promises; what it is really is told by reading it.

    Raises:
        InputError: No scan is one file of this kind.
    """
    lower = name.lower()
    for suffix in UPLOAD_SUFFIXES:
        if lower.endswith(suffix):
            return suffix
    raise InputError(
        "This kind of file cannot be uploaded.", f"Upload a zip of DICOM files, or one of {', '.join(UPLOAD_SUFFIXES)}."
    )
