"""The page that the link of a message leads to: what the message told of, and a button.

Looking changes nothing: mail servers and chats follow links too. Who presses the button has the
message; what is recorded is the name that was given, and the target that the message went to.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from glue import store
from glue.alerts import people
from glue.api.conventions import access
from glue.api.conventions.problems import documented
from glue.api.sign_on import pages
from glue.core import ack_link, sealing
from glue.core.ack_link import AckLink
from glue.settings import Settings
from glue.store import notifications, outbox

LONGEST_NAME = 50
LONGEST_COMMENT = 500

Token = Annotated[str, Path(max_length=400, description="As the message has it.")]


class Page(access.Declared):
    """What goes wrong is told on a page: the address is for people."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handle(request)
            except ack_link.LinkOver as error:
                return pages.failed("Too late", f"{error} Sign in to acknowledge its alerts.", 410)
            except (ack_link.BadLink, sealing.NoKey):
                what = "This is not a whole link of a message of ours: was its end cut off?"
                return pages.failed("No such link", what, 404)
            except store.StoreUnavailable:
                what = "The database cannot be reached. Please try again in a minute."
                return pages.failed("Not now", what, 503)

        return shown


router = APIRouter(
    prefix=ack_link.PATH,
    tags=["notifications"],
    route_class=Page,
    dependencies=[access.anyone],
    default_response_class=HTMLResponse,
    responses=documented(422)
    | {
        status: {"description": what, "content": {"text/html": {}}}
        for status, what in (
            (404, "Not a link of ours."),
            (410, "The link is over."),
            (413, "Too large."),
            (503, "PostgreSQL is away."),
        )
    },
)

_FORM = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "alert": {"type": "array", "items": {"type": "integer"}},
                        "name": {"type": "string", "maxLength": LONGEST_NAME},
                        "comment": {"type": "string", "maxLength": LONGEST_COMMENT},
                    },
                }
            }
        }
    }
}


@router.get("/{token}")
async def show_acknowledgement(request: Request, token: Token) -> HTMLResponse:
    """What the message told of and how it stands now, with a button that acknowledges it."""
    settings: Settings = request.app.state.settings
    link = _link(settings, token)
    async with store.transaction(request.app.state.pool) as conn:
        told = await outbox.told_by(conn, link.batch, link.target)
    return _asked(told, ZoneInfo(settings.fleet.tz))


@router.post("/{token}", openapi_extra=_FORM)
async def acknowledge_by_link(request: Request, token: Token) -> HTMLResponse:
    """Acknowledge what was chosen of the message's alerts."""
    settings: Settings = request.app.state.settings
    link = _link(settings, token)
    text = (await request.body()).decode("utf-8", "replace")
    try:
        given = parse_qsl(text, max_num_fields=5_000)
    except ValueError:
        given = []
    chosen = {value for name, value in given if name == "alert"}
    fields = {name: " ".join(value.split()) for name, value in given}
    comment = fields.get("comment", "")[:LONGEST_COMMENT].replace("\0", "") or None
    async with store.transaction(request.app.state.pool) as conn:
        told = await outbox.told_by(conn, link.batch, link.target)
        ids = [one["id"] for one in told if str(one["id"]) in chosen]
        if ids:
            target = await notifications.target(conn, link.target)
            by = f"link to {target.name if target else 'a removed target'}"
            who = f"{fields['name']} ({by})" if fields.get("name") else by
            await people.acknowledge_many(conn, ids, who.replace("\0", "")[:LONGEST_NAME], comment)
            told = await outbox.told_by(conn, link.batch, link.target)
    wrong = "" if ids else "Nothing was chosen."
    return _asked(told, ZoneInfo(settings.fleet.tz), wrong=wrong, done=len(ids))


def _link(settings: Settings, token: str) -> AckLink:
    return ack_link.read(settings.notify.secret_key.get_secret_value(), token, datetime.now(UTC))


def _asked(
    told: Sequence[dict[str, Any]], zone: ZoneInfo, *, wrong: str = "", done: int = 0
) -> HTMLResponse:
    waiting = sum(not one["acknowledged"] and not one["resolved"] for one in told)
    rows = "".join(_row(one, zone) for one in told)
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    if not told:
        return pages.failed("Nothing left", "What this message told of was removed since.", 404)
    if not waiting:
        title = "Acknowledged" if done else "Nothing to acknowledge"
        what = "Nobody is asked again." if done else "It is over, or somebody has it already."
        return pages.page(title, f'<p role="status">{what}</p><ul>{rows}</ul>')
    one = waiting == 1
    return pages.page(
        "Acknowledge this alert?" if one else f"Acknowledge {waiting} alerts?",
        f"<p>Then nobody is asked again; you are told of the end.</p>{said}"
        f'<form method="post"><ul>{rows}</ul>'
        '<label for="name">Your name</label>'
        f'<input id="name" name="name" maxlength="{LONGEST_NAME - 10}" autocomplete="name">'
        '<label for="comment">Comment</label>'
        f'<input id="comment" name="comment" maxlength="{LONGEST_COMMENT}">'
        "<button>Acknowledge</button></form>",
    )


def _row(alert: dict[str, Any], zone: ZoneInfo) -> str:
    title = f"{escape(alert['title'])}<small>{escape(_state(alert, zone))}</small>"
    if alert["acknowledged"] or alert["resolved"]:
        return f"<li>{title}</li>"
    box = f'<input type="checkbox" name="alert" value="{alert["id"]}" checked>'
    return f"<li><label>{box}<span>{title}</span></label></li>"


def _state(alert: dict[str, Any], zone: ZoneInfo) -> str:
    said = [f"{alert['severity']} since {_when(alert['since'], zone)}"]
    if alert["acknowledged"]:
        at = alert["acknowledged_at"]
        when = f" at {_when(at, zone)}" if at else ""
        said.append(f"acknowledged by {alert['acknowledged_by'] or 'somebody'}{when}")
    if alert["resolved"]:
        at = alert["resolved_at"]
        said.append(f"over since {_when(at, zone)}" if at else "over")
    return ", ".join(said)


def _when(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
