"""What may be set about the browser viewer, and what the front hands to each session."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from ChestCTLib.errors import InputError

LOCAL_HOST = "127.0.0.1"
DEFAULT_PORT = 8787
MAX_UPLOAD_MB = 2048  # a thin-slice chest study as uncompressed DICOM has some 500 MB
MAX_SESSIONS = 4  # tabs at once; each holds its own scan, up to some 3 GB
IDLE_MINUTES = 30.0  # how long a case waits for its tab to come back, as after a reload or a closed lid


@dataclass(frozen=True)
class ViewerSettings:
    """Settings of ``covidmtl view``.

    Attributes:
        host: Address to listen at; any but a loopback address needs a token.
        port: Port; 0 takes a free one.
        token: What a browser must show once; empty where none is asked for.
        opened: Scan, case folder or scene that every tab starts with.
        root: Folder whose scans and cases may be opened by path; None allows any path, which only a local viewer does.
        max_upload_mb: Largest upload.
        max_sessions: Tabs at once.
        idle_minutes: A session without a browser ends after this time.

    Raises:
        InputError: Limits out of range, or a host that others reach without a token.
    """

    host: str = LOCAL_HOST
    port: int = DEFAULT_PORT
    token: str = ""
    opened: Path | None = None
    root: Path | None = None
    max_upload_mb: int = MAX_UPLOAD_MB
    max_sessions: int = MAX_SESSIONS
    idle_minutes: float = IDLE_MINUTES

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"The port is {self.port}.", "Use 0 (a free one) to 65535.")
        for name in ("max_upload_mb", "max_sessions", "idle_minutes"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} is {getattr(self, name)}.", "Use a value above 0.")
        if not is_loopback(self.host):
            if not self.token:
                raise InputError(f"The viewer at {self.host} can be reached by others.", "Give it a token.")
            if self.root is None:
                raise InputError(
                    f"The viewer at {self.host} can be reached by others.", "Name the folder they may read."
                )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class SessionSettings:
    """What a session's process is told on its standard input, as JSON.

    Attributes:
        secret: What the front shows with every request; nobody else may talk to the session.
        folder: The session's private folder.
        opened: What to open first; empty for nothing.
        root: Folder whose files may be opened by path; empty for any.
        max_upload_mb: Largest upload.
    """

    secret: str
    folder: str
    opened: str = ""
    root: str = ""
    max_upload_mb: int = MAX_UPLOAD_MB
