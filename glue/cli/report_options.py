"""What the commands of reports share: their options, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, NoReturn

import typer
from pydantic import BaseModel

from glue import settings as config
from glue import store
from glue.settings import Settings

Type = Annotated[
    str, typer.Argument(help="performance, job, system, battery, or custom with --section.")
]
Robots = Annotated[
    list[str] | None, typer.Option("--robot", help="A robot; several times: a group.")
]
Group = Annotated[str, typer.Option(help="A group of robots, instead of --robot.")]
Sections = Annotated[
    list[str] | None,
    typer.Option(
        "--section",
        help="Of a custom report: availability, load, temperature, servos, battery, jobs, alerts,"
        " logs.",
    ),
]
Zone = Annotated[str | None, typer.Option(help="Time zone of days; FLEET_TZ unless given.")]
Title = Annotated[str, typer.Option(help="Made up unless given.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]


class Refused(Exception):
    """What was asked for cannot be done; the text says why."""


def run(who: str, work: Callable[[Settings, store.Pool], Awaitable[Any]]) -> Any:
    """``work`` with an open pool; what goes wrong ends the command."""

    async def opened() -> Any:
        loaded = config.load()
        postgres = loaded.postgres.model_copy(update={"pool_size": 1, "pool_max": 3})
        async with store.open_pool(postgres) as pool:
            return await work(loaded, pool)

    try:
        return asyncio.run(opened())
    except config.SettingsError as error:
        end(who, str(error), 2)
    except (Refused, store.StoreError, OSError) as error:
        end(who, str(error))


def print_json(value: Any) -> None:
    def plain(one: Any) -> Any:
        if isinstance(one, BaseModel):
            return one.model_dump(mode="json")
        return one.isoformat() if isinstance(one, datetime) else str(one)

    typer.echo(json.dumps(value, default=plain))


def end(who: str, why: str, code: int = 1) -> NoReturn:
    typer.echo(f"{who}: {why}", err=True)
    raise typer.Exit(code)
