"""Facts to content: the sections that were chosen, a summary of them, and what is missing."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from glue.core.report import words
from glue.core.report.content import Content, Figure, Kind, Period, Scope, Section
from glue.core.report.facts import Facts
from glue.core.report.periods import before
from glue.core.report.request import Request
from glue.core.report.sections import BUILD, availability

TITLES: dict[Kind, str] = {
    "performance": "Performance",
    "job": "Jobs",
    "system": "System",
    "battery": "Batteries",
    "custom": "Report",
}
SERIES = {"availability", "load", "temperature", "servos", "battery"}
"""Sections made of readings."""
TOLD = 4
"""Comparisons in the summary."""


def compose(facts: Facts) -> Content:
    """The whole report."""
    request = facts.request
    sections = [
        BUILD[name](facts).model_copy(update={"links": list(facts.links.get(name, ()))})
        for name in request.chosen
    ]
    return Content(
        kind=request.kind,
        title=request.title or title(request, facts),
        scope=scope(facts),
        period=facts.period,
        before=before(facts.period, request.tz),
        zone=request.zone,
        made_at=facts.made_at,
        summary=summary(facts, sections),
        missing=missing(facts),
        sections=sections,
    )


def scope(facts: Facts) -> Scope:
    count = len(facts.robots)
    request, robots = facts.request, words.counted(count, "robot")
    if request.scope == "fleet":
        return Scope(kind="fleet", title=f"Fleet of {robots}", count=count)
    named = [(robot.id, robot.name) for robot in facts.robots]
    told = f"{request.group}, {robots}" if request.group else robots
    if request.scope == "robot":
        told = facts.robots[0].title if facts.robots else request.robots[0]
    return Scope(kind=request.scope, title=told, count=count, robots=named)


def title(request: Request, facts: Facts) -> str:
    """``Performance: Ada (r1), 16 to 22 Nov 2026``."""
    of = scope(facts)
    about = "fleet" if of.kind == "fleet" else request.group or of.title
    said = f"{TITLES[request.kind]}: {about}, {span(facts.period, request.tz)}"
    return said if len(said) <= 200 else said[:199] + "…"


def span(period: Period, zone: ZoneInfo) -> str:
    """The days in words; with times where they do not begin at midnight."""
    since, until = (at.astimezone(zone) for at in (period.since, period.until))
    if since.time() == until.time() == datetime.min.time():
        last = (until.replace(tzinfo=None) - datetime.resolution).date()
        first = since.date()
        if first == last:
            return f"{first.day} {first:%b %Y}"
        if first.year != last.year:
            return f"{first.day} {first:%b %Y} to {last.day} {last:%b %Y}"
        month = "" if first.month == last.month else f" {first:%b}"
        return f"{first.day}{month} to {last.day} {last:%b %Y}"
    if since.date() == until.date() and since.utcoffset() == until.utcoffset():
        return f"{since.day} {since:%b %Y, %H:%M} to {until:%H:%M}"
    return f"{since.day} {since:%b %Y, %H:%M} to {until.day} {until:%b %Y, %H:%M}"


def summary(facts: Facts, sections: list[Section]) -> list[str]:
    """The sentences of the sections, then what changed most for better or worse."""
    if not facts.robots:
        return [
            "There are no robots to report on: none was registered before this period ended, or"
            " all were removed."
        ]
    said = [" ".join(section.text[:2]) for section in sections if section.text]
    changed = [one for section in sections for one in section.figures if words.verdict(one)]
    changed.sort(key=_weight, reverse=True)
    for verdict, begin in (("bad", "Worse than before: "), ("good", "Better than before: ")):
        found = [_compared(one) for one in changed if words.verdict(one) == verdict]
        if found:
            said.append(begin + "; ".join(found[:TOLD]) + ".")
    return said


def _weight(figure: Figure) -> float:
    assert figure.value is not None and figure.before is not None
    largest = max(abs(figure.value), abs(figure.before), 1e-9)
    return abs(figure.value - figure.before) / largest


def _compared(figure: Figure) -> str:
    now, was = (words.amount(v, figure.unit, figure.digits) for v in (figure.value, figure.before))
    label = (
        figure.label if figure.label[:2].isupper() else figure.label[0].lower() + figure.label[1:]
    )
    return f"{label} {now} (was {was})"


def missing(facts: Facts) -> list[str]:
    """What the reader would look for in vain, and why."""
    said = []
    zone = facts.request.tz
    wants_series = bool(SERIES & set(facts.request.chosen))
    if facts.later:
        was = "was" if len(facts.later) == 1 else "were"
        listed = words.listed(list(facts.later), 10)
        said.append(f"{listed} {was} registered after this period, and left out.")
    if facts.unknown:
        verb = "is" if len(facts.unknown) == 1 else "are"
        said.append(f"{words.listed(list(facts.unknown), 10)} {verb} not registered, and left out.")
    if facts.period.until > facts.made_at:
        said.append("The period was not over when this report was made.")
    if wants_series:
        said += _kept(facts)
        silent = availability.silent_days(facts) if facts.heard else []
        after = [n for n in silent if not _dropped(facts, facts.days[n])]
        if after:
            days = [
                f"{d.day} {d:%b}" for n in after for d in [facts.days[n].since.astimezone(zone)]
            ]
            said.append(f"No robot sent anything on {words.listed(days, 7)}.")
    return said


def _kept(facts: Facts) -> list[str]:
    if facts.kept_since is None:
        return []
    since = facts.kept_since.astimezone(facts.request.tz)
    when = f"{since.day} {since:%b %Y %H:%M}"
    if facts.period.until <= facts.kept_since:
        return [
            f"Readings of this time are no longer kept: InfluxDB drops those from before {when}"
            " (INFLUXDB_RETENTION_DAYS). Jobs and alerts are complete."
        ]
    if facts.period.since < facts.kept_since:
        return [
            f"Readings from before {when} are no longer kept (INFLUXDB_RETENTION_DAYS): charts"
            " begin there, and figures are of what is left. Jobs and alerts are complete."
        ]
    if before(facts.period, facts.request.tz).since < facts.kept_since and not facts.earlier:
        return [
            "Readings of the period before are not kept as long (INFLUXDB_RETENTION_DAYS), and no"
            " report of it was made: they are not compared."
        ]
    return []


def _dropped(facts: Facts, day: Period) -> bool:
    return facts.kept_since is not None and day.until <= facts.kept_since
