"""Reading Grafana's active state: what a lost post would have told.

Each look also tells whether Grafana evaluates at all, which decides who is in charge.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from glue import store
from glue.alerts.intake import Intake, Outcome
from glue.core import charge as charging
from glue.core.charge import Charge, Look
from glue.core.episodes import Instance, Observation, missing
from glue.core.grafana_alerts import State, read_state
from glue.core.provisioning import CONTACT_POINT
from glue.grafana import Grafana, GrafanaError
from glue.settings import Settings
from glue.store import alerts as rows
from glue.store import heartbeats

log = structlog.get_logger()


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
        self.charge: Charge = charging.at_start(clock(), grafana is not None)
        self._wanted = asyncio.Event()
        self._trouble = ""
        self._post_errors: list[str] = []

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
        async with store.transaction(self._pool) as conn:
            held = await rows.firing(conn)
        fires = {(*o.pair, o.severity) for o in state.firing} | state.held
        evaluated = state.others | state.evaluated
        gone = [_ended(instance, state) for instance in missing(held, fires, evaluated)]
        # An instance that Grafana lists as normal has recovered; one it does not list at all has
        # lost its series or its limit.
        vanished = state.vanished | {(*o.pair, o.severity) for o in gone} - state.normal
        unlisted = [o for o in gone if (*o.pair, o.severity) in vanished]
        listed = [o for o in gone if (*o.pair, o.severity) not in vanished]
        gone = [*unlisted, *await self._intake.hold.over(listed)]
        return await self._intake.take([*state.firing, *gone], vanished)

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

    def _say(self, event: str, trouble: str) -> None:
        # Once, not at every period.
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning(event, reason=trouble) if trouble else log.info(event)


def _ended(instance: Instance, state: State) -> Observation:
    """The observation that ``instance`` no longer fires."""
    at = state.evaluated_at(instance.metric, instance.severity)
    assert at is not None, "an instance of a rule that is not evaluated is not missing"
    return Observation(
        metric=instance.metric,
        robot_id=instance.robot_id,
        severity=instance.severity,
        firing=False,
        starts_at=instance.starts_at,
        ended_at=at,
        seen_at=at,
        origin="pull",
        fingerprint=instance.fingerprint,
    )
