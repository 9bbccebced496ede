"""Reading Grafana's history: what fired and ended while nobody looked, both ends of it.

Each look at Grafana's state reads on from where the last one stopped (heartbeat ``history``), two
minutes of it twice. So it costs one small request, after a long stop as many as there are pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from glue import store
from glue.core import alert_history
from glue.core.alert_history import Window
from glue.core.occurrences import Observation
from glue.store import heartbeats

PAGE = 1000
"""Changes of state asked for at once."""

HEARTBEAT = "history"


class Source(Protocol):
    """Where pages come from: :class:`glue.grafana.Grafana`."""

    async def alert_history(
        self, since_ms: int, until_ms: int, limit: int
    ) -> list[dict[str, Any]]: ...

    async def rule_uids(self) -> dict[int, str]: ...


@dataclass(frozen=True)
class Read:
    """What was read, and up to when; kept with :meth:`History.done` once it is recorded."""

    observations: Sequence[Observation]
    since: datetime
    until: datetime


class History:
    """Reads on from where the last reading stopped."""

    def __init__(self, pool: store.Pool, source: Source) -> None:
        self._pool = pool
        self._source = source
        self._uids: dict[int, str] = {}

    async def read(self, now: datetime) -> Read:
        """All that happened since the last reading. Raises ``GrafanaError``, ``StoreUnavailable``.

        The first time there is nothing to read: what fires now is in Grafana's state.
        """
        async with store.transaction(self._pool) as conn:
            last = (await heartbeats.read(conn)).get(HEARTBEAT)
        if last is None:
            return Read((), now, now)
        since = datetime.fromisoformat(last.details["since"])
        rows = await pages(self._source, alert_history.window(last.at, since, now))
        turns = alert_history.turns(rows, await self._rules(rows))
        found = alert_history.observations(turns, now)
        return Read(list(found), since, now)

    async def _rules(self, rows: list[dict[str, Any]]) -> dict[int, str]:
        """The uids of the rules of ``rows``, asked for when there is one that was not there before;
        '' of one that is gone."""
        ids = {row.get("alertId", 0) for row in rows}
        if not ids <= self._uids.keys():
            self._uids = dict.fromkeys(ids, "") | await self._source.rule_uids()
        return self._uids

    async def done(self, read: Read) -> None:
        """What ``read`` holds is recorded. Raises ``StoreUnavailable``."""
        async with store.transaction(self._pool) as conn:
            details = {"since": read.since.isoformat()}
            await heartbeats.beat(conn, HEARTBEAT, read.until, details)


async def pages(source: Source, window: Window, limit: int = PAGE) -> list[dict[str, Any]]:
    """Every begin and end in ``window``; other rows, of which there may be hundreds of thousands,
    are not kept. A full page may have left some out: then its halves are read. Those of one
    millisecond are one evaluation's; they are asked for until they fit."""
    found: dict[Any, dict[str, Any]] = {}
    waiting = [(window, limit)]
    while waiting:
        one, most = waiting.pop()
        rows = await source.alert_history(one.start, one.end, most)
        if len(rows) < most:
            found |= {row["id"]: row for row in rows if alert_history.is_turn(row)}
        elif halves := one.halves():
            waiting += [(half, most) for half in halves]
        else:
            waiting.append((one, most * 4))
    return list(found.values())
