"""A ledger of alerts: robots that cross their limit and say so, and what became of each crossing.

:class:`Fleet` makes readings cross the limit and come back, and writes down when it did: a reading
counts from the moment at which InfluxDB has it. :func:`settle` holds the rows of ``alerts`` against
that: every crossing is one episode, begun and ended while it lasted, or it is lost, told twice, or
told of what never was. :class:`Killer` ends programs at random, as ``kill -9`` does, and starts
them again.
"""

from __future__ import annotations

import bisect
import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from glue.settings import Settings
from glue.stack import process
from glue.stack.process import StartFailed
from tests.programs import Ground

LIMIT = 60.0
"""°C, of the servos as it ships; the critical one is 75, and below 57 it is over."""

TICK_S = 0.5


@dataclass(frozen=True)
class Crossing:
    """A robot's reading ``value`` was beyond ``limit`` from ``hot`` until ``cool``. Each is a pair:
    before the reading was written, and when it had been."""

    robot: str
    value: float
    limit: float
    hot: tuple[datetime, datetime]
    cool: tuple[datetime, datetime]


@dataclass
class _Robot:
    """``turns_at``: on the monotonic clock."""

    name: str
    turns_at: float
    value: float = 40.0
    crossings: int = 0
    hot: tuple[datetime, datetime] | None = None
    beyond: float = 0.0


class Fleet(threading.Thread):
    """``robots`` that cross their limit ``crossings`` times each, and stay on each side of it for a
    time drawn from ``dwell`` (s), and while ``pause`` is set. The ledger is ``done``."""

    def __init__(
        self,
        settings: Settings,
        robots: Sequence[str],
        crossings: int,
        dwell: tuple[float, float],
        luck: random.Random,
    ) -> None:
        super().__init__(daemon=True)
        self._luck = luck
        self._dwell = dwell
        self._crossings = crossings
        now = time.monotonic()
        self._robots = [_Robot(name, now + luck.uniform(0, dwell[0] / 2)) for name in robots]
        self._over = threading.Event()
        self.pause = threading.Event()
        self._client = httpx.Client(
            base_url=settings.influx.url,
            timeout=10,
            headers={"Authorization": f"Token {settings.influx.token.get_secret_value()}"},
        )
        self.done: list[Crossing] = []

    @property
    def crossing(self) -> bool:
        """Whether there is something still to come."""
        return any(one.crossings < self._crossings or one.hot for one in self._robots)

    def end(self) -> None:
        self._over.set()
        self.join()
        self._client.close()

    def run(self) -> None:
        while not self._over.wait(TICK_S):
            turned = [one for one in self._robots if self._is_due(one)]
            for one in turned:
                hot = one.hot is None
                one.value = round(
                    self._luck.uniform(61, 85) if hot else self._luck.uniform(30, 55), 1
                )
            before = datetime.now(UTC)
            self._write()
            when = before, datetime.now(UTC)
            for one in turned:
                self._note(one, when)

    def _is_due(self, one: _Robot) -> bool:
        more = one.hot is not None or one.crossings < self._crossings
        return more and time.monotonic() >= one.turns_at and not self.pause.is_set()

    def _note(self, one: _Robot, when: tuple[datetime, datetime]) -> None:
        one.turns_at = time.monotonic() + self._luck.uniform(*self._dwell)
        if one.hot is None:
            one.hot = when
            one.crossings += 1
            one.beyond = one.value
            return
        self.done.append(Crossing(one.name, one.beyond, LIMIT, one.hot, when))
        one.hot = None

    def _write(self) -> None:
        lines = "\n".join(
            f"servos,robot_id={one.name},servo_id=servo_1 temperature={one.value}"
            for one in self._robots
        )
        while not self._over.is_set():
            with contextlib.suppress(httpx.TransportError):
                answer = self._client.post(
                    "/api/v2/write?org=tonypi&bucket=robot_metrics", content=lines
                )
                if answer.is_success:
                    return
            time.sleep(0.2)


@dataclass(frozen=True)
class Row:
    """A row of ``alerts``."""

    robot: str
    starts_at: datetime
    ended_at: datetime | None
    origin: str = ""


class Evaluations:
    """When somebody evaluated, as the evaluators themselves wrote down."""

    def __init__(self) -> None:
        self._at: list[datetime] = []

    def add(self, at: datetime | None) -> None:
        if at is not None and (not self._at or at > self._at[-1]):
            self._at.append(at)

    def between(self, start: datetime, end: datetime) -> bool:
        position = bisect.bisect_left(self._at, start)
        return position < len(self._at) and self._at[position] <= end


@dataclass
class Settlement:
    """What became of the transitions, each crossing being two: a begin and an end. ``unseen``:
    nobody evaluated while it lasted, so that nobody could know; no alert was ever raised."""

    ok: int = 0
    unseen: int = 0
    lost: list[str] = field(default_factory=list)
    duplicate: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicate or self.unexpected)

    def __str__(self) -> str:
        late = sorted(self.late) or [0.0]
        median, p95 = late[len(late) // 2], late[int(len(late) * 0.95)]
        return (
            f"ok {self.ok}, unseen {self.unseen}, lost {len(self.lost)},"
            f" duplicate {len(self.duplicate)}, unexpected {len(self.unexpected)};"
            f" seconds after the crossing: median {median:.1f},"
            f" p95 {p95:.1f}, most {late[-1]:.1f}"
        )


CLOCKS = timedelta(seconds=3)
"""An evaluation of Grafana's bears the time of its tick, and reads some moments later, on a busy
machine or while PostgreSQL comes back some seconds. A reading stays longer than that."""


def settle(
    ledger: Iterable[Crossing], rows: Iterable[Row], evaluated: Evaluations | None = None
) -> Settlement:
    """Hold ``rows`` against the ledger. Without ``evaluated`` all of it could be seen."""
    found = Settlement()
    by_robot: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.starts_at):
        by_robot.setdefault(row.robot, []).append(row)
    crossings: dict[str, list[Crossing]] = {}
    for crossing in sorted(ledger, key=lambda one: one.hot):
        crossings.setdefault(crossing.robot, []).append(crossing)
    for robot, ones in crossings.items():
        _settle_robot(ones, by_robot.pop(robot, []), evaluated, found)
    found.unexpected += [_told(row) for rows in by_robot.values() for row in rows]
    return found


def _settle_robot(
    crossings: list[Crossing],
    rows: list[Row],
    evaluated: Evaluations | None,
    found: Settlement,
) -> None:
    def was_seen(start: datetime, end: datetime) -> bool:
        return evaluated is None or evaluated.between(start, end)

    starts = [one.hot[0] - CLOCKS for one in crossings]
    of: dict[int, list[Row]] = {}
    for row in rows:
        number = sum(start <= row.starts_at for start in starts) - 1
        if number < 0 or row.starts_at > crossings[number].cool[1] + CLOCKS:
            found.unexpected.append(_told(row))
        else:
            of.setdefault(number, []).append(row)
    for number, one in enumerate(crossings):
        mine = of.get(number, [])
        before = crossings[number - 1].cool[1] if number else None
        if not mine and not (
            was_seen(one.hot[1], one.cool[0]) and (before is None or was_seen(before, one.hot[0]))
        ):
            found.unseen += 2
            continue
        if not mine:
            found.lost += [f"begin and end of {one.robot} at {one.hot[0]:%H:%M:%S.%f}"] * 2
            continue
        row, *again = mine
        found.duplicate += [_told(more) for more in again]
        found.ok += 1
        found.late.append(max(0.0, (row.starts_at - one.hot[1]).total_seconds()))
        end = row.ended_at
        following = crossings[number + 1].hot[0] if number + 1 < len(crossings) else None
        late = following is not None and (end is None or end > following + CLOCKS)
        if late and following and not was_seen(one.cool[1], following):
            found.unseen += 1
        elif end is None or end < one.cool[0] - CLOCKS or late:
            found.lost.append(f"end of {one.robot} at {one.cool[0]:%H:%M:%S.%f}: {_told(row)}")
        else:
            found.ok += 1
            found.late.append(max(0.0, (end - one.cool[1]).total_seconds()))


def _told(row: Row) -> str:
    end = f"{row.ended_at:%H:%M:%S.%f}" if row.ended_at else "open"
    return f"{row.robot} {row.starts_at:%H:%M:%S.%f} to {end} ({row.origin})"


class Killer:
    """Kills one of ``victims`` every now and then and starts it again. To be called from the main
    thread: a program ends with the thread that started it."""

    def __init__(self, ground: Ground, victims: Sequence[str], luck: random.Random) -> None:
        self._ground = ground
        self._victims = list(victims)
        self._luck = luck
        self.killed: Counter[str] = Counter()
        self.died: Counter[str] = Counter()

    def strike(self, name: str | None = None, away: float = 0.0) -> None:
        """Kill ``name``, or one at random; it is back after ``away`` s and its own start."""
        name = name or self._luck.choice(self._victims)
        running = self._ground.running[name][1]
        running.send_signal(signal.SIGKILL)
        running.wait()
        self.killed[name] += 1
        time.sleep(away)
        self._start(name)

    def tend(self) -> None:
        """Start again what ended by itself, as its keeper would."""
        for name in self._victims:
            if self._ground.running[name][1].poll() is not None:
                self.died[name] += 1
                self._start(name)

    def _start(self, name: str) -> None:
        part = self._ground.running[name][0]
        for left in reversed(range(5)):
            started = process.start(part, self._ground.log(name))
            self._ground.running[name] = (part, started)
            try:
                process.await_ready(part, started, self._ground.log(name))
                return
            except StartFailed:
                # PostgreSQL waits until the processes of the killed one are gone.
                if not left:
                    raise
                time.sleep(1)


def wait_until(true: Callable[[], bool], within: float) -> bool:
    """Whether it became so."""
    ends = time.monotonic() + within
    while time.monotonic() < ends:
        if true():
            return True
        time.sleep(0.2)
    return False
