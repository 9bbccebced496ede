"""Logging in, and the first user."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from glue import store
from glue.core import passwords
from glue.settings import Settings, SettingsError
from glue.store import audit, users
from glue.store.users import User

log = structlog.get_logger()

FIRST_USER = "admin"
FIRST_EMAIL = "admin@localhost"

AT_ONCE = 2
"""Passwords checked side by side: each takes 64 MiB and a processor core for a moment."""


@dataclass(frozen=True)
class Attempt:
    """A login as it arrived. ``address`` is the caller's."""

    username: str
    password: str
    address: str


class Doorkeeper:
    """Checks passwords, few at a time, off the event loop."""

    def __init__(self, pool: store.Pool) -> None:
        self._pool = pool
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def admit(self, attempt: Attempt) -> User | None:
        """The user, or None: unknown, wrong password and deactivated look alike from outside.

        Recorded in ``system_logs`` either way. A hash of an older kind is renewed.
        Raises ``StoreUnavailable``.
        """
        async with store.transaction(self._pool) as conn:
            user = await users.by_username(conn, attempt.username)
        kept = user.password_hash if user else None
        async with self._slots:
            checked = await asyncio.to_thread(passwords.check, attempt.password, kept)
        async with store.transaction(self._pool) as conn:
            if user and checked.right and user.is_active:
                if checked.renewed:
                    await users.replace_hash(conn, user, checked.renewed)
                details = {"username": user.username, "address": attempt.address}
                await audit.record(conn, "auth", f"{user.username} logged in", details=details)
                return user
            why = _reason(user, checked)
            details = {"username": attempt.username, "address": attempt.address, "reason": why}
            message = f"login refused: {why}"
            await audit.record(conn, "auth", message, level="WARNING", details=details)
        return None


async def ensure_first_user(pool: store.Pool, settings: Settings) -> User | None:
    """Make the user ``admin`` with ``GLUE_ADMIN_PASSWORD`` while there is no user at all.

    None when there was somebody already, or when the password is not set (said in the log). Raises
    :class:`SettingsError` for a password that is no password, ``StoreUnavailable``.
    """
    async with store.transaction(pool) as conn:
        if not await users.nobody_yet(conn):
            return None
        password = settings.glue.admin_password.get_secret_value()
        if not password:
            log.warning("users.none", do="set GLUE_ADMIN_PASSWORD and restart, to log in as admin")
            return None
        if why := passwords.objection(password):
            raise SettingsError(f"unusable setting: GLUE_ADMIN_PASSWORD: {why}")
        user = await users.add(
            conn,
            username=FIRST_USER,
            email=FIRST_EMAIL,
            password_hash=await asyncio.to_thread(passwords.hashed, password),
            role="admin",
        )
        await audit.record(conn, "auth", f"first user {FIRST_USER} made from GLUE_ADMIN_PASSWORD")
        return user


def _reason(user: User | None, checked: passwords.Checked) -> str:
    if user is None:
        return "no such user"
    return "deactivated" if checked.right else "wrong password"
