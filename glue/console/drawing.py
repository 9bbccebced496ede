"""Pictures on pages: readings with their limits, live and beside a backtest's episodes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from markupsafe import Markup

from glue import charts
from glue.api.fleet.backtest_shapes import Episode, Preview
from glue.charts import svg
from glue.charts.line import LEFT, RIGHT
from glue.console import browser
from glue.console.words import duration, stamp
from glue.core.metrics import METRICS, Metric
from glue.core.reading_history import Stretch
from glue.series import SeriesError, readings

WIDE, NARROW = 860.0, 440.0
"""About as many pixels as the pictures get, so that their letters are as large as the page's."""
ROW = 22.0
"""Height of a row of episodes."""

GAPS = 6
"""Missing points that a line bridges; then it is broken."""


@dataclass(frozen=True)
class Drawn:
    """A chart and its title; ``trouble`` says why there is none."""

    title: str
    picture: Markup
    trouble: str = ""


async def live(
    request: Request,
    limits: Mapping[str, Mapping[str, float]],
    hours: float,
    robot_id: str | None = None,
) -> list[Drawn]:
    """A chart of every metric of the last ``hours``."""
    until = time.time()
    drawn = []
    for metric in METRICS.values():
        span = (until - hours * 3600, until)
        try:
            picture = await _lines(request, metric, limits.get(metric.name), span, robot_id, NARROW)
            drawn.append(Drawn(metric.title, picture))
        except SeriesError as error:
            drawn.append(Drawn(metric.title, Markup(), str(error)[:300]))
    return drawn


async def of_preview(request: Request, found: Preview) -> Drawn:
    """The readings, the limits that were tried, and below them the episodes that they would have
    made and those that happened."""
    metric = METRICS[found.metric]
    span = (found.since.timestamp(), found.until.timestamp())
    limits = {"warning": found.limits.warning, "critical": found.limits.critical}
    try:
        lines = await _lines(request, metric, limits, span, found.robot_id, WIDE)
    except SeriesError as error:
        return Drawn(metric.title, Markup(), str(error)[:300])
    rows = [("Would", found.would_episodes), ("Happened", found.happened_episodes)]
    return Drawn(metric.title, lines + _episodes(request, rows, span))


async def _lines(
    request: Request,
    metric: Metric,
    limits: Mapping[str, float] | None,
    span: tuple[float, float],
    robot_id: str | None,
    width: float,
) -> Markup:
    stretch = Stretch(int(span[0] * 1000), int(span[1] * 1000))
    line = await readings.line(request.app.state.series, metric, stretch, robot_id)
    furthest = "Highest" if metric.direction == "high" else "Lowest"
    named = [charts.Series(furthest, [(at / 1000, worst) for at, worst, _ in line.points])]
    if robot_id is None or metric.name == "servo_temp":
        named.append(charts.Series("Mean", [(at / 1000, mean) for at, _, mean in line.points]))
    drawn = charts.lines(
        named,
        title=metric.title,
        unit=metric.unit,
        span=span,
        zone=browser.zone(request),
        limits=[
            charts.Limit(limits["warning"], "warning"),
            charts.Limit(limits["critical"], "critical"),
        ]
        if limits
        else [],
        gap=GAPS * line.every / 1000,
        theme=charts.CSS,
        width=width,
    )
    # Written by glue.charts, which escapes what it is given.
    return Markup(drawn)


def _episodes(
    request: Request, rows: Sequence[tuple[str, list[Episode]]], span: tuple[float, float]
) -> Markup:
    """One row of bars for each list, under the same axis of time."""
    since, until = span
    across = WIDE - LEFT - RIGHT
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
            tip = svg.element("title", str(Markup.escape(_said(request, one))))
            parts.append(
                svg.element("rect", tip, x=x, y=y, width=long, height=ROW / 2, fill=colour)
            )
        told.append(f"{name} {len(episodes)}")
    height = ROW * 1.6 * len(rows)
    return Markup(svg.picture(WIDE, height, "Episodes", ", ".join(told), parts))


def _said(request: Request, one: Episode) -> str:
    at = stamp(one.starts_at, browser.zone(request))
    if one.ended_at is None:
        return f"{one.robot_id}: {one.severity} from {at}, open at the end"
    spent = (one.ended_at - one.starts_at).total_seconds()
    return f"{one.robot_id}: {one.severity} from {at}, {duration(spent)}"
