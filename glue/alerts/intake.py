"""The one door through which every observation becomes a record.

Push, pull and standby all end here: what is missing is looked up (value, limit, worst servo, why
it ended), :mod:`glue.core.episodes` decides, and one transaction writes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from glue import store
from glue.alerts import lookup
from glue.alerts.hold import Hold
from glue.core import episodes, hysteresis
from glue.core.episodes import Change, Known
from glue.core.occurrences import Observation
from glue.series import Query, SeriesError
from glue.store import alerts as rows

log = structlog.get_logger()

LOOKUP_TIMEOUT = 3.0
"""Seconds. An alert without its worst servo is better than a post that Grafana gives up on."""

Pair = tuple[str, str]
"""(metric, robot)"""

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
        seen = [replace(o, vanished=o.vanished or _key(o) in vanished) for o in seen]
        since = _since(seen)
        async with store.transaction(self._pool) as conn:
            before = await rows.known(conn, since)
            news = _news(before, seen)
            if not news:
                await _note_repeats(conn, seen)
        if not news:
            return Outcome([], len(seen))
        facts = await lookup.facts(self._pool, news)
        news = await self._complete(news, facts, before)
        async with store.transaction(self._pool) as conn:
            await rows.lock(conn)
            known = await rows.known(conn, since)
            held = {one.id: one for pair in known.values() for one in pair.occurrences}
            changes = [lookup.reworded(c, facts) for c in _decide(known, news)]
            changes = _with_ids(changes, known, await rows.new_ids(conn, _opened(changes)))
            fired = [o for pair in known.values() for o in pair.occurrences if held.get(o.id) != o]
            await rows.write(conn, changes, fired)
            await _note_repeats(conn, seen)
        for change in changes:
            _log(change)
        return Outcome(changes, len(seen))

    async def _complete(
        self, news: list[Observation], facts: lookup.Facts, before: Mapping[Pair, Known]
    ) -> list[Observation]:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                found = await lookup.ask(self._series, {one.pair for one in news})
        except (SeriesError, TimeoutError) as error:
            log.warning("alert.lookup_failed", error=str(error) or type(error).__name__)
            found = lookup.Found()
        return [lookup.complete(o, facts, found, before[o.pair]) for o in news]


async def _note_repeats(conn: Any, seen: Sequence[Observation]) -> None:
    """Alerts of rules that are not ours live on being repeated."""
    at = max(o.seen_at for o in seen)
    await rows.repeated(conn, {o.metric for o in seen if o.firing}, at)


def _since(seen: Iterable[Observation]) -> dict[Pair, datetime]:
    """The earliest moment that ``seen`` speaks of, by (metric, robot)."""
    since: dict[Pair, datetime] = {}
    for one in seen:
        first = min(one.starts_at, one.stopped_at)
        since[one.pair] = min(since.get(one.pair, first), first)
    return dict(sorted(since.items()))


def _news(known: Mapping[Pair, Known], seen: Iterable[Observation]) -> list[Observation]:
    """What is new of each (metric, robot), in its order."""
    by_pair: dict[Pair, list[Observation]] = {}
    for one in seen:
        if not hysteresis.is_denied(one, known[one.pair].occurrences):
            by_pair.setdefault(one.pair, []).append(one)
    return [one for pair, told in by_pair.items() for one in episodes.news(known[pair], told)]


def _key(seen: Observation) -> tuple[str, str, str]:
    return *seen.pair, seen.severity


def _decide(known: Mapping[Pair, Known], news: Iterable[Observation]) -> list[Change]:
    provisional = itertools.count(-1, -1)
    changes = []
    for observation in news:
        changes += episodes.decide(known[observation.pair], observation, provisional)
    return changes


def _opened(changes: Iterable[Change]) -> int:
    return sum(1 for change in changes if change.kind == "opened")


def _with_ids(changes: list[Change], known: Mapping[Pair, Known], ids: list[int]) -> list[Change]:
    """Replace provisional (negative) ids by those of the database."""
    real = dict(zip((c.episode.id for c in changes if c.kind == "opened"), ids, strict=True))
    for state in known.values():
        state.occurrences = tuple(
            replace(o, alert_id=real[o.alert_id]) if o.alert_id in real else o
            for o in state.occurrences
        )
    return [
        replace(
            change,
            episode=replace(change.episode, id=real.get(change.episode.id, change.episode.id)),
            into=real.get(change.into, change.into) if change.into is not None else None,
        )
        for change in changes
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
