"""The one door: checks who comes, gives each tab its session, and passes requests and websockets on to it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

from ChestCTLib.errors import ChestCTError, OutputError
from COVIDMTLApp.viewer.access import COOKIE, SECRET_HEADER, is_foreign, same_secret
from COVIDMTLApp.viewer.sessions import Session, Sessions
from COVIDMTLApp.viewer.settings import LOCAL_HOST, ViewerSettings

logger = logging.getLogger(__name__)

SWEEP_S = 15.0  # how often idle sessions are looked for
MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # of a websocket message; pictures have some 0.2 MB
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "content-length", "content-encoding"}
SAFETY_HEADERS = {
    # Vue compiles its templates in the browser, which needs eval; nothing may come from, or go to, anywhere else
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Front:
    """The viewer's server.

    Args:
        settings: Where to listen, for whom, and with what limits.
    """

    def __init__(self, settings: ViewerSettings) -> None:
        self._settings = settings
        self._sessions = Sessions(settings)
        self._cookie_key = secrets.token_bytes(32)
        self._client: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Begin to listen.

        Returns:
            The address to open, with the token in it where one is asked for.

        Raises:
            OutputError: The address or port cannot be used.
        """
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/", self._new_tab)
        app.router.add_route("*", "/s/{id}/{tail:.*}", self._pass_on)
        self._client = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port)
        try:
            await site.start()
        except OSError as error:
            await self.close()
            where = f"{self._settings.host}:{self._settings.port}"
            raise OutputError(f"The viewer cannot listen at {where}: {error.strerror}.", "Try --port 0.") from None
        self._sessions.prepare()
        self._sweeper = asyncio.create_task(self._sweep())
        port = self._runner.addresses[0][1]
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"http://{host}:{port}/" + (f"?token={self._settings.token}" if self._settings.token else "")

    async def close(self) -> None:
        """Stop listening, end all sessions, remove what they left."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._sessions.close()
        if self._client is not None:
            await self._client.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may come in; websockets pass here like every other request."""
        if is_foreign(request.host, request.headers.get("Origin"), self._settings.host):
            raise web.HTTPForbidden(text="Requests from other sites are not answered.")
        if self._settings.token and not same_secret(request.cookies.get(COOKIE), self._cookie()):
            if not same_secret(request.query.get("token"), self._settings.token):
                raise web.HTTPUnauthorized(text="Open the address with the token that the viewer printed.")
            answer = web.HTTPFound(request.path)  # the token leaves the address bar and the history
            answer.set_cookie(COOKIE, self._cookie(), httponly=True, samesite="Strict")
            raise answer
        response = await handler(request)
        if not response.prepared:
            response.headers.update(SAFETY_HEADERS)
        return response

    def _cookie(self) -> str:
        return hmac.new(self._cookie_key, self._settings.token.encode("utf-8"), hashlib.sha256).hexdigest()

    async def _new_tab(self, request: web.Request) -> web.StreamResponse:
        try:
            session = await self._sessions.new()
        except ChestCTError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from None
        raise web.HTTPFound(f"/s/{session.id}/index.html")

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        session = self._sessions.find(request.match_info["id"])
        tail = request.match_info["tail"]
        if session is None:
            if tail in ("", "index.html"):
                raise web.HTTPFound("/")  # it ended while nobody looked: a new one
            raise web.HTTPNotFound(text="This session has ended.")
        if tail == "ws":
            return await self._websocket(request, session)
        return await self._request(request, session, tail)

    async def _request(self, request: web.Request, session: Session, tail: str) -> web.StreamResponse:
        assert self._client is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_HEADERS}
        headers[SECRET_HEADER] = session.secret
        if request.content_length is not None and request.can_read_body:
            headers["Content-Length"] = str(request.content_length)
        url = f"http://{LOCAL_HOST}:{session.port}/{tail}"
        body = request.content if request.can_read_body else None
        try:
            sent = self._client.request(
                request.method, url, params=request.query, headers=headers, data=body, allow_redirects=False
            )
            async with sent as answer:
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_HEADERS}
                if "Content-Encoding" in answer.headers:
                    kept["Content-Encoding"] = answer.headers["Content-Encoding"]
                response = web.StreamResponse(status=answer.status, headers={**kept, **SAFETY_HEADERS})
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except aiohttp.ClientError as error:
            raise web.HTTPBadGateway(text=f"The session does not answer ({type(error).__name__}).") from None

    async def _websocket(self, request: web.Request, session: Session) -> web.WebSocketResponse:
        assert self._client is not None
        outer = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, compress=False, heartbeat=30.0)
        await outer.prepare(request)
        url = f"ws://{LOCAL_HOST}:{session.port}/ws"
        session.clients += 1
        try:
            joined = self._client.ws_connect(
                url, headers={SECRET_HEADER: session.secret}, max_msg_size=MAX_MESSAGE_BYTES
            )
            async with joined as inner:
                ways = [asyncio.create_task(_pump(outer, inner)), asyncio.create_task(_pump(inner, outer))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except aiohttp.ClientError:
            logger.warning("A session's websocket could not be reached.")
        finally:
            session.clients -= 1
            session.seen = time.monotonic()
            with contextlib.suppress(ConnectionError):
                await outer.close()
        return outer

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            await self._sessions.end_idle()


Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


async def _pump(source: Socket, target: Socket) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
