"""What keeps alerts quiet, looked at whenever it is decided who is told.

One transaction, under the lock of the outbox, finds that an alert is quiet, writes that into its
timeline and holds its message back; or finds that it no longer is, and lets people be told. So
whenever a mute comes or goes, and wherever a process ends, nothing that was held back is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from glue.core import quiet, routes
from glue.core.routes import Transition
from glue.store import mutes


async def settled(conn: Any, waiting: Sequence[Transition], now: datetime) -> list[Transition]:
    """``waiting`` as it is to be decided: openings and raises of quiet alerts say why they are;
    alerts that are quiet no more become openings for who has not heard of them, or nothing."""
    reasons: dict[int, str] = {}
    if await mutes.is_anything_quiet(conn):
        subjects = await mutes.subjects(conn, {one.alert_id for one in waiting})
        standing = await mutes.mutes(conn)
        found = {one.id: quiet.quiet(one, standing, now) for one in subjects}
        reasons = {i: one.reason for i, one in found.items() if one}
        changes = [quiet.change(one, found[one.id]) for one in subjects]
        await mutes.write(conn, [one for one in changes if one], now)
        await mutes.take_back(conn)
        await mutes.remove_over(conn)
    begun = [
        replace(one, quiet=reasons.get(one.alert_id)) if one.occasion != "resolved" else one
        for one in waiting
    ]
    return await _told_late(conn, begun)


async def _told_late(conn: Any, waiting: Sequence[Transition]) -> list[Transition]:
    late = {one.alert_id for one in waiting if one.late}
    if not late:
        return list(waiting)
    untold, heard = await mutes.untold(conn, late), await mutes.heard(conn, late)
    return [
        replace(one, heard=frozenset(heard.get(one.alert_id, ()))) if one.late else one
        for one in waiting
        if not one.late or (one.alert_id in untold and not routes.is_said_by_others(one, waiting))
    ]
