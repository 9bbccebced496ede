"""Deciding who is told: transitions become rows of the outbox, and so do escalations and
repetitions when their time has come.

Every decision is made by :mod:`glue.core.routes`, under a lock, in one transaction with the removal
of the note that it was open. What was decided twice is one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from glue import store
from glue.core import messages, routes
from glue.core.flapping import FlapRule
from glue.core.routes import Due, Occasion, Route, Transition
from glue.notify import flaps, quiet
from glue.store import notifications, outbox

AT_ONCE = 500
"""Transitions of one transaction."""


class Router:
    """Fills the outbox."""

    def __init__(
        self,
        pool: store.Pool,
        clock: Callable[[], datetime],
        outage_wait: float = 0,
        flap_rules: flaps.Rules = lambda _: FlapRule(0, timedelta()),
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._outage_wait = outage_wait
        self._flap_rules = flap_rules

    async def route(self) -> int:
        """Decide about every transition that waits; gives the number of new rows."""
        queued = 0
        while True:
            async with store.transaction(self._pool) as conn:
                await outbox.lock(conn)
                waiting = await outbox.waiting(conn, AT_ONCE)
                if waiting:
                    now = self._clock()
                    told = await quiet.settled(conn, waiting, self._flap_rules, now)
                    queued += await self._decide(conn, told, now)
                    await outbox.decided(conn, [one.id for one in waiting])
            if len(waiting) < AT_ONCE:
                return queued

    async def watch(self) -> int:
        """Escalate and repeat what nobody acknowledged, let go of what need not be held back any
        more; gives the number of new rows."""
        async with store.transaction(self._pool) as conn:
            await outbox.lock(conn)
            await quiet.settled(conn, [], self._flap_rules, self._clock())
            await outbox.drop_held(conn)
            await outbox.drop_ends(conn)
            by_id = {route.id: route for route in await notifications.routes(conn)}
            rows = _unanswered(await outbox.unanswered(conn), by_id, self._clock())
            return await outbox.add(conn, rows)

    async def _decide(self, conn: Any, waiting: Sequence[Transition], now: datetime) -> int:
        listed = await notifications.routes(conn)
        begun = [one for one in waiting if one.occasion != "resolved"]
        told = [(one, due) for one in begun for due in routes.due(one, listed, now)]
        queued = await outbox.add(conn, await _rows(conn, told, now, self._outage_wait))
        reached = {one.id for one, _ in told}
        nobody = [one for one in begun if one.id not in reached and not one.heard]
        await outbox.add(conn, [_to_nobody(one, now) for one in nobody])
        over = [one for one in waiting if one.occasion == "resolved"]
        if over:
            heard = await outbox.told(conn, [one.alert_id for one in over])
            ends = [
                (one, due)
                for one in over
                for due in routes.due_at_end(one, heard.get(one.alert_id, ()), listed, now)
            ]
            queued += await outbox.add(conn, await _rows(conn, ends, now, self._outage_wait))
        await outbox.drop_held(conn)
        return queued


async def _rows(
    conn: Any, told: Sequence[tuple[Transition, Due]], now: datetime, outage_wait: float
) -> list[dict[str, Any]]:
    """Rows to add. Messages of a cause that many share wait for each other, and then keep their
    route's distance."""
    shared = [(one, due) for one, due in told if messages.is_shared(one.metric)]
    keys = {messages.group_key(one.metric, one.occasion) for one, _ in shared}
    longest = max((due.route.group_interval for _, due in shared), default=0.0)
    last: dict[tuple[int, str], datetime] = {}
    if shared:
        since = now - timedelta(seconds=longest)
        last = await outbox.last_due(conn, {due.target for _, due in shared}, keys, since)
    rows = []
    for one, due in told:
        key = messages.group_key(one.metric, one.occasion)
        at = due.at
        if messages.is_shared(one.metric) and not due.held and not due.suppressed:
            at = routes.gathered(at, now, outage_wait)
            at = routes.spaced(at, last.get((due.target, key)), now, due.route.group_interval)
            last[due.target, key] = at
        rows.append(_row(one, one.occasion, 0, due.route, due.target, key, at, due))
    return rows


def _unanswered(
    watched: Sequence[outbox.Watched], by_id: Mapping[int, Route], now: datetime
) -> list[dict[str, Any]]:
    rows = []
    for one in watched:
        route = by_id.get(one.route_id)
        if route is None:
            continue
        if routes.escalates(route, one.state, now):
            key = messages.group_key(one.transition.metric, "escalated")
            rows += [
                _row(one.transition, "escalated", 0, route, target, key, now)
                for target in route.escalate_to
            ]
        if routes.repeats(route, one.state, now):
            key = messages.group_key(one.transition.metric, "repeated")
            again = one.state.rounds + 1
            rows.append(_row(one.transition, "repeated", again, route, one.target_id, key, now))
    return rows


def _to_nobody(one: Transition, now: datetime) -> dict[str, Any]:
    nobody = Route(0, "", ())
    due = Due(nobody, 0, now, suppressed=routes.NOBODY)
    key = messages.group_key(one.metric, one.occasion)
    return _row(one, one.occasion, 0, nobody, None, key, now, due)


def _row(
    transition: Transition,
    occasion: Occasion,
    round_: int,
    route: Route,
    target: int | None,
    key: str,
    at: datetime,
    due: Due | None = None,
) -> dict[str, Any]:
    return {
        "alert_id": transition.alert_id,
        "transition_id": transition.id,
        "occasion": occasion,
        "round": round_,
        "target_id": target,
        "route_id": route.id or None,
        "route_name": route.name,
        "group_key": key,
        "reason": due.suppressed if due else None,
        "held": due.held if due else False,
        "due_at": at,
    }
