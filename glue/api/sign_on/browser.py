"""What single sign-on keeps in a browser: its session, and the mark that a form came from here.

Cookies are for the addresses below /oauth alone, are out of a script's reach, and come along when
somebody is led here from Grafana but not when another site posts a form here. The session is kept a
second time for /console: one cookie for both would go to all of the host, and so to Grafana.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from glue import store
from glue.api.conventions import clients
from glue.core.oidc import CALLBACK, same
from glue.settings import Settings
from glue.store import oidc
from glue.store.users import User

SESSION = "tonypi_sso"
CONSOLE = "tonypi_console"
PLACES = {SESSION: "/oauth", CONSOLE: "/console"}
"""The cookies of one session, and the paths that each is for."""
FORM = "tonypi_sso_form"
BEGUN_AGAIN = "tonypi_sso_again"
GRAFANA_STATE = "oauth_state"
"""The cookie by which Grafana knows its own request when the browser comes back."""
AGAIN_WITHIN = 60
"""Seconds in which a sign-in is begun again only once."""


def token(request: Request) -> str:
    """By which this browser's session is known; empty where there is none."""
    return next((known for name in PLACES if (known := request.cookies.get(name))), "")


async def session(request: Request) -> oidc.Session | None:
    """Who is signed in in this browser: active, with the password of that time."""
    known = token(request)
    if not known:
        return None
    async with store.transaction(request.app.state.pool) as conn:
        return await oidc.session(conn, known)


async def open_session(request: Request, user: User) -> tuple[str, oidc.Session | None]:
    """A new session of ``user`` in place of the one that this browser had; its cookie's value.

    The session is None when the password was changed, or its owner deactivated, since it was
    checked.
    """
    client = clients.of(request)
    lives = request.app.state.settings.sign_on.lives
    new = secrets.token_urlsafe(32)
    async with store.transaction(request.app.state.pool) as conn:
        if before := await oidc.session(conn, token(request)):
            await oidc.end_session(conn, before.id)
        await oidc.open_session(conn, new, user, lives, client.address, client.agent)
        return new, await oidc.session(conn, new)


def keep_session(response: Response, token: str, settings: Settings) -> None:
    for name, path in PLACES.items():
        _set(response, name, token, settings, settings.sign_on.lives, path)


def drop_session(response: Response, settings: Settings) -> None:
    for name, path in PLACES.items():
        _set(response, name, "", settings, 0, path)


def form_token(request: Request) -> tuple[str, str]:
    """What a form has hidden in it, and the value of the cookie that it must come back with."""
    mark = request.cookies.get(FORM, "")
    if not 20 <= len(mark) <= 100:
        mark = secrets.token_urlsafe(32)
    return _sealed(mark, request.app.state.settings), mark


def keep_form(response: Response, mark: str, settings: Settings) -> None:
    _set(response, FORM, mark, settings, None)


def is_our_form(request: Request, given: str) -> bool:
    """Whether the form was shown in this browser: nobody signs others in, or out, from elsewhere.

    A program of the same host can set cookies for us, so the mark alone proves nothing.
    """
    mark = request.cookies.get(FORM, "")
    return bool(mark) and same(given, _sealed(mark, request.app.state.settings))


def begun_elsewhere(request: Request, settings: Settings) -> bool:
    """Whether this sign-in was begun at another name of Grafana's host (localhost for 127.0.0.1)
    than it ends at: there Grafana would not know it any more.

    Browsers keep cookies by host, whatever the port: where Grafana and we share the host,
    Grafana's cookie comes along, or was set at another name.
    """
    ours, theirs = urlsplit(settings.glue_for_browsers), urlsplit(settings.grafana_for_browsers)
    if ours.hostname != theirs.hostname or theirs.path.strip("/"):
        return False
    return GRAFANA_STATE not in request.cookies and BEGUN_AGAIN not in request.cookies


def begin_again(response: Response, settings: Settings) -> None:
    _set(response, BEGUN_AGAIN, "1", settings, AGAIN_WITHIN)


def beginning(settings: Settings) -> str:
    """Where Grafana begins a sign-in."""
    return settings.grafana_for_browsers + CALLBACK


def _sealed(mark: str, settings: Settings) -> str:
    secret = settings.glue.jwt_secret.get_secret_value().encode()
    return hmac.digest(secret, b"tonypi form\0" + mark.encode("utf-8", "replace"), "sha256").hex()


def _set(
    response: Response,
    name: str,
    value: str,
    settings: Settings,
    age: int | None,
    below: str = "/oauth",
) -> None:
    root = urlsplit(settings.glue_for_browsers)
    response.set_cookie(
        name,
        value,
        max_age=age,
        path=f"{root.path}{below}",
        secure=root.scheme == "https",
        httponly=True,
        samesite="lax",
    )
