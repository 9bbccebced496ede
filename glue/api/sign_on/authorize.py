"""Single sign-on for browsers: Grafana sends people here, and here they give name and password.

An OpenID Connect provider (code flow with PKCE) for one client, Grafana; what is decided stands in
``core/oidc.py``. Errors are told to the client by redirect where it is surely the client, else on
a page for the person. ``tokens.py`` is what Grafana's server asks.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse

from glue import store
from glue.api.conventions import access, clients, refusals
from glue.api.people.accounts import Attempt, TooManyTries, WrongCredentials
from glue.api.sign_on import browser as oidc_browser
from glue.api.sign_on import pages as oidc_pages
from glue.api.sign_on.pages import Form, Links
from glue.core import oidc, passwords, signing
from glue.settings import Settings
from glue.store import StoreUnavailable, audit, users
from glue.store import oidc as kept

Pairs = list[tuple[str, str]]

FIELDS = ("username", "password", "form_token")
ID_TOKEN = "JWT"

FORM_GONE = "This page was open for too long, or cookies are off. Please try again."
NOT_SET_UP = (
    "Single sign-on is not set up: the glue has no GRAFANA_OAUTH_CLIENT_SECRET, or no Grafana. What"
    " Grafana there is has a sign-in of its own."
)


class Page(access.Declared):
    """A route that people see: what goes wrong is told on a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            settings: Settings = request.app.state.settings
            if not client(settings).secret:
                return oidc_pages.failed("Not set up", NOT_SET_UP, 404)
            try:
                return await handle(request)
            except StoreUnavailable:
                page = oidc_pages.failed(
                    "Not now",
                    "The database cannot be reached, so nobody can sign in for the moment. Please"
                    " try again in a minute.",
                    503,
                    _links(settings),
                )
                page.headers["Retry-After"] = "5"
                return page

        return shown


PAGES: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"text/html": {}}}
    for status, what in (
        (302, "On to Grafana, with a code or an error."),
        (303, "On to Grafana."),
        (400, "Not a request of Grafana's."),
        (403, "Refused."),
        (404, "Not set up."),
        (413, "Too large."),
        (429, "Too many tries."),
        (503, "PostgreSQL is away."),
    )
}

router = APIRouter(
    prefix="/oauth",
    tags=["single sign-on"],
    route_class=Page,
    dependencies=[access.anyone],
    default_response_class=HTMLResponse,
    responses=PAGES,
)


REQUEST = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method", "prompt", "max_age"),
)
LOGOUT = ("id_token_hint", "post_logout_redirect_uri", "state")


def _query(*names: str) -> dict[str, Any]:
    text = {"type": "string", "maxLength": oidc.LONGEST}
    return {"parameters": [{"name": name, "in": "query", "schema": text} for name in names]}


def _form(*names: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    return {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


@router.get("/authorize", name="authorize", openapi_extra=_query(*REQUEST))
async def authorize(request: Request) -> Response:
    """Grafana's request to sign somebody in; the query is that of OpenID Connect."""
    return await _authorize(request, request.query_params.multi_items())


@router.post("/authorize", name="authorize_by_form", openapi_extra=_form(*REQUEST))
async def authorize_by_form(request: Request) -> Response:
    """The same as a form."""
    return await _authorize(request, await _posted(request))


@router.post("/sign-in", name="sign_in", openapi_extra={**_query(*REQUEST), **_form(*FIELDS)})
async def sign_in(request: Request) -> Response:
    """The sign-in form. The query is the request that it answers."""
    settings: Settings = request.app.state.settings
    pairs = request.query_params.multi_items()
    asked = _read(pairs, settings)
    if isinstance(asked, Response):
        return asked
    form = dict(await _posted(request))
    name, password = form.get("username", "")[:50], form.get("password", "")
    if not oidc_browser.is_our_form(request, form.get("form_token", "")):
        return _sign_in_page(request, pairs, 403, name, FORM_GONE)
    if not name or len(password) > passwords.LONGEST or "\x00" in name + password:
        return _sign_in_page(request, pairs, 403, name, str(WrongCredentials()))
    attempt = Attempt(name, password, clients.of(request))
    try:
        user = await request.app.state.doorkeeper.admit(attempt, "gave the password for Grafana")
    except WrongCredentials as error:
        refusals.recorded(request)
        return _sign_in_page(request, pairs, 403, name, str(error))
    except TooManyTries as error:
        page = _sign_in_page(request, pairs, 429, name, str(error))
        page.headers["Retry-After"] = str(error.wait)
        return page
    token, session = await oidc_browser.open_session(request, user)
    if session is None:
        return _sign_in_page(request, pairs, 403, name, str(WrongCredentials()))
    answer = await _granted(request, asked, session, 303)
    oidc_browser.keep_session(answer, token, settings)
    return answer


@router.get("/logout", name="logout", openapi_extra=_query(*LOGOUT))
async def logout(request: Request) -> Response:
    """Signs out here (OpenID Connect RP-Initiated Logout), and leads back to Grafana's sign-in.

    Without a token that says who is meant it asks first.
    """
    return await _logout(request, dict(request.query_params), confirmed=False)


@router.post("/logout", name="logout_by_form", openapi_extra=_form("form_token", *LOGOUT))
async def logout_by_form(request: Request) -> Response:
    """The same as a form, and the answer to the question."""
    form = dict(await _posted(request))
    confirmed = oidc_browser.is_our_form(request, form.get("form_token", ""))
    return await _logout(request, {**request.query_params, **form}, confirmed)


async def _authorize(request: Request, pairs: Pairs) -> Response:
    settings: Settings = request.app.state.settings
    asked = _read(pairs, settings)
    if isinstance(asked, Response):
        return asked
    if oidc_browser.begun_elsewhere(request, settings):
        again = RedirectResponse(oidc_browser.beginning(settings), 302)
        oidc_browser.begin_again(again, settings)
        return again
    session = await oidc_browser.session(request)
    if session and asked.is_answered_by(time.time() - session.created_at.timestamp()):
        return await _granted(request, asked, session, 302)
    if "none" in asked.prompt:
        return _refused(
            asked.redirect_uri, "login_required", "sign in first", asked.state, settings
        )
    return _sign_in_page(request, pairs, 200)


def _read(pairs: Pairs, settings: Settings) -> oidc.Request | Response:
    """The request, or the answer to one that is none."""
    known = client(settings)
    try:
        return oidc.request(pairs, known)
    except oidc.NotOurs as error:
        return oidc_pages.failed("This link does not work", str(error), 400, _links(settings))
    except oidc.RequestRefused as error:
        return _refused(known.redirect_uri, error.code, str(error), error.state, settings)


async def _granted(
    request: Request, asked: oidc.Request, session: kept.Session, status: int
) -> Response:
    """Back to Grafana with a code, or why not."""
    settings: Settings = request.app.state.settings
    code = secrets.token_urlsafe(32)
    async with store.transaction(request.app.state.pool) as conn:
        user = await users.by_id(conn, session.user_id)
        if user and user.email.lower() == settings.grafana.admin_email.lower():
            refusals.because(request, f"{user.username} has the address of Grafana's administrator")
            return oidc_pages.failed(
                "Not with this address",
                "Your e-mail address here is that of Grafana's emergency administrator, and Grafana"
                " would take you for that one. An administrator has to change yours.",
                403,
                _links(settings),
            )
        if user is None or not await kept.ours_in_grafana(conn, user.id):
            who = user.username if user else "somebody who is gone"
            refusals.because(request, f"{who} has no account in Grafana that we made")
            return oidc_pages.failed(
                "Not in Grafana yet",
                "Your password is right, but Grafana has no account that the glue made for you, or"
                " not with your e-mail address. A new one, or a new address, is there within"
                " seconds; if this stays, an administrator finds the reason with"
                " `tonypi sync status`.",
                403,
                _links(settings),
            )
        await kept.add_code(conn, code, session.id, asked, oidc.CODE_LIVES)
    issuer = settings.glue_for_browsers
    back = oidc.redirect(asked.redirect_uri, code=code, state=asked.state, iss=issuer)
    return _away(back, status)


def _refused(
    uri: str, code: str, description: str, state: str | None, settings: Settings
) -> Response:
    issuer = settings.glue_for_browsers
    said = {"error": code, "error_description": description, "state": state, "iss": issuer}
    return _away(oidc.redirect(uri, **said), 302)


def _away(url: str, status: int) -> Response:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(url, status, headers)


def _sign_in_page(
    request: Request, pairs: Pairs, status: int, username: str = "", wrong: str = ""
) -> Response:
    settings: Settings = request.app.state.settings
    token, mark = oidc_browser.form_token(request)
    refusals.because(request, f"sign-in of {username or 'nobody'}: {wrong}")
    # Relative: beside this page, under whatever path a proxy shows us.
    form = Form(f"sign-in?{urlencode(pairs)}", token, username, wrong)
    page = oidc_pages.sign_in(form, _links(settings), status)
    oidc_browser.keep_form(page, mark, settings)
    return page


async def _logout(request: Request, asked: dict[str, str], confirmed: bool) -> Response:
    settings: Settings = request.app.state.settings
    session = await oidc_browser.session(request)
    if session is not None:
        if not confirmed and not await _is_about(request, asked.get("id_token_hint", ""), session):
            token, mark = oidc_browser.form_token(request)
            page = oidc_pages.sign_out(Form(f"logout?{_onward(asked)}", token), session.username)
            oidc_browser.keep_form(page, mark, settings)
            return page
        async with store.transaction(request.app.state.pool) as conn:
            await kept.end_session(conn, session.id)
            details = {"username": session.username, "address": clients.of(request).address}
            await audit.record(conn, "auth", f"{session.username} signed out", details=details)
    uri = asked.get("post_logout_redirect_uri", "")
    answer: Response = oidc_pages.signed_out(_links(settings))
    if uri in client(settings).signed_out_uris:
        answer = _away(oidc.redirect(uri, state=asked.get("state")), 303)
    # Another site can post here, and then the session's cookie does not come along: a browser whose
    # session we have not seen, and asked about, keeps it.
    if session is not None:
        oidc_browser.drop_session(answer, settings)
    return answer


async def _is_about(request: Request, hint: str, session: kept.Session) -> bool:
    """Whether ``hint`` is an ID token, over or not, that we gave for this session's user."""
    if not hint:
        return False
    settings: Settings = request.app.state.settings
    try:
        keys = await request.app.state.keyring.published()
        claims = signing.read(
            hint,
            keys,
            ID_TOKEN,
            time.time(),
            expired_too=True,
            iss=settings.glue_for_browsers,
            aud=oidc.CLIENT,
        )
    except signing.BadSignature:
        return False
    return claims.get("sub") == session.user_id


def _onward(asked: dict[str, str]) -> str:
    names = ("post_logout_redirect_uri", "state")
    return urlencode({name: asked[name] for name in names if name in asked})


async def _posted(request: Request) -> Pairs:
    try:
        text = (await request.body()).decode("utf-8", "replace")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return []


def client(settings: Settings) -> oidc.Client:
    """Grafana, as the settings describe it; nobody where there is none."""
    grafana = settings.grafana_for_browsers
    secret = settings.sign_on.client_secret.get_secret_value() if grafana else ""
    return oidc.client(secret, grafana)


def _links(settings: Settings) -> Links:
    return Links(settings.grafana_for_browsers)
