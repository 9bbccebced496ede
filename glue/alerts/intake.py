"""The one door through which every observation becomes a record.

Push, pull and standby all end here: what is missing is looked up (value, limit, worst servo, why
it ended), :mod:`glue.core.episodes` decides, and one transaction writes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

import structlog

from glue import store
from glue.alerts import lookup
from glue.alerts.hold import Hold
from glue.core import episodes, hysteresis
from glue.core.episodes import Change, Known, Observation
from glue.series import Query, SeriesError
from glue.store import alerts as rows

log = structlog.get_logger()

LOOKUP_TIMEOUT = 3.0
"""Seconds. An alert without its worst servo is better than a post that Grafana gives up on."""

Vanished = Set[tuple[str, str, str]]
"""(metric, robot, severity) whose series was gone, rather than back on the safe side."""


@dataclass(frozen=True)
class Outcome:
    """What became of a batch."""

    changes: list[Change] = field(default_factory=list)
    seen: int = 0

    def count(self, kind: str) -> int:
        return sum(1 for change in self.changes if change.kind == kind)


class Intake:
    """Takes observations of any origin. Raises ``StoreUnavailable`` when PostgreSQL is away:
    nothing was written then, and the same batch may be taken again."""

    def __init__(self, pool: store.Pool, series: Query) -> None:
        self._pool = pool
        self._series = series
        self.hold = Hold(pool, series)

    async def take(
        self,
        seen: Sequence[Observation],
        vanished: Vanished = frozenset(),
    ) -> Outcome:
        """Record what is new in ``seen``."""
        if not seen:
            return Outcome()
        pairs = sorted({observation.pair for observation in seen})
        async with store.transaction(self._pool) as conn:
            before = await rows.known(conn, pairs)
            now = await rows.circumstances(conn, pairs)
            limits = await rows.limits(conn, pairs)
        news = [
            o
            for o in seen
            if episodes.is_news(before[o.pair], o)
            and ((*o.pair, o.severity) in vanished or not hysteresis.is_denied(o, before[o.pair]))
        ]
        if not news:
            return Outcome([], len(seen))
        facts = lookup.Facts(now, limits, vanished)
        news = await self._complete(news, facts)
        async with store.transaction(self._pool) as conn:
            await rows.lock(conn)
            known = await rows.known(conn, pairs)
            changes = [lookup.reworded(c, facts) for c in _decide(known, news)]
            changes = _with_ids(changes, known, await rows.new_ids(conn, _opened(changes)))
            touched = {(o.pair, o.severity) for o in news}
            instances = [known[p].instances[s] for p, s in touched if s in known[p].instances]
            await rows.write(conn, changes, instances)
        for change in changes:
            _log(change)
        return Outcome(changes, len(seen))

    async def _complete(self, news: list[Observation], facts: lookup.Facts) -> list[Observation]:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                found = await lookup.ask(self._series, news)
        except (SeriesError, TimeoutError) as error:
            log.warning("alert.lookup_failed", error=str(error) or type(error).__name__)
            found = lookup.Found()
        return [lookup.complete(o, facts, found) for o in news]


def _decide(known: dict[tuple[str, str], Known], news: Iterable[Observation]) -> list[Change]:
    provisional = itertools.count(-1, -1)
    changes = []
    for observation in news:
        changes += episodes.decide(known[observation.pair], observation, provisional)
    return changes


def _opened(changes: Iterable[Change]) -> int:
    return sum(1 for change in changes if change.kind == "opened")


def _with_ids(
    changes: list[Change], known: dict[tuple[str, str], Known], ids: list[int]
) -> list[Change]:
    """Replace provisional (negative) ids by those of the database."""
    real = dict(zip((c.episode.id for c in changes if c.kind == "opened"), ids, strict=True))
    for state in known.values():
        for severity, instance in state.instances.items():
            if instance.alert_id in real:
                state.instances[severity] = replace(instance, alert_id=real[instance.alert_id])
    return [
        replace(c, episode=replace(c.episode, id=real.get(c.episode.id, c.episode.id)))
        for c in changes
    ]


def _log(change: Change) -> None:
    log.info(
        f"alert.{change.kind}",
        alert_id=change.episode.id,
        metric=change.episode.metric,
        robot_id=change.episode.robot_id or None,
        severity=change.severity,
        value=change.cause.value,
        limit=change.cause.limit,
        origin=change.cause.origin,
        reason=change.episode.reason,
    )
