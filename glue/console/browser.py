"""What the console keeps in a browser, and how it knows that a form came from one of its pages.

The session is the one of single sign-on: who signed in here opens Grafana without a password, and
the other way round. All cookies are out of a script's reach but for the zone, which a script sets.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from glue import store
from glue.api.conventions.callers import Caller
from glue.api.docs import below
from glue.api.people import tokens
from glue.api.sign_on import browser as sign_on
from glue.core.oidc import same
from glue.settings import Settings
from glue.store import oidc, sessions

MARK = "tonypi_console_form"
SAID = "tonypi_console_said"
ZONE = "tonypi_console_zone"
STOP = "tonypi_console_stop"

LONGEST_MESSAGE = 1000


def root(settings: Settings) -> str:
    """Path of the console for browsers: a proxy may show us below a path of its own."""
    return f"{below(settings)}/console"


async def caller(request: Request) -> Caller | None:
    """Who is signed in in this browser. Raises ``StoreUnavailable``."""
    token = sign_on.token(request)
    if not token:
        return None
    async with store.transaction(request.app.state.pool) as conn:
        session = await oidc.session(conn, token)
        user = await sessions.caller(conn, session.user_id, session.id) if session else None
    return Caller(**vars(user), session_id=session.id) if session and user else None


def form_token(request: Request) -> tuple[str, str]:
    """What a form has hidden in it, and the value of the cookie that it must come back with."""
    mark = request.cookies.get(MARK, "")
    if not 20 <= len(mark) <= 100:
        mark = secrets.token_urlsafe(32)
    return _sealed(request, "form", mark + "\0" + sign_on.token(request)), mark


def keep_form(response: Response, mark: str, settings: Settings) -> None:
    _set(response, MARK, mark, settings)


def is_our_form(request: Request, given: str) -> bool:
    """Whether the form was shown in this browser, to who is signed in there now.

    Another site cannot read the token, and a cookie that a program of the same host sets for us
    does not fit it.
    """
    mark = request.cookies.get(MARK, "")
    expected = _sealed(request, "form", mark + "\0" + sign_on.token(request))
    return bool(mark) and same(given, expected)


def say(request: Request, response: Response, message: str) -> None:
    """Tell ``message`` on the next page."""
    text = base64.urlsafe_b64encode(message[:LONGEST_MESSAGE].encode("utf-8", "replace")).decode()
    sealed = _sealed(request, "said", text)
    _set(response, SAID, f"{text}.{sealed}", request.app.state.settings, age=60)


def said(request: Request) -> str:
    """What the page before wanted to have told; empty: nothing."""
    text, _, sealed = request.cookies.get(SAID, "").partition(".")
    if not text or not same(sealed, _sealed(request, "said", text)):
        return ""
    try:
        return base64.urlsafe_b64decode(text).decode()
    except (binascii.Error, ValueError):
        return ""


def forget_said(response: Response, settings: Settings) -> None:
    _set(response, SAID, "", settings, age=0)


def zone(request: Request) -> ZoneInfo:
    """The browser's zone where it told us, else the fleet's."""
    settings: Settings = request.app.state.settings
    for name in (request.cookies.get(ZONE, "").replace("%2F", "/"), settings.fleet.tz):
        try:
            if name:
                return ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            continue
    return ZoneInfo("UTC")


def let_stop(request: Request, response: Response, user: Caller) -> None:
    """Give this browser what stops robots also while PostgreSQL, which knows sessions, is away: an
    access token, for minutes, which comes along to the emergency stop alone."""
    settings: Settings = request.app.state.settings
    assert user.session_id is not None
    token = tokens.issue(user.id, user.role, settings.glue, user.session_id)
    _set(response, STOP, token, settings, "/emergency-stop", settings.glue.jwt_ttl)


def forget(response: Response, settings: Settings) -> None:
    """Signed out."""
    sign_on.drop_session(response, settings)
    _set(response, STOP, "", settings, "/emergency-stop", 0)


def _sealed(request: Request, what: str, text: str) -> str:
    secret = request.app.state.settings.glue.jwt_secret.get_secret_value().encode()
    message = f"tonypi console {what}\0{text}".encode("utf-8", "replace")
    return hmac.digest(secret, message, "sha256").hex()


def _set(
    response: Response,
    name: str,
    value: str,
    settings: Settings,
    below: str = "",
    age: int | None = None,
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=age,
        path=root(settings) + below,
        secure=urlsplit(settings.glue_for_browsers).scheme == "https",
        httponly=True,
        samesite="lax",
    )
