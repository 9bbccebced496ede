"""Facts of fleets of any size for reports, made up but of the same shape as what is read."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from glue.core.report import periods
from glue.core.report.content import Period
from glue.core.report.facts import (
    AlertGroup,
    Alerts,
    Facts,
    JobGroup,
    Jobs,
    Logs,
    Reading,
    Robot,
    Stats,
)
from glue.core.report.links import dashboards
from glue.core.report.request import Request
from glue.core.report.wear import Wear

SINCE = datetime(2026, 11, 15, 23, tzinfo=UTC)
"""Monday, midnight in Berlin."""
NAMES = ("Ada", "Zoë", "Робот", "Ρομπότ", "机器人", "로봇", "روبوت", "🤖 bot", "")
LIMITS = {
    "cpu": (70.0, 90.0),
    "memory": (75.0, 90.0),
    "temperature": (70.0, 80.0),
    "battery": (20.0, 10.0),
    "servo_temp": (60.0, 75.0),
}


def request(
    kind: str = "custom", robots: tuple[str, ...] = (), days: int = 7, **more: object
) -> Request:
    every = ("availability", "load", "temperature", "servos", "battery", "jobs", "alerts", "logs")
    zone = str(more.pop("zone", "Europe/Berlin"))
    values = {
        "kind": kind,
        "robots": robots,
        "since": SINCE,
        "until": SINCE + timedelta(days=days),
        "zone": zone,
        "sections": every if kind == "custom" else (),
        **more,
    }
    return Request.model_validate(values)


def facts(
    robots: int = 3, asked: Request | None = None, silent: frozenset[int] = frozenset(),
    level: float = 1.0, before: bool = True,
) -> Facts:  # fmt: skip
    """Of ``robots`` over the days of ``asked``, silent on some; ``level`` raises everything."""
    asked = asked or request()
    period = Period(since=asked.since, until=asked.until)
    days = periods.days(period, asked.tz)
    known = [
        Robot(
            f"r{n}",
            NAMES[n % len(NAMES)] + (f" {n}" if robots > 9 else ""),
            SINCE - timedelta(days=90),
        )
        for n in range(robots)
    ]
    heard_days = [n for n in range(len(days)) if n not in silent]

    def reading(mean: float, spread: float, side: str = "highest") -> Reading:
        by_robot = {}
        for n, robot in enumerate(known):
            one: list[Stats | None] = [None] * len(days)
            for day in heard_days:
                middle = mean * level + (n * 7 + day * 3) % 10
                one[day] = Stats(8640, middle, middle - spread, middle + spread)
            by_robot[robot.id] = one
        every = periods.window(period)
        points, extreme = [], []
        for day in heard_days:
            at = days[day].since.timestamp()
            while at < days[day].until.timestamp():
                value = mean * level + 6 * math.sin(at / 14_000)
                points.append((at, round(value, 1)))
                extreme.append((at, round(value + (spread if side == "highest" else -spread), 1)))
                at += every
        return Reading(by_robot, {"mean": points, side: extreme})

    local = [f"{d.since.astimezone(asked.tz):%Y-%m-%d}" for d in days]
    whole = JobGroup("", 40 * robots, 3 * robots, 1, 900 * robots, 620.0, 1.08)
    return Facts(
        request=asked,
        period=period,
        made_at=asked.until + timedelta(hours=6),
        days=days,
        robots=known,
        limits=LIMITS,
        readings={
            "cpu": reading(38, 30),
            "memory": reading(51, 12),
            "disk": reading(40, 1),
            "temperature": reading(55, 14),
            "servo_temp": reading(45, 24),
            "battery": reading(62, 45, "lowest"),
        },
        heard={
            robot.id: [0.0 if d in silent else 80_000.0 - 700 * (n % 90) for d in range(len(days))]
            for n, robot in enumerate(known)
        },
        worst_servos=[
            (robot.id, f"servo_{s}", Stats(50_000, 44.0, 30.0, 78.0 - n - s / 2))
            for n, robot in enumerate(known[:8])
            for s in range(1, 7)
        ],
        wear={
            robot.id: [
                Wear() if d in silent else Wear(140, 139, 9 - 0.2 * d - n % 3, 2, d % 2, None)
                for d in range(len(days))
            ]
            for n, robot in enumerate(known)
        },
        jobs=Jobs(
            whole,
            [
                JobGroup(robot.id, 40, 3, 0, 900, 620.0 + n, 1.0 + n / 100)
                for n, robot in enumerate(known)
            ],
            [
                JobGroup(day, 5 * robots, n % 3, 0, 90, 600.0, 1.0)
                for n, day in enumerate(local)
            ],
            [JobGroup("sort the red boxes", 25 * robots, robots, 0, 500, 700.0, 1.1),
             JobGroup("巡回", 15 * robots, 2 * robots, 1, 400, 500.0, None)],
            [("lost sight of the marker", 2 * robots), ("cancelled", robots)],
        ),
        alerts=Alerts(
            AlertGroup("", robots, 4 * robots, 0, 1, 240.0, 900.0),
            [AlertGroup(robot.id, 1, 4, 0, 0, 240.0, 900.0) for robot in known],
            [AlertGroup("servo_temp", robots, 2 * robots, 0, 1, 240.0, 900.0),
             AlertGroup("battery", 0, 2 * robots, 0, 0, None, 1200.0)],
            [
                AlertGroup(day, n % 3, 2 + n % 2, 0, 0, 240.0, 900.0)
                for n, day in enumerate(local)
            ],
        ),
        logs=Logs({"INFO": 900, "WARNING": 40, "ERROR": 6}, [("r0", 4, 12), ("r1", 2, 9)]),
        kept_since=asked.since - timedelta(days=30),
        links=dashboards(asked, "http://localhost:3000"),
        before=facts(robots, _earlier(asked), level=0.9, before=False) if before else None,
    )  # fmt: skip


def _earlier(asked: Request) -> Request:
    was = periods.before(Period(since=asked.since, until=asked.until), asked.tz)
    return asked.model_copy(update={"since": was.since, "until": was.until})
