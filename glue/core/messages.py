"""What people read: transitions of one cause as one message, rendered from a template.

Five hundred robots that fall silent, and the stack-wide rules that noticed too, are one message
with a list. Templates are Jinja2 in a sandbox; a target may bring its own, which is given ``items``
(each an :class:`Item`), ``first``, ``count``, ``more`` (items beyond the listed), ``severity``,
``occasion``, ``heading`` and ``acknowledge`` (the message's link, '' where nothing is open).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from glue.core.episodes import RANK
from glue.core.metrics import METRICS
from glue.core.pipeline_rules import PIPELINE_RULES
from glue.core.routes import Occasion
from glue.core.rules import BY_METRIC
from glue.core.storable import storable

LISTED = 20
"""Items that a message names; the others are a count."""

LONGEST = 16_000
"""Characters of a rendered text: what is more is cut."""

AROUND = timedelta(minutes=30)
"""What the linked dashboard shows before the moment, and after it."""

OUTAGE = "outage"
"""The cause that silent robots share with the rules of the pipeline."""

_OUTAGE_METRICS = frozenset(
    rule.metric for rule in PIPELINE_RULES if not rule.per_robot or rule.metric == "silence"
)

TITLE = "{{ heading }}"
BODY = """\
{% for item in items -%}
{{ item.title }}{% if item.severity and item.occasion != 'resolved' %} ({{ item.severity }})\
{% endif %}
{% if item.value is not none %}\
  value {{ item.value_text }}{% if item.limit is not none %}, limit {{ item.limit_text }}{% endif %}
{% endif %}\
  since {{ item.since_text }}\
{% if item.ended_text %}, over {{ item.ended_text }}{% endif %}\
{% if item.reason %} ({{ item.reason }}){% endif %}
{% if item.openings %}\
  opened {{ item.openings }} times in a short while; the next word of it comes when it settles or
  becomes worse
{% endif %}\
{% if item.acknowledged_text %}\
  {{ item.acknowledged_text }}
{% endif %}\
{% if item.dashboard %}\
  dashboard: {{ item.dashboard }}
{% endif %}
{% endfor -%}
{% if more %}and {{ more }} more
{% endif %}\
{% if acknowledge %}\
Acknowledge{% if count > 1 %} all or some{% endif %}: {{ acknowledge }}
{% endif %}"""


class BadTemplate(ValueError):
    """A template cannot be rendered; the text says where."""


@dataclass(frozen=True)
class Places:
    """Roots of addresses as a browser reaches them, without a slash at their end, and the fleet's
    zone. ``acknowledge`` is where this message can be acknowledged, '' where it cannot."""

    grafana: str
    zone: str
    acknowledge: str = ""


@dataclass(frozen=True)
class Happened:
    """One transition as the record has it. Times are aware; ``value`` and ``limit`` in the
    metric's unit."""

    alert_id: int
    occasion: Occasion
    severity: str
    metric: str
    robot_id: str
    title: str
    text: str
    value: float | None
    limit: float | None
    since: datetime
    ended_at: datetime | None = None
    reason: str | None = None
    openings: int | None = None
    """How often it had opened when it was told that it flaps."""
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None


@dataclass(frozen=True)
class Item:
    """One transition as templates have it. ``since_text`` and ``ended_text`` are in the fleet's
    zone."""

    alert_id: int
    occasion: str
    severity: str
    metric: str
    robot_id: str
    title: str
    text: str
    value: float | None
    limit: float | None
    unit: str
    value_text: str
    limit_text: str
    since_text: str
    ended_text: str
    reason: str
    dashboard: str
    acknowledge: str
    openings: int = 0
    acknowledged_text: str = ""


@dataclass(frozen=True)
class Message:
    """``kind`` is how messengers colour it: failure, warning, info or success."""

    title: str
    body: str
    kind: str = "info"


def group_key(metric: str, occasion: Occasion) -> str:
    """Transitions with the same key may be one message: of one cause, and all of them beginnings,
    ends, escalations or repetitions."""
    what = "began" if occasion in ("opened", "raised") else occasion
    return f"{cause(metric)}/{what}"


def cause(metric: str) -> str:
    """What an alert of ``metric`` is put down to."""
    return OUTAGE if metric in _OUTAGE_METRICS else metric or "other"


def is_shared(metric: str) -> bool:
    """Whether the cause concerns many robots at a time, so that messages of it keep a distance."""
    return cause(metric) == OUTAGE


def compose(
    happened: Sequence[Happened],
    places: Places,
    title: str | None = None,
    body: str | None = None,
) -> Message:
    """One message of all ``happened``, the worst first. Where a target's own template fails, the
    shipped one is taken, so that nobody is left untold; the message then says so."""
    ranked = sorted(happened, key=lambda one: -RANK.get(one.severity, 1))
    values = _values(ranked, places)
    kind = _kind(ranked)
    try:
        return Message(_line(_render(title or TITLE, values)), _render(body or BODY, values), kind)
    except BadTemplate as error:
        return shipped(happened, places, str(error))


def shipped(happened: Sequence[Happened], places: Places, failure: str) -> Message:
    """The message by the shipped templates, in place of a target's own that failed."""
    told = compose(happened, places)
    return replace(told, body=f"{told.body}\n(The template of this target failed: {failure})")


def check(title: str | None, body: str | None) -> None:
    """Render the templates with an example. Raises :class:`BadTemplate`."""
    values = _values([EXAMPLE], Places("http://grafana", "UTC", "http://glue/a"))
    ended = replace(EXAMPLE, occasion="resolved", ended_at=EXAMPLE.since, value=None, limit=None)
    for some in (values, _values([ended] * (LISTED + 1), Places("", "UTC"))):
        _render(title or TITLE, some)
        _render(body or BODY, some)


def _values(ranked: Sequence[Happened], places: Places) -> dict[str, Any]:
    items = [_item(one, places) for one in ranked[:LISTED]]
    return {
        "items": items,
        "first": items[0],
        "count": len(ranked),
        "more": len(ranked) - len(items),
        "severity": ranked[0].severity,
        "occasion": ranked[0].occasion,
        "heading": heading(ranked),
        "acknowledge": "" if all(one.ended_at for one in ranked) else places.acknowledge,
    }


def heading(ranked: Sequence[Happened]) -> str:
    """The title that ships: what happened, to how many."""
    first = ranked[0]
    word = {
        "resolved": "Resolved",
        "escalated": f"Not acknowledged, {first.severity}",
        "repeated": f"Still {first.severity}",
    }.get(first.occasion, first.severity.capitalize())
    if first.openings:
        word = f"Flapping, {first.severity}"
    if first.ended_at and first.occasion != "resolved":
        # It took so long to tell.
        word += ", over by now"
    if len(ranked) == 1:
        return f"{word}: {first.title}"
    robots = {one.robot_id for one in ranked if one.robot_id}
    stack = [one for one in ranked if not one.robot_id]
    titles = list(dict.fromkeys(one.title for one in stack))
    if robots:
        what = _plural(next(one.metric for one in ranked if one.robot_id))
        titles.append(f"{len(robots)} robots: {what}" if len(robots) > 1 else ranked[-1].title)
    return f"{word}: {', '.join(titles)}"


def _plural(metric: str) -> str:
    known, rule = METRICS.get(metric), BY_METRIC.get(metric)
    if known is not None:
        return f"{known.title} too {known.direction}"
    return rule.title.lower() if rule else "alerts"


def dashboard_link(happened: Happened, places: Places) -> str:
    """The rule's panel at the time of it; '' without Grafana."""
    rule = BY_METRIC.get(happened.metric)
    if rule is None or not places.grafana:
        return ""
    asked: dict[str, int | str] = {
        "from": _milliseconds(happened.since - AROUND),
        "to": _milliseconds((happened.ended_at or happened.since) + AROUND),
        "viewPanel": rule.panel,
    }
    if happened.robot_id:
        asked["var-robot"] = happened.robot_id
    return f"{places.grafana}/d/{rule.dashboard}?{urlencode(asked)}"


def _item(one: Happened, places: Places) -> Item:
    rule = BY_METRIC.get(one.metric)
    unit = rule.unit if rule else ""
    zone = ZoneInfo(places.zone)
    return Item(
        alert_id=one.alert_id,
        occasion=one.occasion,
        severity=one.severity,
        metric=one.metric,
        robot_id=one.robot_id,
        title=one.title,
        text=one.text,
        value=one.value,
        limit=one.limit,
        unit=unit,
        value_text=_quantity(one.value, unit),
        limit_text=_quantity(one.limit, unit),
        since_text=_when(one.since, zone),
        ended_text=_when(one.ended_at, zone) if one.ended_at else "",
        reason=one.reason or "",
        dashboard=dashboard_link(one, places),
        openings=one.openings or 0,
        acknowledged_text=_acknowledged(one),
        acknowledge="" if one.ended_at else places.acknowledge,
    )


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's, without what makes a short template fill the memory or take for ever."""

    intercepted_binops = frozenset(("**", "*", "%"))
    endless = frozenset(("center", "ljust", "rjust", "zfill", "format", "format_map", "replace"))

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False)
        del self.globals["range"], self.globals["lipsum"]
        for name in ("center", "indent", "format", "replace", "wordwrap", "xmlattr"):
            del self.filters[name]

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(one, int | float) for one in (left, right)):
            raise SecurityError(f"{operator} is for two numbers here, and powers are not allowed")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr not in self.endless and super().is_safe_attribute(obj, attr, value)


@lru_cache(maxsize=100)
def _compiled(text: str) -> Template:
    return _Sandbox().from_string(text)


def _render(text: str, values: dict[str, Any]) -> str:
    try:
        return str(storable(_rendered(text, values)[:LONGEST])).strip()
    except MemoryError:
        raise
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise BadTemplate(f"{error.message or type(error).__name__}{where}") from None
    except Exception as error:  # whatever the template's own expressions raise
        raise BadTemplate(f"{type(error).__name__}: {error}"[:300]) from None


def _rendered(text: str, values: dict[str, Any]) -> str:
    parts, length = [], 0
    for part in _compiled(text).generate(values):
        parts.append(part)
        length += len(part)
        if length > LONGEST:
            break
    return "".join(parts)


def _line(text: str) -> str:
    # A title with a line break could add headers to an e-mail.
    return " ".join(text.split())[:250]


def _kind(ranked: Iterable[Happened]) -> str:
    first = next(iter(ranked))
    if first.occasion == "resolved":
        return "success"
    return {"critical": "failure", "warning": "warning"}.get(first.severity, "info")


def _quantity(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.4g} {unit}".strip()


def _when(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _acknowledged(one: Happened) -> str:
    """Who looks after it, and how soon he said so."""
    if one.acknowledged_at is None:
        again = one.occasion in ("repeated", "escalated")
        return "nobody has acknowledged it" if again else ""
    took = max(0, round((one.acknowledged_at - one.since).total_seconds()))
    soon = f"{took} s" if took < 120 else f"{took // 60} min"
    if took >= 7200:
        soon = f"{took // 3600} h"
    return f"acknowledged by {one.acknowledged_by or 'somebody'}, {soon} after it began"


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def test(who: str, now: datetime, zone: ZoneInfo) -> Message:
    """What a test of a target sends; nobody shall take it for an alert."""
    return Message(
        "Test message: nothing has happened",
        f"{who} tests at {_when(now, zone)} whether messages arrive here. This is no alert, and"
        " there is nothing to do.",
    )


EXAMPLE = Happened(
    alert_id=1,
    occasion="opened",
    severity="warning",
    metric="temperature",
    robot_id="tonypi_01",
    title="tonypi_01: CPU temperature too high",
    text="CPU temperature is 71.5 °C, above the warning limit of 70 °C.",
    value=71.5,
    limit=70.0,
    since=datetime.fromisoformat("2026-01-31T08:00:00+00:00"),
)
"""What templates are tried with."""
