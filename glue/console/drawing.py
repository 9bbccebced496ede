"""Pictures on pages: readings with their limits, live and beside a backtest's episodes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from fastapi import Request
from markupsafe import Markup

from glue import charts
from glue.api.fleet.backtest_shapes import Episode, Preview
from glue.charts import svg
from glue.charts.line import LEFT, RIGHT
from glue.console import browser
from glue.console.words import duration, stamp
from glue.core.metrics import METRICS, SEVERITIES, Metric
from glue.core.reading_history import Stretch
from glue.series import Query, SeriesError, readings
from glue.series.readings import Line

WIDE, MIDDLE, NARROW = 860.0, 440.0, 340.0
"""About as many pixels as the pictures get, so that their letters are as large as the page's."""
ROW = 22.0
"""Height of a row of episodes."""

GAPS = 3
"""Missing points that a line bridges; then it is broken."""

REFRESH = {1: 10, 6: 60, 24: 300}
"""Seconds after which live charts of so many hours are read anew. InfluxDB counts every point of
that time, of all robots; a longer line moves more slowly anyway."""

NOTHING = Markup()

Limits = Mapping[str, float]
Span = tuple[float, float]


@dataclass(frozen=True)
class Drawn:
    """A chart and its title, and the same for a phone; ``trouble`` says why there is none."""

    title: str
    picture: Markup = NOTHING
    narrow: Markup = NOTHING
    trouble: str = ""


class LiveLines:
    """What live charts show, read once for everybody who looks at the same."""

    def __init__(self, series: Query) -> None:
        self._series = series
        self._known: dict[tuple[str, int, str | None], tuple[float, Line]] = {}
        self._one = asyncio.Lock()

    async def of(self, metric: Metric, hours: int, robot_id: str | None) -> tuple[Span, Line]:
        """The span and the readings in it. Raises ``SeriesError``."""
        key = (metric.name, hours, robot_id)
        async with self._one:
            now = time.time()
            self._known = {
                one: kept for one, kept in self._known.items() if now - kept[0] < REFRESH[one[1]]
            }
            if key not in self._known:
                stretch = Stretch(int((now - hours * 3600) * 1000), int(now * 1000))
                line = await readings.line(self._series, metric, stretch, robot_id)
                self._known[key] = (now, line)
            until, line = self._known[key]
        return (until - hours * 3600, until), line


async def live(
    request: Request,
    limits: Mapping[str, Limits],
    hours: int,
    robot_id: str | None = None,
) -> list[Drawn]:
    """A chart of every metric of the last ``hours``."""
    lines: LiveLines = request.app.state.live_lines
    zone = browser.zone(request)
    drawn = []
    for metric in METRICS.values():
        try:
            span, line = await lines.of(metric, hours, robot_id)
        except SeriesError as error:
            drawn.append(Drawn(metric.title, trouble=str(error)[:300]))
            continue
        wide, narrow = (
            _lines(metric, line, limits.get(metric.name), span, zone, width)
            for width in (MIDDLE, NARROW)
        )
        drawn.append(Drawn(metric.title, wide, narrow))
    return drawn


async def of_preview(request: Request, found: Preview) -> Drawn:
    """The readings, the limits that were tried, and below them the episodes that they would have
    made and those that happened."""
    metric = METRICS[found.metric]
    stretch = Stretch(*(int(at.timestamp() * 1000) for at in (found.since, found.until)))
    limits = {"warning": found.limits.warning, "critical": found.limits.critical}
    try:
        line = await readings.line(request.app.state.series, metric, stretch, found.robot_id)
    except SeriesError as error:
        return Drawn(metric.title, trouble=str(error)[:300])
    span = (stretch.since / 1000, stretch.until / 1000)
    zone = browser.zone(request)
    rows = [("Would have been", found.would_episodes), ("Happened", found.happened_episodes)]

    def drawn(width: float) -> Markup:
        return _lines(metric, line, limits, span, zone, width) + _episodes(rows, span, zone, width)

    return Drawn(metric.title, drawn(WIDE), drawn(NARROW))


def _lines(
    metric: Metric, line: Line, limits: Limits | None, span: Span, zone: ZoneInfo, width: float
) -> Markup:
    furthest = "Highest" if metric.direction == "high" else "Lowest"
    named = [charts.Series(furthest, [(at / 1000, worst) for at, worst, _ in line.points])]
    if any(worst != mean for _, worst, mean in line.points):
        named.append(charts.Series("Mean", [(at / 1000, mean) for at, _, mean in line.points]))
    drawn = charts.lines(
        named,
        title=metric.title,
        unit=metric.unit,
        span=span,
        zone=zone,
        limits=[charts.Limit(limits[severity], severity) for severity in SEVERITIES]
        if limits
        else [],
        gap=GAPS * line.every / 1000,
        theme=charts.CSS,
        width=width,
    )
    # Written by glue.charts, which escapes what it is given.
    return Markup(drawn)


def _episodes(
    rows: Sequence[tuple[str, list[Episode]]], span: Span, zone: ZoneInfo, width: float
) -> Markup:
    """One row of bars for each list, under the same axis of time."""
    since, until = span
    across = width - LEFT - RIGHT
    parts: list[str] = []
    told: list[str] = []
    for number, (name, episodes) in enumerate(rows):
        y = number * ROW * 1.6 + 14
        parts.append(svg.text(0, y - 3, f"{name}: {len(episodes)}", charts.CSS.ink))
        parts.append(
            svg.element("rect", x=LEFT, y=y, width=across, height=ROW / 2, fill=charts.CSS.grid)
        )
        # The graver on top.
        for one in sorted(episodes, key=lambda one: one.severity == "critical"):
            begin = max(one.starts_at.timestamp(), since)
            end = min(one.ended_at.timestamp() if one.ended_at else until, until)
            x = LEFT + across * (begin - since) / (until - since)
            long = max(2.0, across * (end - begin) / (until - since))
            colour = charts.CSS.critical if one.severity == "critical" else charts.CSS.warning
            tip = svg.element("title", str(Markup.escape(_said(one, zone))))
            parts.append(
                svg.element("rect", tip, x=x, y=y, width=long, height=ROW / 2, fill=colour)
            )
        told.append(f"{name} {len(episodes)}")
    height = ROW * 1.6 * len(rows)
    return Markup(svg.picture(width, height, "Episodes", ", ".join(told), parts))


def _said(one: Episode, zone: ZoneInfo) -> str:
    at = stamp(one.starts_at, zone)
    if one.ended_at is None:
        return f"{one.robot_id}: {one.severity} from {at}, open at the end"
    spent = (one.ended_at - one.starts_at).total_seconds()
    return f"{one.robot_id}: {one.severity} from {at}, {duration(spent)}"
