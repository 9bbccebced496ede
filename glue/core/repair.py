"""What adoption found in an older database, and why each value is to be what it is to be.

The database says what is wrong and what would be right (``postgres/migrations/0005a_checks.sql``);
the reasons for people stand here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SET_ASIDE = "*"
"""Column of an offence that is a whole row: it leaves its table, and is kept in repaired_values."""


@dataclass(frozen=True)
class Offence:
    """One value that breaks a rule. ``before`` and ``after`` are as in JSON; ``after`` of a whole
    row (``column`` :data:`SET_ASIDE`) is None."""

    table: str
    row_id: str
    column: str
    before: Any
    after: Any
    why: str

    @property
    def kind(self) -> str:
        return f"{self.table}.{self.column}"

    @property
    def what(self) -> str:
        if self.column == SET_ASIDE:
            return "set the row aside, into repaired_values"
        return f"{self.before!r} becomes {self.after!r}"


@dataclass(frozen=True)
class Kind:
    """Offences of one kind. ``ids`` are those of the rows."""

    kind: str
    count: int
    why: str
    ids: tuple[str, ...]


def by_kind(offences: Iterable[Offence]) -> dict[tuple[str, str], list[Offence]]:
    """Group by (kind, reason), in the order of the first of each."""
    found: dict[tuple[str, str], list[Offence]] = {}
    for offence in offences:
        found.setdefault((offence.kind, offence.why), []).append(offence)
    return found


def counted(offences: Iterable[Offence]) -> list[Kind]:
    """Count by kind and reason, in the order of the first of each."""
    return [
        Kind(kind, len(found), why, tuple(one.row_id for one in found))
        for (kind, why), found in by_kind(offences).items()
    ]


def reason(table: str, column: str) -> str:
    """Why a value of this column is an offence, and why its repair is what it is."""
    return _REASONS.get(f"{table}.{column}", "breaks a rule of the table")


NAME_TWICE = (
    "another user has this name in letters of another case; the active one changed last keeps it"
)
ADDRESS_TWICE = "another user has this address in letters of another case"
ACTIVE_TWICE = "a robot has one active job; a later one had begun"
LIMIT_OF_NOTHING = "limits of a metric or robot that is not there (or of which a newer row counts)"

_PAIR = "the pair is on the wrong sides, or out of range: turned round where that makes limits"

_REASONS = {
    "robots.robot_id": "ids stand in topics and URLs: A-Z a-z 0-9 _ . : - only; history follows",
    "robots.status": "no known status; the robot's next message sets the right one",
    "robots.location": "no object of x, y, z, heading; the robot's next message sets it",
    "robots.settings": "no object",
    "jobs.robot_id": "the id as the robot may have it",
    "jobs.status": "active, completed, failed: whatever was given up has failed",
    "jobs.reason": "keeps the older status in words",
    "jobs.percent_complete": "0 to 100",
    "jobs.items_done": "not below 0",
    "jobs.items_total": "not below 0; unknown is empty",
    "jobs.end_time": "ends before it starts: taken as ended at once",
    "alerts.alert_type": "no known type: the nearest, else system",
    "alerts.severity": "critical, warning, info: the nearest, else warning",
    "alerts.acknowledged_at": "acknowledged, but not when: when it was created",
    "alerts.resolved_at": "resolved, but not when: when it was created",
    "alerts.details": "no object",
    "users.role": "no known role: the one that may least; an admin can give another",
    "users.username": "a space around the name, or none at all",
    "users.email": "no address",
    "reports.report_type": "no known type: custom",
    "system_logs.level": "INFO, WARNING, ERROR, CRITICAL: the nearest, else INFO",
    "system_logs.category": "no known category: system",
    "alert_thresholds.warning_threshold": _PAIR,
    "alert_thresholds.critical_threshold": _PAIR,
    "alert_thresholds.warning_recovery": _PAIR,
    "alert_thresholds.critical_recovery": _PAIR,
}
