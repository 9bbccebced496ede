"""Telling people that PostgreSQL is away, from a copy of routes and targets on disk.

While PostgreSQL is there the copy is held up to date; addresses stay sealed in it. While it is away
the copy says who is told, once each, over restarts too: how far that went stands beside it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from glue import store
from glue.core import database_outage as outages
from glue.core import routes, sealing
from glue.core.database_outage import Outage
from glue.core.messages import Message
from glue.core.routes import Route
from glue.messengers.apprise import BadTarget, Messenger, NotDelivered
from glue.settings import Settings
from glue.store import audit, notifications

log = structlog.get_logger()

LOOK_S = 5.0
"""Between two looks whether PostgreSQL is there."""
ANSWER_S = 6.0
"""Longer than the pool waits for a connection."""


@dataclass(frozen=True)
class Contact:
    """A target that is on: its id in routes, its name, its sealed address."""

    id: int
    name: str
    sealed: str


@dataclass(frozen=True)
class Known:
    """Whom to tell, as it was last read."""

    routes: tuple[Route, ...] = ()
    contacts: tuple[Contact, ...] = ()


_KNOWN = TypeAdapter(Known)
_OUTAGE = TypeAdapter(Outage | None)


class Fallback:
    """``await fallback.run()`` until cancelled; :meth:`look` is one look."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        messenger: Messenger,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._messenger = messenger
        self._clock = clock
        self._after = timedelta(seconds=settings.notify.database_away)
        folder = settings.stack.home / "data" / "notify"
        self._contacts = folder / "contacts.json"
        self._progress = folder / "outage.json"
        self._unwritable = False

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def until_reachable(self, stopped: asyncio.Event) -> None:
        """Return when PostgreSQL is there, or the process is to stop."""
        while not await self.look() and not stopped.is_set():
            await asyncio.sleep(1)

    async def look(self) -> bool:
        """Tell what is to be told now; gives whether PostgreSQL is there."""
        before = _read(self._progress, _OUTAGE, None)
        try:
            known = await store.within(ANSWER_S, self._read_known())
        except store.StoreUnavailable:
            outage = outages.seen(before, False, self._clock())
            assert outage is not None
            if outage != before:
                self._write(self._progress, _OUTAGE.dump_json(outage))
            if outages.to_be_told(outage, self._clock(), self._after):
                await self._tell(outage)
            return False
        if known != _read(self._contacts, _KNOWN, None):
            self._write(self._contacts, _KNOWN.dump_json(known))
        if before is not None:
            await self._end(before, known)
        return True

    async def _read_known(self) -> Known:
        async with store.transaction(self._pool) as conn:
            listed = await notifications.routes(conn)
            targets = await notifications.targets(conn)
        contacts = tuple(Contact(t.id, t.name, t.sealed) for t in targets if t.enabled)
        return Known(tuple(listed), contacts)

    async def _tell(self, outage: Outage) -> None:
        now = self._clock()
        known = _read(self._contacts, _KNOWN, Known())
        due = {one.target for one in routes.due(outages.TRANSITION, known.routes, now)}
        waiting = [c for c in known.contacts if c.id in due and c.name not in outage.told]
        if not waiting:
            return
        message = outages.began(outage, now, self._settings.fleet.tz)
        for contact in waiting:
            # Written after each: a crash repeats one message, not all.
            if await self._send(contact, message):
                log.warning("database_outage.told", target=contact.name)
                outage = outages.told(outage, contact.name)
                self._write(self._progress, _OUTAGE.dump_json(outage))
        self._write(self._progress, _OUTAGE.dump_json(outages.tried(outage, self._clock())))

    async def _end(self, outage: Outage, known: Known) -> None:
        now = self._clock()
        if outage.told:
            told = ", ".join(outage.told)
            try:
                async with store.transaction(self._pool) as conn:
                    await audit.record(
                        conn,
                        "system",
                        f"PostgreSQL was away since {outage.since:%Y-%m-%d %H:%M:%S} UTC;"
                        f" {told} were told",
                        level="ERROR",
                        details={"since": outage.since.isoformat(), "told": list(outage.told)},
                    )
            except store.StoreUnavailable:
                return  # away again
        self._progress.unlink(missing_ok=True)
        message = outages.ended(outage, now, self._settings.fleet.tz)
        for contact in known.contacts:
            if contact.name in outage.told:
                await self._send(contact, message)

    async def _send(self, contact: Contact, message: Message) -> bool:
        key = self._settings.notify.secret_key.get_secret_value()
        try:
            await self._messenger.send(sealing.unseal(key, contact.sealed), message)
        except (BadTarget, NotDelivered, sealing.NoKey, sealing.SealedOtherwise) as error:
            log.warning("database_outage.not_told", target=contact.name, why=str(error))
            return False
        return True

    def _write(self, path: Path, text: bytes) -> None:
        fresh = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
            fresh.replace(path)
        except OSError as error:
            if not self._unwritable:
                log.warning("database_outage.no_copy", why=str(error), do="make it writable")
            self._unwritable = True


def _read(path: Path, kind: TypeAdapter, otherwise):  # type: ignore[no-untyped-def, type-arg]
    try:
        return kind.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return otherwise
