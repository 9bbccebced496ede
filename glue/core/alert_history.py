"""Grafana's history of alerts, as observations.

It is a list of annotations (``/api/annotations?type=alert``), one for each instance of a rule that
changed its state, newest first. All instances of an evaluation bear one time, in milliseconds. The
labels stand nowhere but in the text, behind the rule's title: ``CPU load warning {alertname=CPU
load warning, metric=cpu, robot_id=r1, severity=warning} - R=71.000000, W=70.000000``; the rule is
named by its id (``alertId``). A state may have a reason behind it (``Alerting (Error, KeepLast)``,
``Normal (MissingSeries)``): only the state itself tells whether an alert began or ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from glue.core import hysteresis, limit_points
from glue.core.occurrences import Observation
from glue.core.robot_id import is_robot_id
from glue.core.rule import Rule, texts
from glue.core.rules import BY_UID

OVERLAP = timedelta(minutes=2)
"""Read again before the last look and beyond this one: Grafana writes its history a little after
the evaluation, and its clock may be another one."""

FIRING = {"Alerting", "Recovering"}
"""Base states in which an alert fires, as in Grafana's rule state."""

VANISHED = {"MissingSeries", "NoData"}
"""Reasons that say the series is gone, there and in the annotation ``grafana_state_reason``."""


def state_and_reason(text: Any) -> tuple[str, str]:
    """Split how Grafana writes a state, for example ``Normal (NoData, KeepLast)``; the reason is
    '' where there is none."""
    state, _, reason = str(text or "").partition(" (")
    return state, reason.rstrip(")")


def is_vanished(reason: str) -> bool:
    """Whether a state's reason, for example ``NoData, KeepLast``, says so."""
    return not VANISHED.isdisjoint(reason.split(", "))


def is_no_answer(uid: str, reason: str) -> bool:
    """Whether a state's reason says that InfluxDB answered the rule without its sentinel: then it
    had no limits, and the end of an alert is none."""
    return uid in limit_points.UIDS and "NoData" in reason.split(", ")


_TEXT = re.compile(r"^.*? \{(?P<labels>.*)\} - ", re.DOTALL)


@dataclass(frozen=True)
class Window:
    """Milliseconds since 1970, both ends inside."""

    start: int
    end: int

    def halves(self) -> tuple[Window, Window] | None:
        """The older and the newer half; None for a single millisecond."""
        if self.start >= self.end:
            return None
        middle = (self.start + self.end) // 2
        return Window(self.start, middle), Window(middle + 1, self.end)


def window(read_until: datetime, since: datetime, now: datetime) -> Window:
    """What to read when all before ``read_until`` was; never what is before ``since``, when
    reading began: alerts of that time are told of otherwise."""
    start = max(since, read_until - OVERLAP)
    return Window(_milliseconds(start), max(_milliseconds(now + OVERLAP), _milliseconds(start)))


@dataclass(frozen=True)
class Turn:
    """An instance of one of our rules began or ceased to fire at ``at``."""

    rule: Rule
    robot_id: str
    at: datetime
    firing: bool
    vanished: bool
    value: float | None
    limit: float | None
    margin: float | None


def is_turn(row: Mapping[str, Any]) -> bool:
    """Whether the instance began or ceased to fire. Most rows of a Grafana that is short of CPU
    tell only that a query failed or works again, one for each robot and rule."""
    previous, current = (state_and_reason(row.get(name))[0] for name in ("prevState", "newState"))
    return (previous in FIRING) != (current in FIRING)


def turns(rows: Iterable[Mapping[str, Any]], rules: Mapping[int, str]) -> list[Turn]:
    """What the annotations say of our rules, oldest first; ``rules`` are the uids of Grafana's
    rules by the id that an annotation has. Other rules are recorded from their posts alone, for
    not every one is meant for us."""
    found = [
        turn
        for row in rows
        if (rule := BY_UID.get(rules.get(row.get("alertId", 0), "")))
        and (turn := _turn(rule, row)) is not None
    ]
    return sorted(found, key=lambda turn: turn.at)


def _turn(rule: Rule, row: Mapping[str, Any]) -> Turn | None:
    now, reason = state_and_reason(row.get("newState"))
    text = _TEXT.match(str(row.get("text") or ""))
    if text is None or not is_turn(row) or not row.get("time"):
        return None
    robot_id = _label(text["labels"], "robot_id")
    if robot_id and not is_robot_id(robot_id):
        return None
    data = row.get("data")
    told = (data.get("values") if isinstance(data, dict) else None) or {}
    values = {name: float(v) for name, v in told.items() if isinstance(v, int | float)}
    vanished = is_vanished(reason)
    if now not in FIRING and (
        is_no_answer(rule.uid, reason) or (not vanished and hysteresis.is_no_end(values))
    ):
        return None
    return Turn(
        rule,
        robot_id,
        datetime.fromtimestamp(int(row["time"]) / 1000, UTC),
        firing=now in FIRING,
        vanished=vanished,
        value=values.get("R"),
        limit=values.get("W"),
        margin=values.get("M"),
    )


def _label(labels: str, name: str) -> str:
    found = re.search(rf"(?:^|, ){name}=([^,]*)", labels)
    return found[1] if found else ""


def observations(history: Iterable[Turn], seen_at: datetime) -> Iterator[Observation]:
    """A begin and the end that follows it are one observation, in the order of their begins: what
    came and went is then told as such."""
    begun: dict[tuple[str, str], Turn] = {}
    told: list[tuple[datetime, Observation]] = []
    for turn in history:
        key = turn.rule.uid, turn.robot_id
        before = begun.pop(key, None)
        if turn.firing:
            if before is not None:
                told.append((before.at, _seen(before, None, seen_at)))
            begun[key] = turn
        else:
            told.append(((before or turn).at, _seen(before or turn, turn, seen_at)))
    told += [(turn.at, _seen(turn, None, seen_at)) for turn in begun.values()]
    for _, one in sorted(told, key=lambda pair: pair[0]):
        yield one


def _seen(began: Turn, ended: Turn | None, seen_at: datetime) -> Observation:
    rule = began.rule
    words = texts(rule, began.robot_id, began.value, began.limit)
    return Observation(
        metric=rule.metric,
        robot_id=began.robot_id,
        severity=rule.severity,
        firing=ended is None,
        starts_at=began.at,
        # Of a begin the history says only that it was then, not that it fires now.
        seen_at=began.at if ended is None else seen_at,
        origin="pull",
        ended_at=ended.at if ended else None,
        vanished=ended.vanished if ended else False,
        value=began.value,
        limit=began.limit,
        margin=began.margin,
        alert_type=rule.alert_type,
        title=words.title,
        message=words.message,
        rule_uid=rule.uid,
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
