"""One page: how it is rendered, who reads it, what its form sent.

:class:`Page` is the class of all routes here. It takes empty fields out of a query, so that an
empty filter of a form is no filter; and lets no form through that was not shown in this browser, or
whose operation takes a role that its sender does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import jinja2
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse

from glue import store
from glue.api.conventions import access, refusals
from glue.api.conventions.callers import Caller
from glue.api.conventions.fields import Remarked
from glue.api.conventions.problems import ProblemError
from glue.console import browser, words
from glue.console.operations import May, Operation, least
from glue.core import queue_words
from glue.core.roles import ROLES, Role
from glue.settings import Settings
from glue.store import heartbeats

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
FORM_GONE = (
    "This form was not shown in this browser, or by somebody else's session, or cookies are off."
    " Nothing was changed. Go back, load the page again, and send it once more."
)
MOST_FIELDS = 5000

Handler = TypeVar("Handler", bound=Callable[..., Any])

TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("glue.console"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
words.install(TEMPLATES)


class SignInFirst(Exception):
    """Nobody is signed in in this browser."""


async def _reader(request: Request) -> Caller:
    found = request.state.caller = await browser.caller(request)
    if found is None:
        raise SignInFirst
    await check_role(request, found)
    return found


async def check_role(request: Request, reader: Caller) -> None:
    """Refuse a form whose operation takes another role, before anything in it is looked at. Raises
    ``ProblemError`` 403, and records it."""
    if request.method == "POST":
        route: Page = request.scope["route"]
        if (needed := route.does.least(request.state.form["do"])) is not None:
            await access.require(request, reader, needed)


Reader = Annotated[Caller, Depends(_reader)]
"""Who is signed in. What they may is asked where something is done."""


@dataclass(frozen=True)
class Form:
    """What a form sent, without the fields that are empty."""

    pairs: list[tuple[str, str]] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        """The field without white space around it; empty where there is none."""
        return self.exactly(name).strip()

    def exactly(self, name: str) -> str:
        """The field as it was typed: a password may begin with a space."""
        return next((value for key, value in self.pairs if key == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a field that may be there several times."""
        return [value.strip() for key, value in self.pairs if key == name]

    def only(self, *names: str) -> dict[str, str]:
        """Those fields that have something in them."""
        return {name: self[name] for name in names if self[name]}


async def form(request: Request) -> Form:
    """What was posted; the route has checked already where it comes from."""
    posted: Form = request.state.form
    return posted


@dataclass(frozen=True)
class Does:
    """What the forms of a route do: the same whatever button is pressed, or by button."""

    always: tuple[Operation[Any], ...]
    by_button: Mapping[str, Operation[Any]]

    def least(self, button: str) -> Role | None:
        """The least role that ``button`` takes; of an unknown one, the least of all. None: the
        route needs nobody's role."""
        pressed = self.by_button.get(button)
        chosen = [pressed] if pressed else [*self.always, *self.by_button.values()]
        return min(map(least, chosen), key=ROLES.index, default=None)


def does(*always: Operation[Any], **by_button: Operation[Any]) -> Callable[[Handler], Handler]:
    """Declare which operations the forms of a route perform. ``by_button`` goes by the value of
    the button ``do``."""

    def declare(handler: Handler) -> Handler:
        handler.does = Does(always, by_button)  # type: ignore[attr-defined]
        return handler

    return declare


class Page(APIRoute):
    """A route of the console. One that takes forms declares what they do (:func:`does`)."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        declared: Does | None = getattr(endpoint, "does", None)
        if declared is None and "POST" in (self.methods or ()):
            raise TypeError(f"{path}: declare what its forms do (page.does)")
        self.does = declared or Does((), {})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            asked = request.query_params.multi_items()
            given = [(name, value.strip()) for name, value in asked if value.strip()]
            if given != asked:
                request.scope["query_string"] = urlencode(given).encode()
                request = Request(request.scope, request.receive)
            if request.method == "POST":
                request.state.form = await _posted(request)
                if not browser.is_our_form(request, request.state.form["form_token"]):
                    refusals.because(request, "a form that was not shown in this browser")
                    raise ProblemError(403, FORM_GONE, "not-our-form")
            return await handle(request)

        return handled


def router(prefix: str = "") -> APIRouter:
    """A router of pages."""
    return APIRouter(prefix=prefix, route_class=Page, default_response_class=HTMLResponse)


def show(
    request: Request, template: str, reader: Caller | None, status: int = 200, **given: Any
) -> Response:
    """The page ``templates/<template>.html``, with what every page has.

    ``problem``: what went wrong, told on the page, with its status. ``asked_store`` False: who
    reads it may have been believed, since PostgreSQL is away.
    """
    settings: Settings = request.app.state.settings
    token, mark = browser.form_token(request)
    told = browser.said(request)
    problem = given.pop("problem", None)
    asked_store = given.pop("asked_store", True)
    context: dict[str, Any] = {
        "at": browser.root(settings),
        "glue": urlsplit(settings.glue_for_browsers).path.rstrip("/"),
        "here": request.url.path.removeprefix(request.scope.get("root_path", "")),
        "reader": reader,
        "may": May(request.app.state.operations, reader.role if reader else ""),
        "token": token,
        "said": told,
        "problem": problem,
        "zone": browser.zone(request),
        "grafana": settings.grafana_for_browsers,
        "late": "",
        "sent": request.state.form if problem is not None and request.method == "POST" else None,
        "query": request.query_params,
        **given,
    }
    html = TEMPLATES.get_template(f"{template}.html").render(context)
    code = problem.status if isinstance(problem, ProblemError) else status
    answer = HTMLResponse(html.encode("utf-8", "replace"), code, HEADERS)
    browser.keep_form(answer, mark, settings)
    if told:
        browser.forget_said(answer, settings)
    if asked_store and reader is not None and context["may"]("stop_robot"):
        browser.let_stop(request, answer, reader)
    return answer


async def lateness(request: Request) -> str:
    """What a page that shows alerts says while readings are late (``late``); else nothing."""
    async with store.transaction(request.app.state.pool) as conn:
        queue = heartbeats.queue(await heartbeats.read(conn), datetime.now(UTC))
    return queue_words.warning(queue) if queue else ""


def ask(request: Request, reader: Caller, title: str, would: str, back: str) -> Response:
    """Whether the form that came shall really be done: the same one, with ``confirm``."""
    posted: Form = request.state.form
    fields = [one for one in posted.pairs if one[0] not in ("form_token", "confirm")]
    return show(request, "confirm", reader, title=title, would=would, back=back, fields=fields)


def go(request: Request, path: str, message: str = "") -> Response:
    """On to the page ``path`` of the console, where ``message`` is told."""
    settings: Settings = request.app.state.settings
    answer = RedirectResponse(browser.root(settings) + path, 303, {"Cache-Control": "no-store"})
    if message:
        browser.say(request, answer, message)
    return answer


def with_remarks(said: str, made: Remarked) -> str:
    """``said``, and what else is worth knowing of ``made``."""
    return " ".join([said, *(f"{one}." for one in made.remarks)])


def query(pairs: Mapping[str, Any] | list[tuple[str, str]]) -> str:
    """``?a=b``, or nothing."""
    told = urlencode(pairs)
    return f"?{told}" if told else ""


async def _posted(request: Request) -> Form:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return Form()
    try:
        text = (await request.body()).decode("utf-8", "replace")
        return Form(parse_qsl(text, keep_blank_values=False, max_num_fields=MOST_FIELDS))
    except ValueError:
        return Form()
