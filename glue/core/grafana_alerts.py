"""What Grafana says, in its own shapes, as observations.

Two shapes: the body of a webhook post (Alertmanager's format with Grafana's additions), and the
state of the rules (``/api/prometheus/grafana/api/v1/rules``). Alerts of our own rules are known by
the rule's uid; any other that somebody routes to our contact point is recorded as well, under its
own name (:mod:`glue.core.foreign_alerts`), because an alert that reached us must not be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from glue.core import foreign_alerts, limit_points, payload
from glue.core.alert_history import FIRING, is_no_answer, is_vanished, state_and_reason
from glue.core.foreign_alerts import TROUBLE
from glue.core.occurrences import Observation, Occurrence
from glue.core.robot_id import is_robot_id
from glue.core.rule import Rule, texts
from glue.core.rules import BY_UID

_ZERO = "0001-01-01"


class MalformedPost(ValueError):
    """The body is not what Grafana sends; the text says which field."""


@dataclass(frozen=True)
class Post:
    """One webhook post: what it says, what could not be read, how many alerts Grafana cut off.
    ``tests`` counts those of Grafana's Test button, which are no alerts; ``no_answers`` ends that
    are none, because the rule's limits were missing."""

    observations: list[Observation]
    vanished: set[tuple[str, str, str]]
    refused: list[str]
    truncated: int
    tests: int = 0
    no_answers: int = 0


@dataclass(frozen=True)
class State:
    """Grafana's state of our rules: what fires, and when each rule was last evaluated.

    ``evaluated`` is of our rules, by ``metric/severity``. ``others`` is the same of the instances
    of everybody else's rules, by metric: their intervals say nothing about whether ours are
    evaluated. None: listed, but not evaluated since Grafana started.
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
    without_limits: set[str] = field(default_factory=set)
    """Titles of rules that get no limits from InfluxDB: nothing is ever beyond them."""

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

    @property
    def trouble(self) -> str:
        """Why Grafana cannot be said to evaluate our rules; '' when it does."""
        if self.missing_rules:
            return f"Grafana has not evaluated {', '.join(self.missing_rules[:3])}"
        if self.failing:
            return f"Grafana evaluates with errors: {', '.join(sorted(self.failing)[:3])}"
        if self.without_limits:
            return f"InfluxDB has no limits for {', '.join(sorted(self.without_limits)[:3])}"
        return ""


def read_post(body: Any, received_at: datetime) -> Post:
    """The observations in a webhook body. Raises :class:`MalformedPost` when there are none to
    read; a single unreadable alert is put aside in ``refused`` and the others are kept."""
    alerts = body.get("alerts") if isinstance(body, dict) else None
    if not isinstance(alerts, list):
        raise MalformedPost("alerts: a list of alerts is expected")
    observations: list[Observation] = []
    vanished: set[tuple[str, str, str]] = set()
    refused = []
    tests = no_answers = 0
    is_test = bool(_TEST_GROUP.search(str(body.get("groupKey"))))
    for position, alert in enumerate(alerts):
        try:
            if is_test or _is_test(alert):
                tests += 1
                continue
            seen, reason = _pushed(payload.clean(alert), body.get("orgId"), received_at)
        except (MalformedPost, TypeError, AttributeError) as error:
            refused.append(f"alerts[{position}]: {error}")
            continue
        if not seen.firing and is_no_answer(seen.rule_uid, reason):
            no_answers += 1
            continue
        observations.append(seen)
        if is_vanished(reason):
            vanished.add((*seen.pair, seen.severity))
    observations.sort(key=lambda o: o.starts_at)
    return Post(
        observations, vanished, refused, _count(body.get("truncatedAlerts")), tests, no_answers
    )


_TEST_GROUP = re.compile(r"-[0-9a-f]{16}-\d{10,}$")
"""How the ``groupKey`` of Grafana's Test button ends; an alert's own ends with its labels."""


def _is_test(alert: Any) -> bool:
    labels = alert.get("labels")
    named = isinstance(labels, dict) and (labels.get("alertname"), labels.get("instance"))
    return named == ("TestAlert", "Grafana") and not foreign_alerts.rule_uid(
        alert.get("generatorURL")
    )


def read_state(body: Mapping[str, Any]) -> State:
    """The observations in Grafana's rule state. It must have been asked for with internal labels,
    which name the rule's uid. Of others' rules it says only what is over."""
    state = State([], {}, {}, set(), set(), set(), [])
    found = set()
    for rule in _rules(body):
        evaluated = _time(rule.get("lastEvaluation"), None)
        instances = rule.get("alerts") or []
        uid = next((str(_labels(one).get(_UID_LABEL, "")) for one in instances), "")
        ours = BY_UID.get(uid)
        if not uid:
            continue
        if ours is None:
            for instance in instances:
                _read_foreign(uid, str(rule.get("name")), instance, evaluated, state)
            continue
        if evaluated is None:
            continue
        found.add(ours.uid)
        # With execErrState KeepLast a failing rule counts as healthy; its instances tell.
        if any("Error" in str(one.get("state")) for one in instances):
            state.failing.add(ours.title)
        elif ours.uid in limit_points.UIDS and not any(map(_is_sentinel, instances)):
            state.without_limits.add(ours.title)
        state.evaluated[f"{ours.metric}/{ours.severity}"] = evaluated
        for instance in instances:
            _read_instance(ours, instance, evaluated, state)
    state.missing_rules.extend(sorted(BY_UID.keys() - found))
    return state


_UID_LABEL = "__alert_rule_uid__"


def _is_sentinel(instance: Mapping[str, Any]) -> bool:
    """Whether it is the sentinel of :mod:`glue.core.limit_points`, found by the last evaluation."""
    name, reason = state_and_reason(instance.get("state"))
    found = name == "Normal" and not is_vanished(reason)
    return found and _labels(instance).get("robot_id") == limit_points.SENTINEL


def _read_foreign(
    uid: str, name: str, instance: Mapping[str, Any], evaluated: datetime | None, state: State
) -> None:
    """An instance of somebody else's rule is recorded from its posts; its state only tells that it
    ended. That the rule cannot be evaluated is posted as an alert of its own."""
    labels = _labels(instance)
    base, _ = state_and_reason(instance.get("state"))
    posted = {"Error": TROUBLE[0], "NoData": TROUBLE[1]}.get(base)
    # What was posted as trouble is over once the rule can be evaluated, and the other way round.
    for alertname in (None, *TROUBLE):
        named = {"alertname": alertname, "rulename": name} if alertname else {"alertname": name}
        key = _foreign_key(uid, {**labels, **named})
        state.others[key[0]] = evaluated
        if alertname == posted:
            (state.normal if base == "Normal" else state.held).add(key)


def _foreign_key(uid: str, labels: Mapping[str, Any]) -> tuple[str, str, str]:
    severity = foreign_alerts.severity_of(labels.get("severity", ""))
    return foreign_alerts.metric_of(uid, labels), _robot_of(labels), severity


def _robot_of(labels: Mapping[str, Any]) -> str:
    robot_id = str(labels.get("robot_id", ""))
    return robot_id if is_robot_id(robot_id) else ""


_TROUBLE_METRICS = tuple(f"{foreign_alerts.FOREIGN}{name.lower()}_" for name in TROUBLE)


def _labels(instance: Mapping[str, Any]) -> Mapping[str, Any]:
    return instance.get("labels") or {}


def _read_instance(
    rule: Rule, instance: Mapping[str, Any], evaluated: datetime, state: State
) -> None:
    robot_id = str(_labels(instance).get("robot_id", ""))
    if robot_id and not is_robot_id(robot_id):
        return
    name, reason = state_and_reason(instance.get("state"))
    key = rule.metric, robot_id, rule.severity
    if name == "Pending":
        state.held.add(key)
    elif name in FIRING or name == "firing":
        starts_at = _time(instance.get("activeAt"), evaluated) or evaluated
        seen = Observation(*key, True, starts_at, seen_at=evaluated, origin="pull")
        state.firing.append(_of_ours(seen, rule))
    elif not is_vanished(reason):
        state.normal.add(key)


def _rules(body: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for group in (body.get("data") or {}).get("groups") or []:
        yield from group.get("rules") or []


def _pushed(
    alert: Mapping[str, Any], org_id: Any, received_at: datetime
) -> tuple[Observation, str]:
    """The observation, and the reason that its state has."""
    labels = alert.get("labels")
    if not isinstance(labels, dict):
        raise MalformedPost("labels: an object is expected")
    status = alert.get("status")
    if status not in ("firing", "resolved"):
        raise MalformedPost(f"status: firing or resolved is expected, not {status!r}")
    starts_at = _time(alert.get("startsAt"), None)
    if starts_at is None:
        raise MalformedPost("startsAt: a time is expected")
    uid = foreign_alerts.rule_uid(alert.get("generatorURL"), org_id)
    rule = BY_UID.get(uid) if labels.get("alertname") not in TROUBLE else None
    robot_id = labels.get("robot_id", "")
    if rule and robot_id and not is_robot_id(robot_id):
        raise MalformedPost(f"labels.robot_id: {robot_id!r} is no robot id")
    metric, robot_id, severity = (
        (rule.metric, str(robot_id), rule.severity) if rule else _foreign_key(uid, labels)
    )
    firing = status == "firing"
    values = {k: v for k, v in (alert.get("values") or {}).items() if isinstance(v, int | float)}
    annotations = alert.get("annotations") or {}
    links = ("generatorURL", "panelURL", "silenceURL")
    seen = Observation(
        metric,
        robot_id,
        severity,
        firing,
        starts_at,
        received_at,
        "push",
        ended_at=None if firing else _time(alert.get("endsAt"), received_at),
        value=values.get("R"),
        limit=values.get("W"),
        margin=values.get("M"),
        fingerprint=str(alert.get("fingerprint", ""))[:64],
        details={
            "labels": labels,
            "values": values,
            "links": {name: alert[name] for name in links if name in alert},
        },
    )
    seen = _of_ours(seen, rule) if rule else _of_theirs(seen, uid, labels, annotations)
    return seen, str(annotations.get("grafana_state_reason"))


def _of_ours(seen: Observation, rule: Rule) -> Observation:
    words = texts(rule, seen.robot_id, seen.value, seen.limit)
    return replace(
        seen,
        alert_type=rule.alert_type,
        title=words.title[:200],
        message=words.message,
        rule_uid=rule.uid,
    )


def _of_theirs(
    seen: Observation, uid: str, labels: Mapping[str, Any], notes: Mapping[str, Any]
) -> Observation:
    title = str(notes.get("summary") or labels.get("alertname") or "Alert")
    return replace(
        seen,
        title=title[:200],
        message=str(notes.get("description") or notes.get("Error") or title),
        source=str(labels.get("instance") or foreign_alerts.name_of(labels))[:100],
        rule_uid=uid,
    )


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
