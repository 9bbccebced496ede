"""What keeps alerts quiet, looked at whenever it is decided who is told.

One transaction, under the lock of the outbox, finds that an alert is quiet, writes that into its
timeline and holds its message back; or finds that it no longer is, and lets people be told. So
whenever a mute comes or goes, and wherever a process ends, nothing that was held back is forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from glue.core import quiet, routes
from glue.core.routes import Transition
from glue.notify import flaps
from glue.store import mutes, silences


async def settled(
    conn: Any, waiting: Sequence[Transition], rules: flaps.Rules, now: datetime
) -> list[Transition]:
    """``waiting`` as it is to be decided: openings and raises of quiet alerts say why they are;
    alerts that are quiet no more become openings for who has not heard of them, or nothing; ends
    of what flaps wait until it settles."""
    running = await flaps.kept(conn, waiting, rules, now)
    reasons: dict[int, str] = {}
    flapping: set[int] = set()
    if await mutes.is_anything_quiet(conn):
        subjects = await mutes.subjects(conn, {one.alert_id for one in waiting})
        standing, silenced = await mutes.mutes(conn), await silences.silences(conn)
        found = {one.id: quiet.quiet(one, standing, now, running, silenced) for one in subjects}
        reasons = {i: one.reason for i, one in found.items() if one}
        flapping = {one.id for one in subjects if one.flap_id in running}
        changes = [quiet.change(one, found[one.id]) for one in subjects]
        await mutes.write(conn, [one for one in changes if one], now)
        await mutes.take_back(conn)
        await mutes.remove_over(conn)
    return await _told_late(conn, [_quieted(one, reasons, flapping) for one in waiting])


def _quieted(one: Transition, reasons: Mapping[int, str], flapping: Collection[int]) -> Transition:
    if one.occasion != "resolved":
        return replace(one, quiet=reasons.get(one.alert_id))
    if one.alert_id in flapping and not one.late:
        return replace(one, quiet=quiet.FLAPPING.reason)
    return one


async def _told_late(conn: Any, waiting: Sequence[Transition]) -> list[Transition]:
    late = {one.alert_id for one in waiting if _is_reopened(one)}
    if not late:
        return list(waiting)
    untold, heard = await mutes.untold(conn, late), await mutes.heard(conn, late)
    return [
        replace(one, heard=frozenset(heard.get(one.alert_id, ()))) if _is_reopened(one) else one
        for one in waiting
        if not _is_reopened(one)
        or (one.alert_id in untold and not routes.is_said_by_others(one, waiting))
    ]


def _is_reopened(one: Transition) -> bool:
    return one.late and one.occasion == "opened"
