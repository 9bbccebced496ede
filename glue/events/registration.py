"""Robots that send and are not known: taken in, kept for an admin, or too many at once.

Whoever reaches the broker can make up ids. So new ids a minute, and those that wait for an admin,
are bounded; what is over is counted, and an alert tells of it (rule *Registrations limited*). Its
metrics are stored all the same, known robots are not slowed, and a later message registers it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import structlog

from glue.core.events import Refusal
from glue.settings import Settings
from glue.settings.addresses import is_open
from glue.store import robots

log = structlog.get_logger()

REASON = "too_many_new"
"""In ``refused_messages``; the view ``grafana.registrations_limited`` reads it."""


WINDOW_S = 60.0


@dataclass(frozen=True)
class Registered:
    """Ids that were added, and those that were over a limit."""

    new: frozenset[str]
    over: frozenset[str]


NONE = Registered(frozenset(), frozenset())


class Registrations:
    """The policy and the bounds of the settings. ``clock``: any monotonic one, in seconds.

    The simulated robots of this stack are accepted as they come while its broker is on loopback.
    Beyond it anybody could take their names, so they wait for an admin like others.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._fleet = settings.fleet
        simulated = 0 if is_open(settings.stack.bind) else settings.stack.robots
        self._simulated = frozenset(f"sim_{n:02d}" for n in range(1, simulated + 1))
        self._clock = clock
        self._recent: deque[float] = deque()

    async def register(self, conn: Any, unknown: Collection[str], by: str) -> Registered:
        """Add robots that are in no table; ``by`` says what they were seen by. Call :meth:`count`
        when it is committed."""
        if not unknown:
            return NONE
        ids = sorted(unknown)[: self._room()]
        ours = set(ids) if self._fleet.registration == "automatic" else self._simulated & set(ids)
        waiting = self._fleet.waiting_max
        new = set(await robots.register(conn, ours, "accepted"))
        new.update(await robots.register(conn, set(ids) - ours, "pending", waiting))
        if new:
            log.info(
                "robots.registered",
                count=len(new),
                policy=self._fleet.registration,
                first=sorted(new)[:5],
                by=by,
            )
        # Somebody else may have just added one: that is not over.
        there = (await robots.known(conn, unknown)).keys()
        return Registered(frozenset(new), frozenset(unknown) - there)

    def count(self, made: Registered) -> None:
        """Robots that were added, against the bound of a minute: a transaction that failed added
        none, and is tried again."""
        self._recent.extend([self._clock()] * len(made.new))

    def refusal(self, robot_id: str, family: str) -> Refusal:
        """One message of a robot that was over a limit."""
        return Refusal(
            family,
            REASON,
            f"{robot_id} is not registered yet: {self._fleet.new_per_minute} new robots a minute"
            f" (FLEET_NEW_PER_MINUTE) or {self._fleet.waiting_max} that wait (FLEET_WAITING_MAX)",
        )

    def _room(self) -> int:
        """New robots that the last minute leaves room for."""
        while self._recent and self._recent[0] <= self._clock() - WINDOW_S:
            self._recent.popleft()
        return max(0, self._fleet.new_per_minute - len(self._recent))
