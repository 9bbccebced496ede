"""Why an alert ended, and what Grafana's state no longer lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from datetime import datetime

from glue.core.hysteresis import is_beyond
from glue.core.occurrences import Occurrence, Reason


def missing(
    firing: Iterable[Occurrence],
    seen: Set[tuple[str, str, str]],
    evaluated: Callable[[Occurrence], datetime | None],
) -> list[tuple[Occurrence, datetime]]:
    """What we hold as firing and Grafana's state no longer lists, and when it was found so.

    ``seen`` are the (metric, robot, severity) that fire in Grafana; ``evaluated`` gives the last
    evaluation of the rule behind an occurrence. One that began after that evaluation is left
    alone: the state is older than what we know.
    """
    gone = []
    for one in firing:
        last = evaluated(one)
        if one.key not in seen and last is not None and one.starts_at < last:
            gone.append((one, last))
    return gone


@dataclass(frozen=True)
class Limit:
    """A limit and its recovery limit, in the metric's unit."""

    limit: float
    recovery: float

    def keeps_firing(self, value: float) -> bool:
        """Whether what fires under it would go on firing at ``value``."""
        return is_beyond(value, self.limit, self.recovery)


@dataclass(frozen=True)
class Circumstances:
    """What else is true of the robot when an alert of it ends.

    ``value`` is its reading, ``limit_then`` what the alert began under, ``limit_now`` what is in
    force; None where nobody knows.
    """

    has_recent_point: bool | None = None
    charging: bool = False
    in_maintenance: bool = False
    removed: bool = False
    has_limit: bool = True
    value: float | None = None
    limit_then: Limit | None = None
    limit_now: Limit | None = None


def why(vanished: bool, now: Circumstances) -> Reason:
    """Why an instance stopped firing; ``vanished``: its series or its row is gone, rather than
    back on the safe side."""
    back: Reason = "limit changed" if _only_the_limit_moved(now) else "recovered"
    if not vanished:
        return back
    if now.removed:
        return "robot removed"
    if now.in_maintenance:
        return "maintenance"
    if not now.has_limit:
        return "limit changed"
    if now.charging and now.has_recent_point:
        return "charging"
    # With points it is on the safe side, for Grafana is not given such robots. Without one, or
    # where InfluxDB could not be asked, what we know is that nothing was seen.
    return back if now.has_recent_point else "no data"


def _only_the_limit_moved(now: Circumstances) -> bool:
    """Whether the reading would have gone on firing, had nobody touched the limit."""
    then = now.limit_then
    return (
        then is not None
        and now.limit_now is not None
        and now.limit_now != then
        and now.value is not None
        and then.keeps_firing(now.value)
    )
