"""Whoever comes from a dashboard's link to a report is known by the session of single sign-on.

That session's cookie is for the addresses below /oauth alone. So ``/reports/new`` sends a browser
that it does not know here, where the session is seen or made, and it goes back with a cookie for
the addresses below /reports.
"""

from __future__ import annotations

from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse

from glue import store
from glue.api.conventions import access, clients
from glue.api.conventions.problems import documented
from glue.api.people.accounts import Attempt, TooManyTries, WrongCredentials
from glue.api.sign_on import browser, pages
from glue.core import passwords
from glue.settings import Settings
from glue.store import oidc, sessions

COOKIE = "tonypi_reports"
FORM_GONE = "This page was open for too long, or cookies are off. Please try again."

PAGES: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"text/html": {}}}
    for status, what in (
        (403, "Refused."),
        (429, "Too many tries."),
        (503, "PostgreSQL is away."),
    )
}
FORM = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {
                        name: {"type": "string"} for name in ("username", "password", "form_token")
                    },
                }
            }
        }
    }
}

router = APIRouter(
    prefix="/oauth/reports",
    tags=["single sign-on"],
    route_class=access.Declared,
    dependencies=[access.anyone],
    default_response_class=HTMLResponse,
    responses={303: {"description": "On to the report."}} | PAGES | documented(422),
)

Asked = Annotated[str, Query(max_length=4000, description="The query of /reports/new.")]


@router.get("", name="report_sign_in")
async def ask(request: Request, asked: Asked = "") -> Response:
    """On to the report when this browser is signed in, else the form."""
    if await browser.session(request):
        return _on(request, asked, request.cookies.get(browser.SESSION, ""))
    return _form(request, asked)


@router.post("", name="report_sign_in_by_form", openapi_extra=FORM)
async def sign_in(request: Request, asked: Asked = "") -> Response:
    """The form: the same throttle and records as at the other doors."""
    state = request.app.state
    form = await posted(request)
    name, password = form.get("username", "")[:50], form.get("password", "")
    if not browser.is_our_form(request, form.get("form_token", "")):
        return _form(request, asked, name, FORM_GONE, 403)
    if not name or len(password) > passwords.LONGEST or "\x00" in name + password:
        return _form(request, asked, name, str(WrongCredentials()), 403)
    try:
        attempt = Attempt(name, password, clients.of(request))
        user = await state.doorkeeper.admit(attempt, "signed in for a report")
        token, session = await browser.open_session(request, user)
        if session is None:
            raise WrongCredentials
    except WrongCredentials as error:
        return _form(request, asked, name, str(error), 403)
    except TooManyTries as error:
        page = _form(request, asked, name, str(error), 429)
        page.headers["Retry-After"] = str(error.wait)
        return page
    answer = _on(request, asked, token)
    browser.keep_session(answer, token, state.settings)
    return answer


async def caller(request: Request) -> sessions.User | None:
    """Who is signed in in this browser, at the addresses below /reports."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    async with store.transaction(request.app.state.pool) as conn:
        session = await oidc.session(conn, token)
        return await sessions.caller(conn, session.user_id, session.id) if session else None


async def posted(request: Request) -> dict[str, str]:
    """The fields of a form."""
    try:
        text = (await request.body()).decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=50))
    except ValueError:
        return {}


def _on(request: Request, asked: str, token: str) -> Response:
    settings: Settings = request.app.state.settings
    root = urlsplit(settings.glue_for_browsers)
    query = urlencode(parse_qsl(asked, keep_blank_values=True))
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    answer = RedirectResponse(f"{settings.glue_for_browsers}/reports/new?{query}", 303, headers)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=settings.sign_on.lives,
        path=f"{root.path}/reports",
        secure=root.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


def _form(
    request: Request, asked: str, username: str = "", wrong: str = "", status: int = 200
) -> Response:
    settings: Settings = request.app.state.settings
    token, mark = browser.form_token(request)
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    page = pages.page(
        "Sign in",
        f"<p>to have a report made.</p>{said}"
        f'<form method="post" action="reports?{escape(urlencode({"asked": asked}))}">'
        f'<input type="hidden" name="form_token" value="{escape(token)}">'
        '<label for="username">User name</label>'
        f'<input id="username" name="username" value="{escape(username)}" maxlength="50"'
        ' autocomplete="username" autocapitalize="none" spellcheck="false" required>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" maxlength="256"'
        ' autocomplete="current-password" required><button>Sign in</button></form>',
        status,
    )
    browser.keep_form(page, mark, settings)
    return page
