"""The first three users, and what must be true of documented passwords before the service opens."""

from __future__ import annotations

import asyncio

import structlog
from pydantic import SecretStr

from glue import store
from glue.core import demo, passwords
from glue.core.roles import ROLES, Role
from glue.settings import Glue, Settings, SettingsError
from glue.store import audit, users
from glue.store.users import User

log = structlog.get_logger()


async def ensure(pool: store.Pool, settings: Settings) -> list[User]:
    """Make ``admin``, ``operator`` and ``viewer`` with the passwords of the settings while there is
    no user at all.

    Empty when there was somebody already, or when the admin's password is not set (said in the
    log); an operator or viewer without a password is left out. Raises :class:`SettingsError` for a
    password that is no password, ``StoreUnavailable``.
    """
    if settings.glue.demo:
        log.warning("users.demo", why="the documented passwords open, from this machine alone")
    async with store.transaction(pool) as conn:
        if not await users.nobody_yet(conn):
            return []
        given = _given(settings.glue)
        if not given["admin"]:
            log.warning("users.none", do="set GLUE_ADMIN_PASSWORD and restart, to log in as admin")
            return []
        made = []
        for role in reversed(ROLES):
            if (password := given[role]) and (user := await _add(conn, role, password)):
                made.append(user)
        return made


async def find_documented_passwords(pool: store.Pool) -> list[str]:
    """Names of active users who have the documented password of their name, as an older
    installation may have left them. Said loudly, and recorded: the sign-in refuses these passwords
    (:mod:`glue.core.demo`)."""
    async with store.transaction(pool) as conn:
        asked = [await users.by_username(conn, name) for name in demo.DOCUMENTED]
    found = []
    for user in asked:
        if user and user.is_active:
            documented = demo.DOCUMENTED[user.username.casefold()]
            checked = await asyncio.to_thread(passwords.check, documented, user.password_hash)
            if checked.right:
                found.append(user.username)
    for name in found:
        log.error(
            "users.documented_password",
            user=name,
            why="everybody knows this password, so it is refused",
            do=f"give another: tonypi users password {name}",
        )
    if found:
        async with store.transaction(pool) as conn:
            message = f"refused until changed: the documented password of {', '.join(found)}"
            details = {"usernames": found}
            await audit.record(conn, "auth", message, level="ERROR", details=details)
    return found


async def _add(conn, role: Role, password: str) -> User | None:  # type: ignore[no-untyped-def]
    if why := passwords.objection(password):
        raise SettingsError(f"unusable setting: {_setting(role)}: {why}")
    user = await users.add(
        conn,
        username=role,
        email=f"{role}@localhost",
        password_hash=await asyncio.to_thread(passwords.hashed, password),
        role=role,
    )
    if user:
        await audit.record(conn, "auth", f"first user {role} made from {_setting(role)}")
    return user


def _given(settings: Glue) -> dict[Role, str]:
    kept: dict[Role, SecretStr] = {
        "admin": settings.admin_password,
        "operator": settings.operator_password,
        "viewer": settings.viewer_password,
    }
    return {role: secret.get_secret_value() for role, secret in kept.items()}


def _setting(role: Role) -> str:
    return f"GLUE_{role.upper()}_PASSWORD"
