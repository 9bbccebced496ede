"""Pages of reports for browsers: one on demand from a dashboard's link, and links that were sent.

``/reports/new?robot=…&from=…&to=…`` asks first, because a link on another page must not make
anything, then shows how far the report is, then the file. No script: the page asks again by itself.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from glue import store
from glue.api import report_jobs as making
from glue.api import reports
from glue.api.conventions import access
from glue.api.conventions.problems import NotFound, ProblemError, documented
from glue.api.report_shapes import Format, JobPath
from glue.api.sign_on import pages, report_door
from glue.core import times
from glue.core.report import request as about
from glue.core.report.compose import TITLES, span
from glue.core.report.content import Period
from glue.store import report_files, report_jobs, report_reads
from glue.store.references import UnknownNames

KINDS = ("performance", "job", "system", "battery")
RELOAD_S = 2
NOBODY = ("", "All", "$__all", "*")
"""What a dashboard's variable is when it names no robot."""

ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"text/html": {}}}
    for status, what in (
        (400, "The link makes no sense."),
        (403, "Refused."),
        (404, "There is no such report, or not any more."),
        (409, "Too many wait."),
        (503, "PostgreSQL is away."),
    )
}

router = APIRouter(
    prefix="/reports",
    tags=["report pages"],
    route_class=access.Declared,
    dependencies=[access.anyone],
    default_response_class=HTMLResponse,
    responses={303: {"description": "On to the sign-in, or to the report."}}
    | ANSWERS
    | documented(422),
)

ASKED = {
    "parameters": [
        {"name": name, "in": "query", "description": what, "schema": {"type": "string"}}
        for name, what in {
            "robot": "A robot; several times: a group; none, or All: the fleet.",
            "var-robot": "The same, as Grafana's links name it.",
            "group": "Instead of robots.",
            "from": "ISO time with its zone, or Unix milliseconds, as Grafana's `${__from}`.",
            "to": "The same; now unless given.",
            "type": f"One of {', '.join(KINDS)}.",
            "paper": "a4 or letter.",
        }.items()
    ]
}


class BadLink(ValueError):
    """What the link asks for makes no sense; the text says why."""


@router.get("/new", name="new_report", openapi_extra=ASKED)
async def ask(request: Request) -> Response:
    """What would be made, and a button."""
    user = await report_door.caller(request)
    if user is None:
        query = urlencode({"asked": request.url.query[:4000]})
        return _to(request, f"/oauth/reports?{query}")
    try:
        wanted = _read(request)
    except BadLink as error:
        return pages.page("This link does not work", f"<p>{escape(str(error))}</p>", 400)
    of = wanted.group or ", ".join(wanted.robots[:5]) or "the fleet"
    more = f" and {len(wanted.robots) - 5} more" if len(wanted.robots) > 5 else ""
    period = span(Period(since=wanted.since, until=wanted.until), wanted.tz)
    choices = "".join(
        f'<option value="{kind}"{" selected" if kind == wanted.kind else ""}>'
        f"{escape(TITLES[kind])}</option>"  # type: ignore[index]
        for kind in KINDS
    )
    return pages.page(
        "A report",
        f"<p>of {escape(of + more)}, {escape(period)} ({escape(wanted.zone)}).</p>"
        f'<form method="post" action="new?{escape(request.url.query)}">'
        f'<input type="hidden" name="form_token" value="{_token(request)}">'
        '<label for="type">About</label>'
        f'<select id="type" name="type">{choices}</select><button>Make it</button></form>',
    )


@router.post("/new", name="new_report_by_form", openapi_extra=ASKED)
async def make(request: Request) -> Response:
    """The button."""
    user = await report_door.caller(request)
    form = await report_door.posted(request)
    given = form.get("form_token", "").encode("utf-8", "replace")
    if user is None or not hmac.compare_digest(given, _token(request).encode()):
        said = "<p>You are signed out, or this page was open for too long.</p>"
        return pages.page("Please begin again", said, 403)
    try:
        wanted = _read(request, form.get("type", ""))
        job_id = await making.add(request, user, wanted)
    except BadLink as error:
        return pages.page("This link does not work", f"<p>{escape(str(error))}</p>", 400)
    except UnknownNames as error:
        return pages.page("This link does not work", f"<p>{escape(str(error))}</p>", 422)
    except ProblemError as error:
        return pages.page("Not now", f"<p>{escape(str(error))}</p>", 409)
    return _to(request, f"/reports/jobs/{job_id}")


@router.get("/jobs/{job_id}", name="report_progress")
async def progress(request: Request, job_id: JobPath) -> Response:
    """How far it is; then the file, in every format."""
    if await report_door.caller(request) is None:
        return _to(request, "/oauth/reports")
    async with store.transaction(request.app.state.pool) as conn:
        row = await report_jobs.one(conn, job_id)
    if row is None:
        return pages.page("No such report", "<p>It is over for long, or never was.</p>", 404)
    if row["state"] == "done" and row["report_id"]:
        links = "".join(
            f'<a class="button" href="../{row["report_id"]}/file?format={form}">{said}</a>'
            for form, said in {
                "pdf": "PDF",
                "html": "Web page",
                "csv": "CSV",
                "json": "JSON",
            }.items()
        )
        return pages.page(
            "Your report is ready", f"<p>Kept as report {row['report_id']}.</p>{links}"
        )
    if row["state"] in ("queued", "running"):
        waits = row["state"] == "queued"
        done = f"{100 * row['progress']:.0f}"
        said = "It waits for its turn." if waits else f"{done} %, {row['step'] or 'begun'}"
        page = pages.page(
            "Your report is being made",
            f'<progress max="100" value="{done}" aria-label="Progress"></progress>'
            f'<p role="status">{escape(said)}</p>',
        )
        page.headers["Refresh"] = str(RELOAD_S)
        return page
    why = row["error"] or f"{row['state']} by {row['cancelled_by']}"
    return pages.page("There is no report", f"<p>{escape(why)}</p>", 200)


@router.get("/{report_id}/file", name="report_file_in_browser")
async def file(
    request: Request,
    report_id: reports.ReportPath,
    form: Annotated[Format, Query(alias="format")] = "pdf",
) -> Response:
    """The file."""
    if await report_door.caller(request) is None:
        return _to(request, "/oauth/reports")
    return await _file(request, report_id, form)


@router.get("/shared/{token}", name="shared_report")
async def shared(request: Request, token: Annotated[str, Path(max_length=100)]) -> Response:
    """The file that a link opens which was sent, until it expires."""
    async with store.transaction(request.app.state.pool) as conn:
        link = await report_files.link(conn, token)
    if link is None:
        said = "<p>It has expired, or there never was one. Reports stay: sign in to see them.</p>"
        return pages.page("This link does not work any more", said, 404)
    return await _file(request, link.report_id, link.format)


async def _file(request: Request, report_id: int, form: str) -> Response:
    async with store.transaction(request.app.state.pool) as conn:
        row = await report_reads.one(conn, report_id)
    try:
        if row is None:
            raise NotFound(f"There is no report {report_id}.")
        if form != "pdf":
            return await reports.written(row, form)
        answer = reports.kept(request, row)
        # A browser shows it; its name is kept for whoever saves it.
        answer.headers["Content-Disposition"] = f'inline; filename="report-{report_id}.pdf"'
        return answer
    except NotFound as error:
        return pages.page("Not there", f"<p>{escape(str(error))}</p>", 404)


def _read(request: Request, kind: str = "") -> about.Request:
    """What the link asks for. Raises :class:`BadLink`."""
    query = parse_qs(request.url.query, max_num_fields=500)
    zone = request.app.state.settings.fleet.tz
    now = datetime.now(UTC)
    until = _time(query.get("to", [""])[-1], now, now)
    values = {
        "kind": kind or query.get("type", ["performance"])[-1],
        "robots": [
            one for one in query.get("robot", []) + query.get("var-robot", []) if one not in NOBODY
        ],
        "group": query.get("group", [""])[-1],
        "since": _time(query.get("from", [""])[-1], until - timedelta(days=7), now),
        "until": until,
        "zone": zone,
        "paper": query.get("paper", ["a4"])[-1],
    }
    try:
        return about.Request.model_validate(values)
    except ValidationError as error:
        why = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
        raise BadLink(f"It asks for what cannot be: {why}.") from None


def _time(text: str, otherwise: datetime, now: datetime) -> datetime:
    """As :mod:`glue.core.times` reads it. Raises :class:`BadLink`."""
    if not text:
        return otherwise
    try:
        return times.moment(text, now)
    except times.BadTime as error:
        raise BadLink(f"{error}.") from None


def _token(request: Request) -> str:
    """What the form of this session has hidden in it."""
    secret = request.app.state.settings.glue.jwt_secret.get_secret_value().encode()
    session = request.cookies.get(report_door.COOKIE, "").encode("utf-8", "replace")
    return hmac.digest(secret, b"tonypi report\0" + session, "sha256").hex()


def _to(request: Request, path: str) -> Response:
    root = request.app.state.settings.glue_for_browsers
    return RedirectResponse(f"{root}{path}", 303, {"Cache-Control": "no-store"})
