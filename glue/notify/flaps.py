"""Flapping alerts, looked at whenever it is decided who is told: some begin, go on or are over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from glue.core import flapping
from glue.core.flapping import Flap, FlapRule
from glue.core.foreign_alerts import rule_of
from glue.core.routes import Transition
from glue.settings import Settings
from glue.store import flaps

Rules = Callable[[str], FlapRule]
"""By metric."""


def rules_of(settings: Settings) -> Rules:
    """What is called flapping here."""

    def rule(metric: str) -> FlapRule:
        openings, within = settings.rules.flapping(rule_of(metric))
        return FlapRule(openings, timedelta(seconds=within))

    return rule


async def kept(
    conn: Any, waiting: Sequence[Transition], rules: Rules, now: datetime
) -> Mapping[int, Flap]:
    """The flaps that go on, by id, after what ``waiting`` tells was taken into account."""
    before = {flap.pair: flap for flap in await flaps.running(conn)}
    new = {one.alert_id for one in waiting if one.occasion == "opened" and not one.late}
    if new:
        longest = max(rules(one.metric).within for one in waiting)
        for pair, openings in (await flaps.openings(conn, new, now - longest)).items():
            flap = before.get(pair)
            if flap is not None:
                await flaps.go_on(conn, flap, [one for one in openings if one.alert_id in new])
            elif (at := flapping.began(openings, new, rules(pair[0]))) is not None:
                close = flapping.within(openings, openings[at], rules(pair[0]))
                await flaps.begin(conn, pair, openings[at], openings[at:], len(close), now)
    running = await flaps.running(conn) if new else list(before.values())
    for flap in running:
        if flapping.has_settled(flap, rules(flap.metric), now):
            await flaps.end(conn, flap, now)
    return await _with_worse(
        conn, [f for f in running if not flapping.has_settled(f, rules(f.metric), now)], waiting
    )


async def _with_worse(
    conn: Any, running: Sequence[Flap], waiting: Sequence[Transition]
) -> Mapping[int, Flap]:
    found = {flap.id: flap for flap in running}
    members = await flaps.members(conn, {one.alert_id for one in waiting}, found)
    for one in waiting:
        flap = found.get(members.get(one.alert_id, 0))
        if flap and one.occasion != "resolved" and flapping.is_worse(flap, one.severity):
            await flaps.worse(conn, flap, one.alert_id, one.severity)
            found[flap.id] = Flap(
                *(flap.id, *flap.pair, one.severity, one.alert_id, flap.last_opening)
            )
    return found
