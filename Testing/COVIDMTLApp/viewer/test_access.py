"""Who is let in, told without a server."""

from __future__ import annotations

import pytest

from ChestCTLib.errors import InputError
from COVIDMTLApp.viewer.access import is_foreign, new_token, same_secret
from COVIDMTLApp.viewer.settings import ViewerSettings


def test_tokens_are_long_and_never_the_same() -> None:
    one, other = new_token(), new_token()
    assert one != other and len(one) >= 32


def test_only_the_same_secret_passes() -> None:
    assert same_secret("secret", "secret")
    assert not same_secret("secre", "secret")
    assert not same_secret("", "secret")
    assert not same_secret(None, "secret")
    assert not same_secret("sécret", "secret")


@pytest.mark.parametrize(
    ("host", "origin", "foreign"),
    [
        ("127.0.0.1:8787", None, False),
        ("127.0.0.1:8787", "http://127.0.0.1:8787", False),
        ("localhost:8787", "http://localhost:8787", False),
        ("[::1]:8787", None, False),
        ("127.0.0.1:8787", "http://evil.example", True),
        ("127.0.0.1:8787", "null", True),
        ("evil.example:8787", None, True),  # a name made to point to this machine
        ("", None, True),
    ],
)
def test_other_sites_and_names_made_to_point_here_are_foreign(host: str, origin: str | None, foreign: bool) -> None:
    assert is_foreign(host, origin, "127.0.0.1") is foreign


def test_a_viewer_that_others_reach_needs_a_token_and_a_folder(tmp_path: object) -> None:
    with pytest.raises(InputError, match="token"):
        ViewerSettings(host="0.0.0.0")
    with pytest.raises(InputError, match="folder"):
        ViewerSettings(host="0.0.0.0", token="t")
    assert ViewerSettings().token == ""


@pytest.mark.parametrize("wrong", [{"port": 70000}, {"max_upload_mb": 0}, {"max_sessions": 0}, {"idle_minutes": 0.0}])
def test_limits_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError):
        ViewerSettings(**wrong)  # type: ignore[arg-type]
