"""``tonypi users``: who may log in, and as what. Passwords are asked for, read from a pipe, or
generated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NoReturn

import typer

from glue import settings, store
from glue.cli.asking import secret
from glue.core import passwords, people
from glue.core.references import hint
from glue.core.roles import ROLES, Role
from glue.store import audit, references, sessions, users
from glue.store.users import User

app = typer.Typer(help="Users of the API: list, add, change.", no_args_is_help=True)

WHO = "tonypi users"
Name = Annotated[str, typer.Argument(help="User name, whatever its case.")]
Generate = Annotated[
    bool, typer.Option("--generate", help="Make a password and show it, this once.")
]


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
    generate: Generate = False,
) -> None:
    """Add a user; asks for the password."""
    chosen = _role(role)
    if why := people.name_objection(username) or people.email_objection(email):
        _end(why)
    password = _password(username, generate)
    kept = passwords.hashed(password)

    async def work(conn: Any) -> User:
        user = await users.add(
            conn, username=username, email=email, password_hash=kept, role=chosen
        )
        if user is None:
            raise Refused(f"the name {username} or the address {email} is taken")
        await audit.record(conn, "auth", f"{WHO}: added {user.username} as {user.role}")
        return user

    typer.echo(f"{_run(work).username} may log in as {chosen}")
    _show(password, generate)


@app.command()
def password(username: Name, generate: Generate = False) -> None:
    """Set a new password; asks for it. Ends all sessions of the user."""
    chosen = _password(username, generate)
    _change(username, "new password", password_hash=passwords.hashed(chosen))
    _show(chosen, generate)


@app.command()
def email(username: Name, new: Annotated[str, typer.Argument(help="Address, unique.")]) -> None:
    """Give another e-mail address."""
    if why := people.email_objection(new):
        _end(why)
    _change(username, f"address {new}", email=new)


@app.command()
def rename(username: Name, new: Annotated[str, typer.Argument(help="Name, unique.")]) -> None:
    """Give another name. What was done under the old one stays there."""
    if why := people.name_objection(new):
        _end(why)
    _change(username, f"is now {new}", new_name=new)


@app.command("sign-out")
def sign_out(username: Name) -> None:
    """End all sessions of a user, who may log in again. Counts at once."""

    async def work(conn: Any) -> tuple[User, int]:
        user = await _named(conn, username)
        ended = await sessions.end_all(conn, user.id, "ended at the command line")
        await audit.record(conn, "auth", f"{WHO}: ended {ended} sessions of {user.username}")
        return user, ended

    user, ended = _run(work)
    typer.echo(f"{user.username}: sessions ended: {ended}")


@app.command()
def role(
    username: Name, new: Annotated[str, typer.Argument(help=f"One of {', '.join(ROLES)}.")]
) -> None:
    """Give another role. Counts at once, also for who is logged in. The last active admin stays."""
    _change(username, f"role {new}", role=_role(new))


@app.command()
def deactivate(username: Name) -> None:
    """Let nobody in by this name. Sessions and tokens end at once. Not the last active admin."""
    _change(username, "deactivated", is_active=False)


@app.command()
def activate(username: Name) -> None:
    """Let the user in again."""
    _change(username, "activated", is_active=True)


def _change(username: str, what: str, *, new_name: str | None = None, **values: Any) -> None:
    async def work(conn: Any) -> User:
        found = await _named(conn, username)
        await users.edit(conn, found.id, username=new_name, **values)
        await audit.record(conn, "auth", f"{WHO}: {found.username}: {what}")
        return found

    typer.echo(f"{_run(work).username}: {what}")


async def _named(conn: Any, username: str) -> User:
    """Whatever its case. Raises :class:`Refused`."""
    user = await users.by_username(conn, username)
    if user is None:
        near = hint(username, await references.known(conn, "users"))
        raise Refused(f"there is no user {username}; {near}")
    return user


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


def _show(password: str, generated: bool) -> None:
    if generated:
        typer.echo(f"password, shown this once: {password}")


def _password(username: str, generate: bool) -> str:
    if generate:
        return passwords.generated()
    given = secret("Password", confirm=True)
    if why := passwords.objection(given, username):
        _end(why)
    return given


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
