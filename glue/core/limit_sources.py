"""Where each of a robot's limits comes from: its own row, the fleet's, what is built in, or the
margin that a recovery limit keeps from its limit where nobody set one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Level = Literal["robot", "global", "default"]
Origin = Literal["robot", "global", "default", "margin"]


class Row(Protocol):
    """What somebody set; None comes from the next level."""

    @property
    def warning(self) -> float | None: ...
    @property
    def critical(self) -> float | None: ...
    @property
    def warning_recovery(self) -> float | None: ...
    @property
    def critical_recovery(self) -> float | None: ...
    @property
    def enabled(self) -> bool | None: ...


@dataclass(frozen=True)
class Sources:
    """Value by value; ``enabled``: who switched the metric on or off."""

    warning: Level
    warning_recovery: Origin
    critical: Level
    critical_recovery: Origin
    enabled: Level


def sources(level: Level, own: Row | None, fleet: Row | None) -> Sources:
    """``level`` is where the pair of limits as a whole comes from: a row whose pair makes no sense
    gives way to the level above."""
    levels: list[tuple[Level, Row | None]] = [("robot", own), ("global", fleet)]
    switches = [(name, row) for name, row in levels if row is not None]
    counts = {"robot": 2, "global": 1, "default": 0}[level]
    rows = [(name, row) for name, row in switches if counts >= {"robot": 2}.get(name, 1)]
    return Sources(
        warning=_first(rows, "warning"),
        warning_recovery=_recovery(rows, "warning"),
        critical=_first(rows, "critical"),
        critical_recovery=_recovery(rows, "critical"),
        enabled=_first(switches, "enabled"),
    )


def _first(rows: list[tuple[Level, Row]], name: str) -> Level:
    for level, row in rows:
        if getattr(row, name) is not None:
            return level
    return "default"


def _recovery(rows: list[tuple[Level, Row]], name: str) -> Origin:
    """A recovery limit stands in the row of its limit, or keeps the margin."""
    for level, row in rows:
        if getattr(row, name) is not None:
            return level if getattr(row, f"{name}_recovery") is not None else "margin"
    return "margin"
