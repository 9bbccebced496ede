"""``tonypi users``: who may log in, and as what. Passwords are asked for, or read from a pipe."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NoReturn

import typer

from glue import settings, store
from glue.core import passwords
from glue.core.roles import ROLES, Role
from glue.store import audit, users
from glue.store.users import User

app = typer.Typer(help="Users of the API: list, add, change.", no_args_is_help=True)

WHO = "tonypi users"
Name = Annotated[str, typer.Argument(help="User name, whatever its case.")]


class Refused(Exception):
    """What was asked for cannot be done; the text says why."""


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="users")


@app.command("list")
def list_users(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Everybody, by name. Exit codes of all: 0 done, 1 failed or refused, 2 settings unusable."""
    everybody = _run(users.listed)
    if as_json:
        typer.echo(json.dumps([_shown(user) for user in everybody]))
        return
    for user in everybody:
        state = "" if user.is_active else "  (deactivated)"
        typer.echo(f"{user.username:<30} {user.role:<9} {user.email}{state}")


@app.command()
def add(
    username: Annotated[str, typer.Argument(help="At most 50 characters.")],
    email: Annotated[str, typer.Option(help="Address, unique.")],
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")] = "viewer",
) -> None:
    """Add a user; asks for the password."""
    chosen = _role(role)
    if not 1 <= len(username.strip()) <= 50 or len(email) > 100 or email.count("@") != 1:
        _end("a user name has 1 to 50 characters, an e-mail address one @ and at most 100")
    kept = passwords.hashed(_password(username))

    async def work(conn: Any) -> User:
        user = await users.add(
            conn, username=username.strip(), email=email, password_hash=kept, role=chosen
        )
        if user is None:
            raise Refused(f"the name {username} or the address {email} is taken")
        await audit.record(conn, "auth", f"{WHO}: added {user.username} as {user.role}")
        return user

    typer.echo(f"{_run(work).username} may log in as {chosen}")


@app.command()
def password(username: Name) -> None:
    """Set a new password; asks for it."""
    kept = passwords.hashed(_password(username))
    _change(username, "new password", password_hash=kept)


@app.command()
def role(
    username: Name, new: Annotated[str, typer.Argument(help=f"One of {', '.join(ROLES)}.")]
) -> None:
    """Give another role. Counts at once, also for who is logged in."""
    _change(username, f"role {new}", role=_role(new))


@app.command()
def deactivate(username: Name) -> None:
    """Let nobody in by this name. Counts at once."""
    _change(username, "deactivated", is_active=False)


@app.command()
def activate(username: Name) -> None:
    """Let the user in again."""
    _change(username, "activated", is_active=True)


def _change(username: str, what: str, **values: Any) -> None:
    async def work(conn: Any) -> User:
        user = await users.change(conn, username, **values)
        if user is None:
            raise Refused(f"there is no user {username}; `tonypi users list` shows who there is")
        await audit.record(conn, "auth", f"{WHO}: {user.username}: {what}")
        return user

    typer.echo(f"{_run(work).username}: {what}")


def _run(work: Callable[[Any], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        loaded = settings.load().postgres.model_copy(update={"pool_size": 1})
        async with store.open_pool(loaded) as pool, store.transaction(pool) as conn:
            return await work(conn)

    try:
        return asyncio.run(opened())
    except settings.SettingsError as error:
        _end(str(error), 2)
    except (Refused, store.StoreError) as error:
        _end(str(error))


def _password(username: str) -> str:
    if sys.stdin.isatty():
        given = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        given = sys.stdin.readline().rstrip("\n")
    if why := passwords.objection(given, username):
        _end(why)
    return str(given)


def _role(text: str) -> Role:
    for known in ROLES:
        if text == known:
            return known
    _end(f"{text} is no role; there are {', '.join(ROLES)}")


def _shown(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "email": user.email,
        "role": user.role,
        "is_active": user.is_active,
        "created_at": user.created_at.isoformat(),
    }


def _end(why: str, code: int = 1) -> NoReturn:
    typer.echo(f"{WHO}: {why}", err=True)
    raise typer.Exit(code)
