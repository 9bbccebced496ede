"""The reconciler: look, compare, write what differs, look again.

Woken by what changes in PostgreSQL, and by a period, which is the truth: what somebody changed in
Grafana tells nobody. One process writes at a time; each look is taken under the lock, so that what
another has done is no difference any more. A write whose answer is lost is not repeated but looked
for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from glue import store
from glue.changes import Changes
from glue.core.grafana_change import Change, Plan, said
from glue.core.grafana_plan import plan
from glue.core.reloads import Reloads
from glue.grafana import Grafana, GrafanaError, GrafanaUnavailable
from glue.settings import PROJECT, Settings
from glue.store import grafana_objects, heartbeats, lock
from glue.sync.apply import Writer
from glue.sync.files import FilesError
from glue.sync.report import HEARTBEAT
from glue.sync.states import Looked, look

log = structlog.get_logger()

TABLES = ("users", "robots", "alert_thresholds", "grafana_objects")
ROUNDS = 5
"""Looks in one go: a reload makes a folder, whose permissions the next look finds wanting."""
SETTLE_S = 0.1
"""Changes come in bunches."""
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
UNKNOWN = 401
"""Grafana does not know us: no write will be taken."""
BUSY_S = 1.0
"""So long another one is left to write before it is looked again: it may have looked before what
woke us."""


class Busy(Exception):
    """Another process is writing to Grafana now."""


@dataclass
class Outcome:
    """What one go did. ``requests`` and ``writes`` to Grafana; ``left`` is what still differs,
    ``refused`` says why Grafana did not take a change."""

    done: list[Change] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    left: Plan = field(default_factory=Plan)
    seconds: float = 0.0
    requests: int = 0
    writes: int = 0


class Reconciler:
    """Keeps one Grafana in step with one PostgreSQL and the files of ``checkout``."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        grafana: Grafana,
        checkout: Path = PROJECT,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._grafana = grafana
        self._checkout = checkout
        self._clock = clock
        self._reloads = Reloads()
        self._trouble = ""

    async def plan(self) -> Plan:
        """What an apply would do; writes nothing. Raises ``GrafanaError``, ``StoreUnavailable``,
        ``FilesError``."""
        _, found = await self._look()
        return found

    async def apply(self, *, prune: bool = False) -> Outcome:
        """Do it, until nothing differs. Raises as :meth:`plan` does, and :class:`Busy`."""
        calls = self._grafana.calls
        began, requests, writes = time.monotonic(), calls.requests, calls.writes
        outcome = Outcome()
        async with lock.only_one(self._settings.postgres.dsn, HEARTBEAT) as held:
            if held is None:
                raise Busy("another process is writing to Grafana now; try again")
            for _ in range(ROUNDS):
                seen, outcome.left = await self._look()
                await self._remember(seen)
                self._reloads.looked(seen.wanted.files.keys(), outcome.left.changes)
                todo = self._reloads.worth(outcome.left.changes, time.monotonic())
                todo += outcome.left.leftovers if prune else ()
                if not todo or not await self._write(todo, seen, held, outcome):
                    break
        outcome.seconds = time.monotonic() - began
        outcome.requests, outcome.writes = calls.requests - requests, calls.writes - writes
        return outcome

    async def _remember(self, seen: Looked) -> None:
        """What Grafana shows of our accounts."""
        if seen.wanted.root is None:
            ours = {number for (kind, _), number in seen.owned.items() if kind == "user"}
            async with store.transaction(self._pool) as conn:
                accounts = seen.running.accounts.values()
                await grafana_objects.shown(conn, [one for one in accounts if one.id in ours])

    async def _write(
        self, todo: list[Change], seen: Looked, held: lock.Held, outcome: Outcome
    ) -> bool:
        """Whether anything was written. What Grafana refuses stops nothing else."""
        writer = Writer(self._pool, self._grafana, seen, self._checkout)
        outcome.refused.clear()
        written = False
        for change in todo:
            await held.check()
            try:
                await writer.write(change)
            except FilesError as error:
                outcome.refused.append(f"{said(change)}: {error}")
            except GrafanaError as error:
                if isinstance(error, GrafanaUnavailable) or error.status == UNKNOWN:
                    raise
                outcome.refused.append(f"{said(change)}: {error}")
            else:
                self._reloads.done(change, time.monotonic())
                outcome.done.append(change)
                written = True
        return written

    async def run(self, changes: Changes) -> None:
        """Until cancelled. What is away is waited for."""
        failures = 0
        period = self._settings.grafana.sync_interval
        with changes.subscribe(TABLES) as feed:
            while True:
                try:
                    failures = 0 if await self._go() else failures + 1
                    wait = BACKOFF_S[min(failures, len(BACKOFF_S)) - 1] if failures else period
                except Busy:
                    wait = BUSY_S
                if await feed.next(min(wait, period)):
                    await asyncio.sleep(SETTLE_S)

    async def _go(self) -> bool:
        """Whether it could be compared and written. Raises :class:`Busy`."""
        try:
            outcome = await self.apply()
        except (GrafanaError, store.StoreUnavailable, FilesError) as error:
            self._say(str(error))
            await self._beat({"error": str(error)})
            return False
        self._say("")
        for change in outcome.done:
            log.info("sync.wrote", kind=change.kind, verb=change.verb, name=change.name)
        await self._beat(
            {
                "seconds": round(outcome.seconds, 3),
                "requests": outcome.requests,
                "writes": outcome.writes,
                "drift": len(outcome.left.changes),
                "refused": outcome.refused,
                "conflicts": [f"{c.kind} {c.name}: {c.why}" for c in outcome.left.conflicts],
                "leftovers": len(outcome.left.leftovers),
                "others": outcome.left.others,
            }
        )
        return True

    async def _look(self) -> tuple[Looked, Plan]:
        now = self._clock()
        seen = await look(self._settings, self._pool, self._grafana, self._checkout, now)
        return seen, plan(seen.wanted, seen.running, seen.owned)

    async def _beat(self, details: dict[str, Any]) -> None:
        """The result of the last go, for `tonypi sync status`."""
        try:
            async with store.transaction(self._pool) as conn:
                await heartbeats.beat(conn, HEARTBEAT, self._clock(), details)
        except store.StoreUnavailable as error:
            self._say(str(error))

    def _say(self, trouble: str) -> None:
        """A failure that repeats is logged once, and its end."""
        if trouble and not self._trouble:
            log.warning("sync.failed", why=trouble)
        elif self._trouble and not trouble:
            log.info("sync.works_again")
        self._trouble = trouble
