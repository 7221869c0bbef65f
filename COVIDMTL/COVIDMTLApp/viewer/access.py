"""Who may talk to the viewer: the token, and requests that another web page makes in the user's name."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from COVIDMTLApp.viewer.settings import is_loopback

TOKEN_BYTES = 24
COOKIE = "covidmtl_token"
SECRET_HEADER = "X-Covidmtl-Session"
"""Header by which a session knows its front."""


def new_token() -> str:
    """A token nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def same_secret(given: str | None, wanted: str) -> bool:
    """Compare in a time that does not depend on where the two differ."""
    return given is not None and hmac.compare_digest(given.encode("utf-8"), wanted.encode("utf-8"))


def is_foreign(host: str, origin: str | None, served_at: str) -> bool:
    """Whether a request comes from another site's page, or by a name that only pretends to be this machine.

    Args:
        host: The request's Host header.
        origin: Its Origin header, which browsers send with websockets and posts; None without one.
        served_at: Address the viewer listens at. At a loopback address only loopback names are this machine: any other
            name was made to point here (DNS rebinding).
    """
    name = urlsplit(f"//{host}").hostname or ""
    if is_loopback(served_at) and not is_loopback(name):
        return True
    return origin is not None and urlsplit(origin).netloc != host
