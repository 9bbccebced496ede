"""Lines over time: gaps stay gaps, limits are lines of their own, times are local."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal

from glue.charts import axes, svg
from glue.charts.themes import LIGHT, Theme

LEFT, RIGHT, TOP, BOTTOM = 46.0, 14.0, 44.0, 28.0
"""Around the plot. Above it stand the title and, below that, the legend."""
EMPTY = "No data in this time."

Point = tuple[float, float | None]
"""Unix seconds and the value; None where there is none."""


@dataclass(frozen=True)
class Series:
    """One line. Points are in the order of time; ``colour`` overrides the theme's."""

    name: str
    points: Sequence[Point]
    colour: str | None = None


@dataclass(frozen=True)
class Limit:
    """A value in force during the whole chart."""

    value: float
    severity: Literal["warning", "critical"]

    def colour(self, theme: Theme) -> str:
        return theme.critical if self.severity == "critical" else theme.warning


def lines(
    series: Sequence[Series],
    *,
    title: str,
    span: tuple[float, float],
    zone: tzinfo,
    unit: str = "",
    limits: Sequence[Limit] = (),
    gap: float | None = None,
    lowest: float | None = None,
    highest: float | None = None,
    theme: Theme = LIGHT,
    width: float = 720,
    height: float = 220,
) -> str:
    """SVG of ``series`` between the Unix times ``span``.

    Points further apart than ``gap`` seconds are not joined, nor are those beside a None.
    ``lowest`` and ``highest`` widen the axis of values, which else fits what is drawn.
    """
    since, until = span
    seen = [v for one in series for at, v in one.points if v is not None and since <= at <= until]
    bounds = seen + [limit.value for limit in limits if seen]
    bounds += [v for v in (lowest, highest) if v is not None]
    marks = axes.values(min(bounds, default=0.0), max(bounds, default=1.0))
    low, high = marks[0], marks[-1]
    across, down = width - LEFT - RIGHT, height - TOP - BOTTOM

    def x(at: float) -> float:
        return LEFT + across * (at - since) / max(until - since, 1e-9)

    def y(value: float) -> float:
        return TOP + down * (high - value) / (high - low)

    parts = heading(title, unit, width, theme)
    told = [(y(mark), axes.written(mark) if bounds else "") for mark in marks]
    parts += value_axis(told, width, theme)
    when = [(x(at), said) for at, said in axes.times(since, until, zone)]
    parts += time_axis(when, width, height, theme)
    parts.append(svg.text(width - RIGHT, 12, zone_name(span, zone), theme.quiet, "end"))
    for position, one in enumerate(series):
        inside = [(at, v) for at, v in one.points if since <= at <= until]
        runs = [[(x(at), y(v)) for at, v in run] for run in unbroken(inside, gap)]
        parts += _line(runs, one.colour or theme.colour(position))
    shown = [one for one in limits if low <= one.value <= high]
    parts += [_limit(y(one.value), one, width, theme) for one in shown]
    if not seen:
        parts.append(svg.text(LEFT + across / 2, TOP + down / 2, EMPTY, theme.quiet, "middle"))
    keys = [Key(_named(one), one.colour(theme), dashed=True) for one in shown]
    if len(series) > 1:
        keys += [Key(one.name, one.colour or theme.colour(n)) for n, one in enumerate(series)]
    parts += legend(keys, width, theme)
    return svg.picture(width, height, title, described(series, unit, span, limits), parts)


def unbroken(points: Sequence[Point], gap: float | None) -> list[list[tuple[float, float]]]:
    """Runs of points that are joined."""
    runs: list[list[tuple[float, float]]] = []
    last: float | None = None
    for at, value in points:
        if value is None:
            last = None
            continue
        if last is None or (gap is not None and at - last > gap):
            runs.append([])
        runs[-1].append((at, value))
        last = at
    return runs


def described(
    series: Sequence[Series], unit: str, span: tuple[float, float], limits: Sequence[Limit] = ()
) -> str:
    """What the chart shows, in words."""
    told = []
    for one in series:
        seen = [v for at, v in one.points if v is not None and span[0] <= at <= span[1]]
        if seen:
            low, high, last = (axes.written(v) for v in (min(seen), max(seen), seen[-1]))
            told.append(f"{one.name}: lowest {low}, highest {high}, last {last} {unit}".rstrip())
    told += [f"{one.severity} limit {axes.written(one.value)} {unit}".rstrip() for one in limits]
    return "; ".join(told) + "." if told and any(one.points for one in series) else EMPTY


def zone_name(span: tuple[float, float], zone: tzinfo) -> str:
    """``Europe/Berlin (CET)``, or the offset where the zone has no name."""
    short = datetime.fromtimestamp(span[1], zone).tzname() or ""
    name = getattr(zone, "key", "") or short
    return name if name == short or short.startswith(("+", "-")) else f"{name} ({short})"


def heading(title: str, unit: str, width: float, theme: Theme) -> list[str]:
    said = f"{title}, {unit}" if unit else title
    said = svg.shortened(said, int(width / 8))
    return [svg.text(0, 12, said, theme.ink, font_weight=600)]


def value_axis(marks: list[tuple[float, str]], width: float, theme: Theme) -> list[str]:
    parts = []
    for y, told in marks:
        parts.append(svg.element("line", x1=LEFT, x2=width - RIGHT, y1=y, y2=y, stroke=theme.grid))
        parts.append(svg.text(LEFT - 6, y + 4, told, theme.quiet, "end"))
    return parts


def time_axis(
    marks: list[tuple[float, str]], width: float, height: float, theme: Theme
) -> list[str]:
    floor = height - BOTTOM
    parts = []
    for x, told in marks:
        parts.append(svg.element("line", x1=x, x2=x, y1=floor, y2=floor + 4, stroke=theme.quiet))
        # The last one ends with the picture.
        at_end = x > width - RIGHT - 12
        where, anchor = (width - 1, "end") if at_end else (x, "middle")
        parts.append(svg.text(where, floor + 19, told, theme.quiet, anchor))
    return parts


@dataclass(frozen=True)
class Key:
    """What a colour of the picture stands for."""

    name: str
    colour: str
    dashed: bool = False


def legend(keys: Sequence[Key], width: float, theme: Theme) -> list[str]:
    """A row below the title, of as many keys as have room."""
    parts, x = [], 0.0
    for key in keys:
        said = svg.shortened(key.name, 24)
        room = 18 + len(said) * svg.SIZE * 0.58
        if x + room > width - RIGHT:
            parts.append(svg.text(x, 30, "…", theme.quiet))
            break
        dashes = "4 2" if key.dashed else None
        parts.append(
            svg.element(
                *("line",), x1=x, x2=x + 10, y1=26.5, y2=26.5, stroke=key.colour, stroke_width=3,
                stroke_dasharray=dashes,
            )
        )  # fmt: skip
        parts.append(svg.text(x + 14, 30, said, theme.quiet, font_size=10))
        x += room + 8
    return parts


def _named(limit: Limit) -> str:
    return f"{limit.severity} {axes.written(limit.value)}"


def _limit(y: float, limit: Limit, width: float, theme: Theme) -> str:
    """Over the lines, so that none hides it; its name stands in the legend."""
    return svg.element(
        *("line",), x1=LEFT, x2=width - RIGHT, y1=y, y2=y, stroke=limit.colour(theme),
        stroke_dasharray="6 4",
    )  # fmt: skip


def _line(runs: list[list[tuple[float, float]]], colour: str) -> list[str]:
    """One path for all runs; a point between two gaps is a dot."""
    drawn = "".join(
        "M" + "L".join(f"{svg.number(x)} {svg.number(y)}" for x, y in run)
        for run in runs
        if len(run) > 1
    )
    dots = [
        svg.element("circle", cx=run[0][0], cy=run[0][1], r=2.0, fill=colour)
        for run in runs
        if len(run) == 1
    ]
    if not drawn:
        return dots
    path = svg.element(
        *("path",), d=drawn, fill="none", stroke=colour, stroke_width=1.6, stroke_linejoin="round",
    )  # fmt: skip
    return [path, *dots]
