"""What commands at the database share: a transaction, errors in words, times as people type."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from glue import settings as config
from glue import store
from glue.core import times
from glue.settings import Settings


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
    """A time to come, as :mod:`glue.core.times` reads it, local in ``FLEET_TZ``. Ends the command
    for anything else."""
    if text is None:
        return None
    now = datetime.now(UTC)
    try:
        at = times.moment(text, now, ZoneInfo(config.load().fleet.tz), ahead=True)
    except (config.SettingsError, times.BadTime) as error:
        end(who, str(error), 2)
    if at <= now:
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
