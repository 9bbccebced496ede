"""The one check of a user name and a password, for every door that asks for them.

``doorkeeper.admit(Attempt(...))`` gives the user, or raises what the door turns into its own kind
of answer: :class:`WrongCredentials` or :class:`TooManyTries`. Throttle, records and the renewal of
old hashes are the same at all doors.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass

from glue import store
from glue.api.conventions.clients import Client
from glue.core import demo, passwords
from glue.core.folding import Folding
from glue.core.login_throttle import LoginThrottle, Try
from glue.settings import Glue
from glue.store import audit, sessions, users
from glue.store.users import User

AT_ONCE = 2
"""Passwords checked side by side: each takes 64 MiB and a processor core for a moment."""


class SignInRefused(Exception):
    """Nobody is let in; the text says why, as far as outsiders may know."""


class WrongCredentials(SignInRefused):
    """Unknown user, wrong password and deactivated user look alike from outside."""

    def __init__(self) -> None:
        super().__init__("User name or password is wrong.")


class TooManyTries(SignInRefused):
    """Too many failures; ``wait`` seconds until the next try."""

    def __init__(self, wait: float) -> None:
        self.wait = math.ceil(wait)
        super().__init__(f"Too many failed logins; try again in {self.wait} seconds.")


@dataclass(frozen=True)
class Attempt:
    """A user name and a password as they arrived, and from whom."""

    username: str
    password: str
    client: Client


class Doorkeeper:
    """Checks passwords, few at a time, off the event loop."""

    def __init__(self, pool: store.Pool, settings: Glue) -> None:
        self._pool = pool
        self._demo = settings.demo
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._throttle = LoginThrottle()
        self._refusals = Folding()

    async def admit(self, attempt: Attempt, what: str = "logged in") -> User:
        """The user, active and with this password. Recorded in ``system_logs`` either way, as
        ``<user> <what>``. Raises :class:`WrongCredentials`, :class:`TooManyTries` and
        ``StoreUnavailable``.
        """
        async with store.transaction(self._pool) as conn:
            known = await sessions.known_address(conn, attempt.username, attempt.client.address)
            user = await users.by_username(conn, attempt.username)
        tried = Try(attempt.client.address, attempt.username, known)
        if wait := self._throttle.begin(tried, time.monotonic()):
            await self._refuse_for_now(attempt, wait)
            raise TooManyTries(wait)
        try:
            checked = await self._checked(attempt, user)
            admitted = await self._record(attempt, user, checked, what)
        except BaseException:
            # PostgreSQL went away, or the client: nobody has failed.
            self._throttle.withdrawn(tried)
            raise
        if admitted is None:
            raise WrongCredentials
        self._throttle.succeeded(tried)
        return admitted

    async def hashed(self, password: str) -> str:
        """The hash to keep of a new password, made off the event loop, few at a time."""
        async with self._slots:
            return await asyncio.to_thread(passwords.hashed, password)

    async def _checked(self, attempt: Attempt, user: User | None) -> passwords.Checked:
        kept = user.password_hash if user else None
        if demo.is_documented(attempt.password):
            if user and self._documented_opens(attempt):
                return passwords.Checked(True)
            kept = None
        async with self._slots:
            return await asyncio.to_thread(passwords.check, attempt.password, kept)

    def _documented_opens(self, attempt: Attempt) -> bool:
        here = attempt.client.from_here
        return demo.opens(attempt.username, attempt.password, demo=self._demo, from_here=here)

    async def _record(
        self, attempt: Attempt, user: User | None, checked: passwords.Checked, what: str
    ) -> User | None:
        """Write down what came of it; the user as the table has it now, when admitted."""
        address = attempt.client.address
        async with store.transaction(self._pool) as conn:
            if user and checked.right and user.is_active:
                if checked.renewed:
                    await users.replace_hash(conn, user, checked.renewed)
                    user = await users.by_id(conn, user.id) or user
                details = {"username": user.username, "address": address}
                await audit.record(conn, "auth", f"{user.username} {what}", details=details)
                return user
            why = self._reason(attempt, user, checked)
            details = {"username": attempt.username, "address": address, "reason": why}
            message = f"login refused: {why}"
            await audit.record(conn, "auth", message, level="WARNING", details=details)
        return None

    def _reason(self, attempt: Attempt, user: User | None, checked: passwords.Checked) -> str:
        if user is None:
            return "no such user"
        if checked.right:
            return "deactivated"
        if demo.is_documented(attempt.password):
            return "a documented password, which opens only in demo mode on its own machine"
        return "wrong password"

    async def _refuse_for_now(self, attempt: Attempt, wait: float) -> None:
        """Recorded once a minute for each address and name; guessing must not fill the disk."""
        address, name = attempt.client.address, attempt.username
        times = self._refusals.times((address, name.casefold()), time.monotonic())
        if not times:
            return
        details = {"username": name, "address": address, "wait_s": math.ceil(wait), "times": times}
        async with store.transaction(self._pool) as conn:
            message = "login refused: too many failures"
            await audit.record(conn, "auth", message, level="WARNING", details=details)
