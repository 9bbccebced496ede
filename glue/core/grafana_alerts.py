"""What Grafana says, in its own shapes, as observations.

Two shapes: the body of a webhook post (Alertmanager's format with Grafana's additions), and the
state of the rules (``/api/prometheus/grafana/api/v1/rules``). Rules of our own are recognised by
their labels; any other rule that somebody routes to our contact point is recorded as well, under
its own name, because an alert that reached us must not be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from glue.core.alert_history import FIRING, VANISHED
from glue.core.occurrences import RANK, Observation, Occurrence, Origin
from glue.core.robot_id import is_robot_id
from glue.core.rule import texts
from glue.core.rules import BY_KEY, BY_UID

FOREIGN = "rule:"
"""What the metric of a rule of somebody else's begins with; its name follows."""

_ZERO = "0001-01-01"


class MalformedPost(ValueError):
    """The body is not what Grafana sends; the text says which field."""


@dataclass(frozen=True)
class Post:
    """One webhook post: what it says, what could not be read, how many alerts Grafana cut off."""

    observations: list[Observation]
    vanished: set[tuple[str, str, str]]
    refused: list[str]
    truncated: int


@dataclass(frozen=True)
class State:
    """Grafana's state of our rules: what fires, and when each rule was last evaluated.

    ``evaluated`` is of our rules, by ``metric/severity``. ``others`` is the same of everybody
    else's, by metric, None for one that was not evaluated yet: their intervals say nothing about
    whether ours are evaluated.
    """

    firing: list[Observation]
    evaluated: dict[str, datetime]
    others: dict[str, datetime | None]
    normal: set[tuple[str, str, str]]
    """Back on the safe side; one whose series is gone is not."""
    held: set[tuple[str, str, str]]
    """Pending, or firing by a rule that is not ours: no reason to open an alert, nor to end one."""
    failing: set[str]
    """Titles of rules that Grafana evaluates with an error (bad data source, timed out query)."""
    missing_rules: list[str]

    @property
    def oldest(self) -> datetime | None:
        """When the rule of ours that waits longest was evaluated."""
        return min(self.evaluated.values(), default=None)

    def evaluated_at(self, one: Occurrence) -> datetime | None:
        """When the rule behind ``one``, ours or not, was last evaluated."""
        ours = self.evaluated.get(f"{one.metric}/{one.severity}")
        return ours or self.others.get(one.metric)

    def is_normal(self, one: Occurrence) -> bool:
        """Whether it is back on the safe side, rather than gone. Of a rule that could not be
        evaluated the state says no more than that it can be again."""
        return one.key in self.normal or one.metric.startswith(_TROUBLE_METRICS)

    def lists_rule_of(self, one: Occurrence) -> bool:
        """Whether the rule behind ``one``, of somebody else's, is still there."""
        return one.metric in self.others

    @property
    def trouble(self) -> str:
        """Why Grafana cannot be said to evaluate our rules; '' when it does."""
        if self.missing_rules:
            return f"Grafana has not evaluated {', '.join(self.missing_rules[:3])}"
        if self.failing:
            return f"Grafana evaluates with errors: {', '.join(sorted(self.failing)[:3])}"
        return ""


def read_post(body: Any, received_at: datetime) -> Post:
    """The observations in a webhook body. Raises :class:`MalformedPost` when there are none to
    read; a single unreadable alert is put aside in ``refused`` and the others are kept."""
    alerts = body.get("alerts") if isinstance(body, dict) else None
    if not isinstance(alerts, list):
        raise MalformedPost("alerts: a list of alerts is expected")
    post = Post([], set(), [], _count(body.get("truncatedAlerts")))
    for position, alert in enumerate(alerts):
        try:
            seen, vanished = _pushed(alert, received_at)
        except (MalformedPost, TypeError, AttributeError) as error:
            post.refused.append(f"alerts[{position}]: {error}")
            continue
        post.observations.append(seen)
        if vanished:
            post.vanished.add((*seen.pair, seen.severity))
    post.observations.sort(key=lambda o: o.starts_at)
    return post


def read_state(body: Mapping[str, Any]) -> State:
    """The observations in Grafana's rule state; rules of others are passed over."""
    state = State([], {}, {}, set(), set(), set(), [])
    found = set()
    for rule in _rules(body):
        ours = BY_KEY.get(_key(rule.get("labels") or {}))
        evaluated = _time(rule.get("lastEvaluation"), None)
        if ours is None or rule.get("name") != ours.title:
            _read_foreign(rule, evaluated, state)
            continue
        if evaluated is None:
            continue
        found.add(ours.uid)
        # With execErrState KeepLast a failing rule counts as healthy; its instances tell.
        if any("Error" in str(alert.get("state")) for alert in rule.get("alerts") or []):
            state.failing.add(ours.title)
        state.evaluated[f"{ours.metric}/{ours.severity}"] = evaluated
        for alert in rule.get("alerts") or []:
            _read_instance(alert, evaluated, state)
    state.missing_rules.extend(sorted(BY_UID.keys() - found))
    return state


def _read_foreign(rule: Mapping[str, Any], evaluated: datetime | None, state: State) -> None:
    """A rule of somebody else's is recorded from its posts; its state only tells that it ended.
    That it cannot be evaluated is posted as an alert of its own."""
    name = {"alertname": rule.get("name")}
    posted = {alert: {"alertname": alert, "rulename": rule.get("name")} for alert in _TROUBLE}
    for labels in (name, *posted.values()):
        state.others[_key(labels)[0]] = evaluated
    for alert in rule.get("alerts") or []:
        labels = alert.get("labels") or {}
        base = str(alert.get("state", "")).partition(" (")[0]
        metric, severity = _key({**labels, **posted.get(_POSTED_AS.get(base, ""), name)})
        where = state.normal if base == "Normal" else state.held
        where.add((metric, str(labels.get("robot_id", "")), severity))


_POSTED_AS = {"Error": "DatasourceError", "NoData": "DatasourceNoData"}
_TROUBLE = tuple(_POSTED_AS.values())
_TROUBLE_METRICS = tuple(f"{FOREIGN}{name.lower()}_" for name in _TROUBLE)


def _read_instance(alert: Mapping[str, Any], evaluated: datetime, state: State) -> None:
    labels = alert.get("labels") or {}
    name, _, reason = str(alert.get("state", "")).partition(" (")
    metric, severity = _key(labels)
    key = metric, str(labels.get("robot_id", "")), severity
    if key[1] and not is_robot_id(key[1]):
        return
    if name == "Pending":
        state.held.add(key)
    elif name in FIRING or name == "firing":
        seen = _observation(
            labels,
            firing=True,
            starts_at=_time(alert.get("activeAt"), evaluated) or evaluated,
            ended_at=None,
            seen_at=evaluated,
            origin="pull",
        )
        state.firing.append(seen)
    elif reason.rstrip(")") not in VANISHED:
        state.normal.add(key)


def _rules(body: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for group in (body.get("data") or {}).get("groups") or []:
        yield from group.get("rules") or []


def _pushed(alert: Mapping[str, Any], received_at: datetime) -> tuple[Observation, bool]:
    labels = alert.get("labels")
    if not isinstance(labels, dict):
        raise MalformedPost("labels: an object is expected")
    status = alert.get("status")
    if status not in ("firing", "resolved"):
        raise MalformedPost(f"status: firing or resolved is expected, not {status!r}")
    starts_at = _time(alert.get("startsAt"), None)
    if starts_at is None:
        raise MalformedPost("startsAt: a time is expected")
    firing = status == "firing"
    values = {k: v for k, v in (alert.get("values") or {}).items() if isinstance(v, int | float)}
    annotations = alert.get("annotations") or {}
    seen = _observation(
        labels,
        firing=firing,
        starts_at=starts_at,
        ended_at=None if firing else _time(alert.get("endsAt"), received_at),
        seen_at=received_at,
        origin="push",
        value=values.get("R"),
        limit=values.get("W"),
        fingerprint=str(alert.get("fingerprint", ""))[:64],
        annotations=annotations,
        details={
            "labels": labels,
            "values": values,
            "links": {
                k: alert[k] for k in ("generatorURL", "panelURL", "silenceURL") if k in alert
            },
        },
    )
    return seen, annotations.get("grafana_state_reason") in VANISHED


def _observation(
    labels: Mapping[str, Any],
    *,
    firing: bool,
    starts_at: datetime,
    ended_at: datetime | None,
    seen_at: datetime,
    origin: Origin,
    value: float | None = None,
    limit: float | None = None,
    fingerprint: str = "",
    annotations: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Observation:
    metric, severity = _key(labels)
    robot_id = labels.get("robot_id", "")
    if robot_id and not is_robot_id(robot_id):
        raise MalformedPost(f"labels.robot_id: {robot_id!r} is no robot id")
    rule = BY_KEY.get((metric, severity))
    notes = annotations or {}
    if rule is None:
        title = str(notes.get("summary") or labels.get("alertname") or "Alert")
        message = str(notes.get("description") or notes.get("Error") or title)
    else:
        title, message = vars(texts(rule, robot_id, value, limit)).values()
    return Observation(
        metric=metric,
        robot_id=robot_id,
        severity=severity,
        firing=firing,
        starts_at=starts_at,
        ended_at=ended_at,
        seen_at=seen_at,
        origin=origin,
        value=value,
        limit=limit,
        alert_type=rule.alert_type if rule else "system",
        title=title[:200],
        message=message,
        rule_uid=rule.uid if rule else str(labels.get("__alert_rule_uid__", "")),
        fingerprint=fingerprint,
        details=details or {},
    )


def _key(labels: Mapping[str, Any]) -> tuple[str, str]:
    """(metric, severity). A rule that is not ours gets a metric made of its name."""
    metric, severity = str(labels.get("metric", "")), str(labels.get("severity", ""))
    if (metric, severity) in BY_KEY:
        return metric, severity
    name = str(labels.get("rulename") or labels.get("alertname") or "unnamed")
    if labels.get("rulename"):  # DatasourceError and DatasourceNoData carry the rule's name here
        name = f"{labels.get('alertname')} {name}"
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return f"{FOREIGN}{slug}"[:50], severity if severity in RANK else "warning"


def _time(text: Any, default: datetime | None) -> datetime | None:
    if not isinstance(text, str) or text.startswith(_ZERO):
        return default
    try:
        value = datetime.fromisoformat(_milliseconds(text))
    except ValueError:
        return default
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _milliseconds(text: str) -> str:
    # Go prints nanoseconds. Grafana's history has milliseconds: the same moment must be equal.
    return re.sub(r"(\.\d{3})\d+", r"\1", text)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
