"""``tonypi notify``: who is told of alerts, what waits, a test, another try.

It works at the database itself, also while the glue is down: the glue sends what is due when it is
back. Only ``test`` sends by itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from glue import settings as config
from glue import store
from glue.cli.asking import secret
from glue.core import messages, names, sealing, sorting
from glue.core.messages import BadTemplate, Message
from glue.messengers.apprise import BadTarget, Messenger, NotDelivered, parse
from glue.settings import Settings
from glue.store import audit, listing, notifications, outbox, references

app = typer.Typer(help="Notifications: targets, routes, what waits.", no_args_is_help=True)

WHO = "tonypi notify"
STATES = ("queued", "leased", "delivered", "given up", "suppressed")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]
Name = Annotated[str, typer.Argument(help="Name of a target.")]


class Refused(Exception):
    """What was asked for cannot be done; the text says why."""


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="notify")


@app.command()
def targets(as_json: Json = False) -> None:
    """Where messages go, and how that does; addresses without their credentials. Exit codes of
    all: 0 done, 1 failed or refused, 2 settings unusable."""
    found = _run(lambda _, conn: notifications.targets(conn))
    if as_json:
        return _print([{k: v for k, v in asdict(one).items() if k != "sealed"} for one in found])
    for one in found:
        state = f"failing: {one.last_error}" if one.failing_since else "works"
        typer.echo(f"{one.name:<20} {one.masked:<50} {state if one.enabled else 'off'}")


@app.command("add-target")
def add_target(
    name: Annotated[str, typer.Argument(help="At most 60 characters.")],
    url: Annotated[str, typer.Option(help="Asked for, or read from a pipe, unless given.")] = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a target by its Apprise address, which is kept sealed."""
    if why := names.objection(name):
        _end(why)
    url = url or secret("Address")

    async def work(loaded: Settings, conn: Any) -> dict[str, Any]:
        address = parse(url, loaded.notify.allowed, loaded.notify.denied)
        sealed = sealing.seal(loaded.notify.secret_key.get_secret_value(), address.url)
        kept = {"name": name, "scheme": address.scheme, "masked": address.masked}
        if dry_run:
            return kept
        more = {"title_template": None, "body_template": None, "enabled": True, "created_by": WHO}
        if await notifications.add_target(conn, {**kept, **more, "sealed": sealed}) is None:
            raise Refused(f"there is a target {name} already")
        await audit.record(conn, "api", f"{WHO}: added the notification target {name}")
        return kept

    made = _run(work)
    if as_json:
        return _print(made)
    typer.echo(f"{'would add' if dry_run else 'added'} {name}: {made['masked']}")


@app.command("remove-target")
def remove_target(name: Name, dry_run: DryRun = False) -> None:
    """Remove a target that no route names; what waits for it is given up."""

    async def work(_: Settings, conn: Any) -> int:
        await notifications.lock_routes(conn)
        target = await _target(conn, name)
        if named := await notifications.routes_of_target(conn, target.id):
            raise Refused(f"routes tell it: {', '.join(named)}; change those first")
        if dry_run:
            return 0
        await audit.record(conn, "api", f"{WHO}: removed the notification target {name}")
        return await notifications.delete_target(conn, target.id)

    given_up = _run(work)
    if dry_run:
        return typer.echo(f"would remove {name}")
    typer.echo(f"removed {name}; given up: {given_up}")


@app.command()
def routes(as_json: Json = False) -> None:
    """Who is told of what, in the order in which routes are tried."""

    async def work(_: Settings, conn: Any) -> Any:
        return await notifications.route_rows(conn), await notifications.targets(conn)

    rows, known = _run(work)
    if as_json:
        return _print(rows)
    of_target = {one.id: one.name for one in known}
    for row in rows:
        to = ", ".join(of_target.get(one, str(one)) for one in row["targets"])
        limits = [*row["severities"], *row["types"], *row["metrics"], *row["robots"]]
        limits += [f"group {name}" for name in row["groups"]]
        state = "" if row["enabled"] else "  (off)"
        typer.echo(
            f"{row['position']:>4} {row['name']:<20} {', '.join(limits) or 'all'}: {to}{state}"
        )


@app.command()
def queue(
    state: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(STATES)}; queued and leased unless.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Of this target.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Rows at most.")] = 50,
    as_json: Json = False,
) -> None:
    """What waits to be told, the newest first, and the number of rows by state: when each was
    decided (in FLEET_TZ), for which target, and why it is suppressed."""
    wanted = _states(state) or ["queued", "leased"]

    async def work(loaded: Settings, conn: Any) -> Any:
        only = [(await _target(conn, target)).id] if target else None
        sort = sorting.parse(outbox.OUTBOX.default, outbox.OUTBOX.columns, outbox.OUTBOX.key)
        filters = {"state": wanted, "target_id": only}
        page = await listing.page(conn, outbox.OUTBOX, filters, sort, None, limit)
        return page.rows, await outbox.counts(conn), ZoneInfo(loaded.fleet.tz)

    rows, counts, zone = _run(work)
    if as_json:
        return _print({"counts": counts, "items": rows})
    for row in rows:
        typer.echo(_line(row, zone))
    typer.echo(", ".join(f"{name}: {counts.get(name, 0)}" for name in STATES))


@app.command()
def retry(
    ids: Annotated[list[int] | None, typer.Argument(help="Rows of the queue.")] = None,
    given_up: Annotated[
        bool, typer.Option("--given-up", help="All that were given up, 1000 at most.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Try messages again now: those that wait and those given up."""
    if bool(ids) == given_up:
        _end("give ids, or --given-up", 2)

    async def work(_: Settings, conn: Any) -> list[int]:
        await outbox.lock(conn)
        wanted = ids or await outbox.ids(conn, {"state": ["given up"]}, 1000)
        there = await outbox.hold(conn, wanted)
        if missing := sorted(set(wanted) - set(there)):
            raise Refused(f"no such rows: {', '.join(map(str, missing[:20]))}")
        if dry_run:
            return [i for i, row in there.items() if row["state"] in ("queued", "given up")]
        done = await outbox.retry(conn, wanted)
        await audit.record(
            conn, "api", f"{WHO}: {len(done)} tried again", details={"rows": done[:1000]}
        )
        return done

    done = _run(work)
    if as_json:
        return _print({"ids": done, "dry_run": dry_run})
    typer.echo(f"{'would be' if dry_run else 'are'} tried again: {len(done)}")


@app.command("test")
def try_target(name: Name, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Send a test message to a target now. Exit code 1 when it was not delivered."""

    async def work(loaded: Settings, conn: Any) -> tuple[Message, str]:
        target = await _target(conn, name)
        message = messages.test(WHO, datetime.now(UTC), ZoneInfo(loaded.fleet.tz))
        key = loaded.notify.secret_key.get_secret_value()
        url = sealing.unseal(key, target.sealed)
        parse(url, loaded.notify.allowed, loaded.notify.denied)
        if not dry_run:
            await audit.record(conn, "api", f"{WHO}: tried the notification target {name}")
        return message, url

    message, url = _run(work)
    if not dry_run:
        try:
            asyncio.run(_send(url, message))
        except (BadTarget, NotDelivered) as error:
            _end(f"{name}: not delivered: {error}")
    if as_json:
        return _print({"delivered": not dry_run, "title": message.title, "body": message.body})
    typer.echo(f"would send:\n{message.title}\n{message.body}" if dry_run else f"{name}: delivered")


def _line(row: dict[str, Any], zone: ZoneInfo) -> str:
    target = row["target_name"] or "nobody"
    at = row["created_at"].astimezone(zone)
    why = f": {row['reason']}" if row["reason"] else ""
    if row["state"] == "queued":
        due = row["next_try_at"].astimezone(zone)
        why = f": due {due:%m-%d %H:%M:%S}" + (", after quiet hours" if row["held"] else "")
    error = f"  {row['attempts']} tries: {row['last_error']}" if row["last_error"] else ""
    return (
        f"{row['id']:>8} {at:%Y-%m-%d %H:%M:%S %Z} {target:<20} {row['occasion']:<9}"
        f" {row['alert_title']}  {row['state']}{why}{error}"
    )


async def _send(url: str, message: Message) -> None:
    messenger = Messenger(config.load().notify)
    try:
        await messenger.send(url, message)
    finally:
        messenger.close()


async def _target(conn: Any, name: str) -> notifications.Target:
    await references.check(conn, to=name)
    found = await notifications.target_named(conn, name)
    assert found is not None
    return found


def _states(given: list[str] | None) -> list[str]:
    for one in given or ():
        if one not in STATES:
            _end(f"{one} is no state; there are {', '.join(STATES)}", 2)
    return given or []


def _run(work: Callable[[Settings, Any], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        loaded = config.load()
        postgres = loaded.postgres.model_copy(update={"pool_size": 1})
        async with store.open_pool(postgres) as pool, store.transaction(pool) as conn:
            return await work(loaded, conn)

    try:
        return asyncio.run(opened())
    except config.SettingsError as error:
        _end(str(error), 2)
    except (sealing.NoKey, sealing.SealedOtherwise) as error:
        _end(str(error), 2)
    except (Refused, BadTarget, BadTemplate, store.StoreError) as error:
        _end(str(error))


def _print(value: Any) -> None:
    def plain(one: Any) -> Any:
        return one.isoformat() if isinstance(one, datetime) else str(one)

    typer.echo(json.dumps(value, default=plain))


def _end(why: str, code: int = 1) -> NoReturn:
    typer.echo(f"{WHO}: {why}", err=True)
    raise typer.Exit(code)
