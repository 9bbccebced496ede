"""PostgreSQL is away: who records and routes every alert cannot, so that is said by other means.

An outage begins when PostgreSQL was first not reached, is told when it has lasted a while, and is
over when PostgreSQL is reached again. :mod:`glue.notify.fallback` keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from glue.core.messages import Message
from glue.core.routes import Transition, back_off

FIRST_WAIT_S = 10.0
LONGEST_WAIT_S = 300.0
"""Between two tries to tell a target."""

TRANSITION = Transition(0, 0, "opened", "critical", "system", "postgres")
"""As routes see it: critical, of the whole stack."""


@dataclass(frozen=True)
class Outage:
    """``told`` are the names of targets that know; the next try of the others is at ``next_try``
    (None: as soon as it has lasted long enough)."""

    since: datetime
    told: tuple[str, ...] = ()
    tries: int = 0
    next_try: datetime | None = None


def seen(outage: Outage | None, reachable: bool, now: datetime) -> Outage | None:
    """The outage after one more look; None while all is well."""
    if reachable:
        return None
    return outage or Outage(now)


def to_be_told(outage: Outage, now: datetime, after: timedelta) -> bool:
    """Whether it is time to tell those who do not know yet. ``after``: shorter outages are not
    worth a word."""
    return now - outage.since >= after and (outage.next_try is None or now >= outage.next_try)


def told(outage: Outage, name: str) -> Outage:
    """The outage of which the target ``name`` knows too."""
    return replace(outage, told=(*outage.told, name))


def tried(outage: Outage, now: datetime) -> Outage:
    """The outage after everybody was tried once more."""
    wait = back_off(outage.tries + 1, FIRST_WAIT_S, LONGEST_WAIT_S)
    return replace(outage, tries=outage.tries + 1, next_try=now + timedelta(seconds=wait))


def began(outage: Outage, now: datetime, zone: str) -> Message:
    """What people read while it lasts."""
    return Message(
        "Critical: PostgreSQL cannot be reached",
        f"Since {_when(outage.since, zone)} ({_lasting(now - outage.since)}). Alerts are neither"
        " evaluated nor recorded nor routed meanwhile; readings go on into InfluxDB, and robots'"
        " events wait at the broker. This message went out by the routes as they were last read.",
        "failure",
    )


def ended(outage: Outage, now: datetime, zone: str) -> Message:
    """What those who were told read at the end."""
    return Message(
        "Resolved: PostgreSQL is reached again",
        f"It was away from {_when(outage.since, zone)} to {_when(now, zone)}"
        f" ({_lasting(now - outage.since)}).",
        "success",
    )


def _when(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def _lasting(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
