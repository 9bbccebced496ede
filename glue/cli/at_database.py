"""What commands at the database share: a transaction, errors in words, times as people type."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import typer

from glue import settings as config
from glue import store
from glue.settings import Settings

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Refused(Exception):
    """What was asked for cannot be done; the text says why."""


def run(who: str, work: Callable[[Settings, Any], Awaitable[Any]]) -> Any:
    """``work`` in one transaction. Ends the command where that fails: exit code 1, or 2 for
    settings that cannot be used."""

    async def opened() -> Any:
        loaded = config.load()
        postgres = loaded.postgres.model_copy(update={"pool_size": 1})
        async with store.open_pool(postgres) as pool, store.transaction(pool) as conn:
            return await work(loaded, conn)

    try:
        return asyncio.run(opened())
    except config.SettingsError as error:
        end(who, str(error), 2)
    except (Refused, store.StoreError) as error:
        end(who, str(error))


def moment(who: str, text: str | None) -> datetime | None:
    """A time to come, from ``90m`` or ``2027-01-31T18:00Z``. Ends the command for anything else."""
    if text is None:
        return None
    if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return datetime.now(UTC) + timedelta(**{UNITS[match[2]]: int(match[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        end(who, f"{text} is no time; give 90m, 2h, 3d or 2027-01-31T18:00Z", 2)
    if at.tzinfo is None:
        end(who, f"{text} has no zone; write {text}Z for UTC, or {text}+01:00", 2)
    if at <= datetime.now(UTC):
        end(who, f"{text} has passed; give a time to come", 2)
    return at


def remark(who: str, remarks: Iterable[str]) -> None:
    """Say on stderr what is worth knowing, and go on."""
    for one in remarks:
        typer.echo(f"{who}: {one}", err=True)


def print_json(value: Any) -> None:
    """One line; times in ISO 8601."""

    def plain(one: Any) -> Any:
        return one.isoformat() if hasattr(one, "isoformat") else str(one)

    typer.echo(json.dumps(value, default=plain))


def end(who: str, why: str, code: int = 1) -> NoReturn:
    """Say why on stderr, and leave with ``code``."""
    typer.echo(f"{who}: {why}", err=True)
    raise typer.Exit(code)
