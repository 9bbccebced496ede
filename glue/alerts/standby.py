"""The standby evaluator: the same rules, limits and formula as Grafana's, in the glue.

It works where no Grafana is, and takes over when Grafana stops evaluating. Its state is what the
record says: instances that fire are held as firing, whoever saw them first, so neither taking over
nor handing back opens, closes or repeats anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from glue import store
from glue.alerts import rule_inputs
from glue.alerts.intake import Intake
from glue.alerts.pull import Watch
from glue.core.episodes import Observation
from glue.core.evaluation import Verdict, evaluate
from glue.core.rule import Rule, texts
from glue.core.rules import configured
from glue.series import Query, SeriesError
from glue.settings import Settings
from glue.store import alerts as rows
from glue.store import heartbeats

log = structlog.get_logger()


class Standby:
    """Evaluates every rule once a period while it is in charge."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        series: Query,
        intake: Intake,
        watch: Watch,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._series = series
        self._intake = intake
        self._watch = watch
        self._clock = clock
        self._every = settings.glue.evaluation_interval
        self._rules = configured(settings.rules.pending)
        self.verdicts: dict[str, dict[str, Verdict]] = {}
        self._trouble = ""

    async def run(self) -> None:
        """Evaluate at every whole period while in charge, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if self._watch.charge.evaluator == "standby":
                await self._evaluate_and_report()
            else:
                self.verdicts.clear()
            due = max(due + self._every, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _evaluate_and_report(self) -> None:
        try:
            trouble = await self.evaluate()
        except store.StoreError as error:
            trouble = str(error)
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble:
                log.warning("standby.failed", reason=trouble)
            else:
                log.info("standby.works")

    async def evaluate(self) -> str:
        """One evaluation of all rules; what kept some from being evaluated, '' when nothing did.

        A rule whose series cannot be read keeps what it said (as with execErrState KeepLast), and
        the others go on. Raises ``StoreError``; then nothing was said and all is as before.
        """
        now, began = self._clock(), time.monotonic()
        if not self.verdicts:
            await self._remember()
        verdicts: dict[str, dict[str, Verdict]] = {}
        seen: list[Observation] = []
        vanished: set[tuple[str, str, str]] = set()
        cache: dict[str, dict[str, float]] = {}
        trouble = ""
        for rule in self._rules:
            before = self.verdicts.get(rule.uid, {})
            try:
                readings_now = await self._read(rule, cache)
            except SeriesError as error:
                trouble = str(error)
                verdicts[rule.uid] = before
                continue
            limits = await rule_inputs.limits(self._pool, rule)
            # Not before: PostgreSQL may have been waited for, and the readings are of after that.
            now = self._clock()
            after = evaluate(rule, readings_now, limits, before, now)
            for robot_id, verdict in after.items():
                was = before.get(robot_id)
                if verdict.firing or (was is not None and was.firing):
                    seen.append(_observed(rule, robot_id, verdict, now))
                if verdict.vanished:
                    vanished.add((rule.metric, robot_id, rule.severity))
            verdicts[rule.uid] = {r: v for r, v in after.items() if not v.vanished}
        await self._intake.take(seen, vanished)
        # Only now: what was not recorded must be said again.
        self.verdicts = verdicts
        async with store.transaction(self._pool) as conn:
            took = round(time.monotonic() - began, 3)
            await heartbeats.beat(conn, "standby", now, {"trouble": trouble, "seconds": took})
        return trouble

    async def _remember(self) -> None:
        async with store.transaction(self._pool) as conn:
            held = await rows.firing(conn)
        for rule in self._rules:
            self.verdicts[rule.uid] = {
                i.robot_id: Verdict("firing", i.starts_at)
                for i in held
                if (i.metric, i.severity) == (rule.metric, rule.severity)
            }

    async def _read(self, rule: Rule, cache: dict[str, dict[str, float]]) -> dict[str, float]:
        # Both severities of a metric read the same.
        if rule.metric not in cache:
            cache[rule.metric] = await rule_inputs.read(self._pool, self._series, rule)
        return cache[rule.metric]


def _observed(rule: Rule, robot_id: str, verdict: Verdict, now: datetime) -> Observation:
    words = texts(rule, robot_id, verdict.value, verdict.limit)
    return Observation(
        metric=rule.metric,
        robot_id=robot_id,
        severity=rule.severity,
        firing=verdict.firing,
        starts_at=verdict.since,
        ended_at=None if verdict.firing else now,
        seen_at=now,
        origin="standby",
        value=verdict.value,
        limit=verdict.limit,
        alert_type=rule.alert_type,
        title=words.title,
        message=words.message,
        rule_uid=rule.uid,
    )
