"""Reading Grafana's history and its active state: what lost posts would have told.

First the history, which knows what came and went, both ends to the millisecond; then the state,
which knows what fires now. Each look also tells whether Grafana evaluates at all, which decides who
is in charge.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from glue import store
from glue.alerts.history import History
from glue.alerts.intake import Intake, Outcome
from glue.core import charge as charging
from glue.core.charge import Charge, Look
from glue.core.endings import missing
from glue.core.episodes import Change
from glue.core.grafana_alerts import State, read_state
from glue.core.occurrences import Observation, Occurrence
from glue.core.provisioning import CONTACT_POINT
from glue.grafana import Grafana, GrafanaError
from glue.settings import Settings
from glue.store import alerts as rows
from glue.store import heartbeats

log = structlog.get_logger()

AT_ONCE = 1000
"""Observations out of the history recorded in one transaction."""

LOOKS_UNLISTED = 2
"""In so many looks one after another Grafana must not list an instance of somebody else's rule that
it did list, before its alert is over: a rule that is being replaced is away for a moment."""


class Watch:
    """Looks at Grafana; knows who is in charge. ``grafana`` None: there is none."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        grafana: Grafana | None,
        intake: Intake,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._grafana = grafana
        self._intake = intake
        self._clock = clock
        self._every = settings.glue.pull_interval
        self._interval = timedelta(seconds=settings.glue.evaluation_interval)
        self._stale_after = timedelta(seconds=settings.rules.stale_after)
        self.charge: Charge = charging.at_start(clock(), grafana is not None)
        self._wanted = asyncio.Event()
        self._trouble = ""
        self._post_errors: list[str] = []
        self._history = History(pool, grafana) if grafana is not None else None
        self._history_trouble = ""
        self._unlisted: dict[tuple[str, str, str], int] = {}

    def look_soon(self) -> None:
        """Look without waiting for the period: a post was cut off."""
        self._wanted.set()

    async def run(self) -> None:
        """Look at start, then every period, until cancelled."""
        while True:
            self._wanted.clear()
            try:
                await self.look()
            except store.StoreUnavailable as error:
                self._say("pull.store_unavailable", str(error))
            try:
                async with asyncio.timeout(self._every):
                    await self._wanted.wait()
            except TimeoutError:
                pass

    async def look(self) -> Outcome:
        """One look: judge who is in charge, then record what Grafana's state says."""
        state, look = await self._read()
        before = self.charge
        self.charge = charging.judge(before, look, self._interval)
        if self.charge.evaluator != before.evaluator:
            log.warning(
                "evaluator.changed", evaluator=self.charge.evaluator, reason=self.charge.reason
            )
        outcome = Outcome()
        if state is not None and self.charge.evaluator == "grafana":
            outcome = await self._record(state)
        await self._beat(look)
        return outcome

    async def _read(self) -> tuple[State | None, Look]:
        now = self._clock()
        if self._grafana is None:
            return None, Look(now, None, self.charge.reason)
        try:
            state = read_state(await self._grafana.rule_state())
        except GrafanaError as error:
            self._say("pull.failed", str(error))
            return None, Look(now, None, str(error))
        self._say("pull.works", "")
        with contextlib.suppress(GrafanaError):  # an extra; the state itself was read
            self._post_errors = await self._grafana.receiver_errors(CONTACT_POINT)
        return state, Look(now, state.oldest, state.trouble)

    async def _record(self, state: State) -> Outcome:
        changes = await self._catch_up()
        now = self._clock()
        async with store.transaction(self._pool) as conn:
            await rows.repeated(conn, {metric for metric, _, _ in state.held}, now, listed=True)
            held = await rows.firing(conn)
            claimed = await rows.listed(conn)
        fires = {(*o.pair, o.severity) for o in state.firing} | state.held
        gone = missing(held, fires, state.evaluated_at)
        gone += [(one, now) for one in self._no_longer_listed(held, claimed, state)]
        # An instance that Grafana lists as normal has recovered; one it does not list at all is far
        # on the safe side, or has lost its series or its limit.
        ended = [_ended(one, at, vanished=not state.is_normal(one)) for one, at in gone]
        over = await self._intake.hold.over(ended)
        outcome = await self._intake.take([*state.firing, *over])
        return Outcome([*changes, *outcome.changes], outcome.seen)

    async def _catch_up(self) -> list[Change]:
        """Record what the history tells since the last look. Without it the state is recorded all
        the same, and the next look reads from where this one would have."""
        assert self._history is not None
        try:
            read = await self._history.read(self._clock())
        except GrafanaError as error:
            if str(error) != self._history_trouble:
                log.warning("history.failed", reason=str(error))
            self._history_trouble = str(error)
            return []
        self._history_trouble = ""
        changes: list[Change] = []
        for first in range(0, len(read.observations), AT_ONCE):
            part = read.observations[first : first + AT_ONCE]
            changes += (await self._intake.take(part)).changes
        await self._history.done(read)
        return changes

    def _no_longer_listed(
        self, held: list[Occurrence], listed: set[str], state: State
    ) -> list[Occurrence]:
        """What fires by somebody else's rule that Grafana listed and lists no more. Of what it
        never listed it says nothing: another organisation's, say, or Alertmanager's."""
        self._unlisted = {
            one.key: self._unlisted.get(one.key, 0) + 1
            for one in held
            if one.metric in listed and one.metric not in state.others
        }
        return [one for one in held if self._unlisted.get(one.key, 0) >= LOOKS_UNLISTED]

    async def _beat(self, look: Look) -> None:
        details: dict[str, Any] = {
            "evaluator": self.charge.evaluator,
            "since": self.charge.since.isoformat(),
            "reason": self.charge.reason,
        }
        async with store.transaction(self._pool) as conn:
            if not look.trouble:
                await heartbeats.beat(conn, "pull", look.at, {"posts_fail_of": self._post_errors})
                if not self._post_errors:
                    await heartbeats.beat(conn, "webhook", look.at, {})
            await heartbeats.beat(conn, "evaluator", look.at, details)
            stale = await rows.mark_stale(conn, look.at - self._stale_after, look.at)
        for alert_id, metric, repeated_at in stale:
            log.warning("alert.stale", alert_id=alert_id, metric=metric, repeated_at=repeated_at)

    def _say(self, event: str, trouble: str) -> None:
        # Once, not at every period.
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning(event, reason=trouble) if trouble else log.info(event)


def _ended(one: Occurrence, at: datetime, *, vanished: bool) -> Observation:
    """The observation that ``one`` was found not to fire any more at ``at``."""
    return Observation(
        metric=one.metric,
        robot_id=one.robot_id,
        severity=one.severity,
        firing=False,
        starts_at=one.starts_at,
        ended_at=at,
        by_look=True,
        seen_at=at,
        origin="pull",
        vanished=vanished,
        fingerprint=one.fingerprint,
    )
