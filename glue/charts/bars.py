"""Bars: amounts by name, and amounts by day in parts that add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from glue.charts import axes, svg
from glue.charts.line import (
    BOTTOM,
    EMPTY,
    LEFT,
    RIGHT,
    TOP,
    Key,
    Limit,
    heading,
    legend,
    value_axis,
)
from glue.charts.themes import LIGHT, Theme

HEAD = 26.0
"""Height of the title above horizontal bars, which have no legend."""
ROW = 20.0
"""Height of a horizontal bar with its name."""

Tone = Literal["", "good", "warning", "critical"]


@dataclass(frozen=True)
class Bar:
    """An amount by name, 0 or more; None where it is not known."""

    name: str
    value: float | None


@dataclass(frozen=True)
class Stack:
    """One part of every column: ``amounts`` in the order of the columns' names."""

    name: str
    amounts: Sequence[float]
    tone: Tone = ""


def bars(
    found: Sequence[Bar],
    *,
    title: str,
    unit: str = "",
    limits: Sequence[Limit] = (),
    theme: Theme = LIGHT,
    width: float = 720,
) -> str:
    """SVG of horizontal bars, one below the other, as high as they need."""
    known = [one.value for one in found if one.value is not None]
    names = min(max((len(one.name) for one in found), default=0), 28)
    left = 12 + names * svg.SIZE * 0.62
    across = width - left - 64
    most = max([*known, *(one.value for one in limits)], default=0) or 1.0
    height = HEAD + max(len(found), 1) * ROW + 4
    parts = heading(title, unit, width, theme)
    for row, one in enumerate(found):
        y = HEAD + row * ROW
        parts.append(svg.text(left - 8, y + 13, svg.shortened(one.name, 28), theme.ink, "end"))
        long = across * max(one.value or 0.0, 0.0) / most
        parts.append(
            svg.element(
                *("rect",), x=left, y=y + 4, width=long, height=ROW - 8, rx=2, fill=theme.colour(0),
            )
        )  # fmt: skip
        said = "no data" if one.value is None else axes.written(one.value)
        parts.append(svg.text(left + long + 6, y + 13, said, theme.quiet))
    for limit in limits:
        x = left + across * limit.value / most
        parts.append(
            svg.element(
                *("line",), x1=x, x2=x, y1=HEAD, y2=height - 4, stroke=limit.colour(theme),
                stroke_dasharray="6 4",
            )
        )  # fmt: skip
    if not found:
        parts.append(svg.text(width / 2, HEAD + 14, EMPTY, theme.quiet, "middle"))
    told = "; ".join(
        f"{one.name} {'no data' if one.value is None else axes.written(one.value)}" for one in found
    )
    return svg.picture(width, height, title, f"{told}." if told else EMPTY, parts)


def columns(
    names: Sequence[str],
    stacks: Sequence[Stack],
    *,
    title: str,
    unit: str = "",
    theme: Theme = LIGHT,
    width: float = 720,
    height: float = 200,
) -> str:
    """SVG of one column for each name, of parts on top of each other."""
    sums = [sum(stack.amounts[n] for stack in stacks) for n in range(len(names))]
    marks = axes.values(0.0, max([*sums, 1.0]), about=4)
    down = height - TOP - BOTTOM
    slot = (width - LEFT - RIGHT) / max(len(names), 1)
    colours = [_colour(stack.tone, n, theme) for n, stack in enumerate(stacks)]

    def tall(value: float) -> float:
        return down * value / marks[-1]

    floor = height - BOTTOM
    axis = [(floor - tall(mark), axes.written(mark)) for mark in marks]
    parts = [*heading(title, unit, width, theme), *value_axis(axis, width, theme)]
    every = max(1, -(-len(names) * 52 // int(width - LEFT - RIGHT)))
    for n, name in enumerate(names):
        x, y = LEFT + n * slot, floor
        for stack, colour in zip(stacks, colours, strict=True):
            high = tall(stack.amounts[n])
            y -= high
            if high:
                parts.append(
                    svg.element(
                        *("rect",), x=x + slot * 0.15, y=y, width=slot * 0.7, height=high,
                        fill=colour,
                    )
                )  # fmt: skip
        if n % every == 0:
            parts.append(svg.text(x + slot / 2, floor + 19, name, theme.quiet, "middle"))
    if len(stacks) > 1:
        parts += legend(
            [Key(stack.name, colour) for stack, colour in zip(stacks, colours, strict=True)],
            width,
            theme,
        )
    if not any(sums):
        parts.append(svg.text(width / 2, TOP + down / 2, EMPTY, theme.quiet, "middle"))
    totals = [f"{stack.name} {axes.written(sum(stack.amounts))}" for stack in stacks]
    told = f"{', '.join(totals)} in {len(names)} columns." if any(sums) else EMPTY
    return svg.picture(width, height, title, told, parts)


def _colour(tone: Tone, position: int, theme: Theme) -> str:
    return str(getattr(theme, tone)) if tone else theme.colour(position)
