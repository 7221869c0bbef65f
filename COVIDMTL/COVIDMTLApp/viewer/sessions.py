"""The processes behind the tabs: one each, so that no two tabs share a scene, and a crash takes one tab only."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ChestCTJobs.job import FOLDER_PREFIX, child_environment, remove_abandoned_folders
from ChestCTLib.errors import ChestCTError, OutputError
from COVIDMTLApp.viewer.access import new_token
from COVIDMTLApp.viewer.settings import SessionSettings, ViewerSettings

logger = logging.getLogger(__name__)

ID_BYTES = 16
START_LIMIT_S = 120.0  # on a very busy machine; some 4 s on an idle one
END_GRACE_S = 3.0  # between asking a session to end and ending it
THREADS = "OMP_NUM_THREADS"  # OpenMP workers of a session spin for nothing while others render


@dataclass
class Session:
    """One tab's process.

    Attributes:
        id: Part of the tab's address; nobody can guess it.
        secret: Shown to the process with every request.
        folder: Private folder; removed with the session.
        process: The process.
        port: Where it listens, on this machine only.
        clients: Websockets open now.
        seen: When the last one closed, or the session began; seconds of the monotonic clock.
    """

    id: str
    secret: str
    folder: Path
    process: asyncio.subprocess.Process
    port: int = 0
    clients: int = 0
    seen: float = field(default_factory=time.monotonic)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.returncode is None


class Sessions:
    """Starts sessions, finds them again and ends them.

    Args:
        settings: Limits, and what each session opens first.
    """

    def __init__(self, settings: ViewerSettings) -> None:
        self._settings = settings
        self._sessions: dict[str, Session] = {}
        self._spare: asyncio.Task[Session] | None = None

    def prepare(self) -> None:
        """Start the first tab's session before its tab is there."""
        remove_abandoned_folders()
        self._spare = asyncio.create_task(self._start())

    async def new(self) -> Session:
        """A session for a new tab.

        Raises:
            ChestCTError: There are too many, or it did not start.
        """
        spare, self._spare = self._spare, None
        if spare is not None:
            return await spare
        await self._make_room()
        return await self._start()

    def find(self, id_: str) -> Session | None:
        """The running session of this id."""
        session = self._sessions.get(id_)
        return session if session is not None and session.alive else None

    async def end_idle(self) -> None:
        """End sessions that no browser has asked for since long, and those whose process is gone."""
        now = time.monotonic()
        for session in list(self._sessions.values()):
            idle = not session.clients and now - session.seen > 60.0 * self._settings.idle_minutes
            if idle or not session.alive:
                await self.end(session)

    async def close(self) -> None:
        """End all sessions."""
        if self._spare is not None:
            self._spare.cancel()
            await asyncio.gather(self._spare, return_exceptions=True)
        await asyncio.gather(*(self.end(session) for session in list(self._sessions.values())))

    async def end(self, session: Session) -> None:
        """End a session and remove its folder."""
        self._sessions.pop(session.id, None)
        if session.alive:
            assert session.process.stdin is not None
            session.process.stdin.close()
            try:
                await asyncio.wait_for(session.process.wait(), END_GRACE_S)
            except asyncio.TimeoutError:
                session.process.kill()
                await session.process.wait()
        shutil.rmtree(session.folder, ignore_errors=True)

    async def _make_room(self) -> None:
        await self.end_idle()
        if len(self._sessions) < self._settings.max_sessions:
            return
        left = [session for session in self._sessions.values() if not session.clients]
        if not left:
            raise OutputError(
                f"{self._settings.max_sessions} tabs are open, which is the limit.", "Close one, or raise --max-tabs."
            )
        await self.end(min(left, key=lambda session: session.seen))

    async def _start(self) -> Session:
        folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
        environment = {**child_environment(folder), "WSLINK_WS_COMPRESS": "0"}  # JPEG does not get smaller
        environment.setdefault(THREADS, "1")
        errors = (folder / "stderr.txt").open("wb")
        with errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "COVIDMTLApp.viewer.session", cwd=folder, env=environment,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        session = Session(secrets.token_hex(ID_BYTES), new_token(), folder, process)
        self._sessions[session.id] = session
        try:
            session.port = await asyncio.wait_for(self._port(session), START_LIMIT_S)
        except (asyncio.TimeoutError, ChestCTError, asyncio.CancelledError) as error:
            await self.end(session)
            if isinstance(error, asyncio.TimeoutError):
                problem = f"A session did not start within {START_LIMIT_S:.0f} s."
                raise OutputError(problem, "Is the machine very busy?") from error
            raise
        return session

    async def _port(self, session: Session) -> int:
        settings = SessionSettings(
            secret=session.secret,
            folder=str(session.folder),
            opened=str(self._settings.opened.resolve()) if self._settings.opened else "",
            root=str(self._settings.root.resolve()) if self._settings.root else "",
            max_upload_mb=self._settings.max_upload_mb,
        )
        assert session.process.stdin is not None and session.process.stdout is not None
        session.process.stdin.write(json.dumps(asdict(settings)).encode("utf-8") + b"\n")
        await session.process.stdin.drain()
        async for line in session.process.stdout:
            if line.startswith(b'{"port"'):
                return int(json.loads(line)["port"])
        text = (session.folder / "stderr.txt").read_text(encoding="utf-8", errors="replace").strip()
        last = text.splitlines()[-1] if text else "it left no message"
        raise OutputError(f"A session could not start: {last}.", "See the viewer's log.")
