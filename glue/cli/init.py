"""``tonypi init env|broker|accounts``: what containers must find before they start."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from glue import settings as settings_module
from glue.broker import BrokerUnavailable
from glue.series import SeriesError
from glue.settings import PROJECT
from glue.stack import compose, containers, lan, queues, secrets
from glue.stack.parts import mosquitto
from glue.stack.parts.grafana import overruled
from glue.store import StoreError

PATIENCE = 60.0
"""Seconds to wait for systems that are being started."""
FAILED = 1
UNUSABLE = 2

app = typer.Typer(help="First steps of the stack in containers.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="init")


@app.command()
def env() -> None:
    """Write .env with secrets and ports for Compose, or add what it lacks; `make up` does so too.

    Exit codes: 0 it is whole, 2 settings unusable.
    """
    known = secrets.read(_settings().stack.home)
    try:
        remarks = compose.write_env(settings_module.PROJECT, known, os.environ)
    except settings_module.SettingsError as error:
        raise _end(f"tonypi init env: {error}", UNUSABLE) from None
    for remark in remarks:
        typer.echo(remark)
    typer.echo(f"{settings_module.PROJECT / compose.ENV} is whole")


@app.command()
def broker(
    into: Annotated[Path, typer.Option(help="Where to write Mosquitto's configuration.")],
    bind: Annotated[
        str, typer.Option(envvar="TONYPI_BIND", help="Address that the port is published on.")
    ] = "127.0.0.1",
) -> None:
    """Write mosquitto.conf. Exit codes: 0 written, 2 settings unusable, open to everybody, or a
    name of two users."""
    try:
        containers.prepare_broker(_settings(), into, bind, str(into))
    except (containers.Exposed, lan.NameTaken) as error:
        raise _end(f"tonypi init broker: {error}", UNUSABLE) from None
    typer.echo(f"wrote {into}/mosquitto.conf")


@app.command()
def accounts(
    telegraf: Annotated[Path, typer.Option(help="Where to write Telegraf's environment.")],
    grafana: Annotated[Path, typer.Option(help="Where to write Grafana's environment.")],
) -> None:
    """Make accounts, databases, tables, bucket and tokens. Harmless the second time.

    Exit codes: 0 done, 1 a system refuses or does not answer, 2 settings unusable.
    """
    settings, deadline = _settings(), time.monotonic() + PATIENCE
    while True:
        try:
            containers.prepare_accounts(settings, telegraf, grafana)
            break
        except containers.Incomplete as error:
            raise _end(f"tonypi init accounts: {error}", UNUSABLE) from None
        except (SeriesError, StoreError) as error:
            if time.monotonic() > deadline:
                raise _end(f"tonypi init accounts: {error}", FAILED) from None
            typer.echo(f"tonypi init accounts: {error}; trying again", err=True)
            time.sleep(3)
    try:
        for name, count in queues.move(settings.broker, mosquitto.model(PROJECT)).items():
            typer.echo(f"{count} messages of the session {name} were moved to its new name")
    except BrokerUnavailable as error:
        typer.echo(f"messages of sessions of another name stay where they are: {error}", err=True)
    typer.echo("accounts, tables and bucket are as they should be")
    if names := overruled(settings):
        typer.echo(f"{', '.join(names)}: set, and not used, for they must fit to this stack")


def _settings() -> settings_module.Settings:
    try:
        return settings_module.load()
    except settings_module.SettingsError as error:
        raise _end(f"tonypi init: {error}", UNUSABLE) from None


def _end(text: str, code: int) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(code)
