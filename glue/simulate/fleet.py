"""The loop that sends for all simulated robots, through one MQTT connection for the whole fleet.

A heap of due times drives it. When the broker or this process cannot keep up, what is overdue by
more than a period is skipped and counted, never bunched: a real robot would not catch up either.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from glue.broker import Message, Session
from glue.settings import Fleet as FleetSettings
from glue.simulate import commands, payloads, scenarios
from glue.simulate.payloads import Messages
from glue.simulate.robot import Robot, work
from glue.simulate.scenarios import Scenario

log = structlog.get_logger(__name__)

PERIOD_S = {
    "status": 10.0,
    "sensors": 2.0,
    "servos": 3.0,
    "location": 5.0,
    "battery": 30.0,
    "log": 30.0,
    "host": 30.0,
    "job": 1.0,
}
"""Seconds between two messages of a kind, at rate 1; ``job`` only looks whether there is news."""
FIRST_WITHIN_S = 2.0
"""Everything is sent once soon after the start, so that a dashboard fills at once."""
BACKLOG = 5_000
"""Messages that may wait for the socket before the loop pauses."""
BREATH = 200
"""Due times handled before commands get their turn."""


@dataclass
class Stats:
    """What was sent, by the second level of the topic; what could not be sent."""

    robots: int
    scenario: str
    rate: float
    seconds: float = 0.0
    published: Counter[str] = field(default_factory=Counter)
    unsent: int = 0
    skipped: int = 0
    commands: int = 0

    @property
    def total(self) -> int:
        return sum(self.published.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "robots": self.robots,
            "scenario": self.scenario,
            "rate": self.rate,
            "seconds": round(self.seconds, 3),
            "published": dict(sorted(self.published.items())),
            "total": self.total,
            "unsent": self.unsent,
            "skipped": self.skipped,
            "commands": self.commands,
        }


class Fleet:
    """``robots`` simulated robots on a connected ``session`` (subscribed to commands.TOPICS)."""

    def __init__(
        self,
        session: Session,
        settings: FleetSettings,
        *,
        robots: int,
        scenario: Scenario = "normal",
        rate: float = 1.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._session = session
        self._now = now
        self._rate = rate
        natures = [scenarios.nature(n, scenario) for n in range(1, robots + 1)]
        self._robots = {n.robot_id: Robot(n) for n in natures}
        self._zones = {
            n.robot_id: ZoneInfo(settings.robot_tz.get(n.robot_id, settings.tz)) for n in natures
        }
        self.stats = Stats(robots, scenario, rate)

    async def run(self, stop: asyncio.Event, seconds: float | None = None) -> Stats:
        """Sends until ``stop`` or for ``seconds``; ends with a clean ``offline`` of each robot."""
        self._start = time.monotonic()
        due = self._schedule()
        while not stop.is_set() and (seconds is None or self._t() < seconds):
            await self._listen()
            if self._session.connected and self._session.backlog > BACKLOG:
                await asyncio.sleep(0.01)
                continue
            for _ in range(BREATH):
                if due[0][0] > self._t():
                    break
                at, robot_id, kind = due[0]
                heapq.heapreplace(due, (self._after(at, kind), robot_id, kind))
                self._tick(self._robots[robot_id], kind)
            pause = min(due[0][0] - self._t(), 0.05)
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await stop.wait()
            else:
                await asyncio.sleep(0)
        await self._end()
        self.stats.seconds = self._t()
        return self.stats

    async def _end(self) -> None:
        for robot in self._robots.values():
            if not robot.off and scenarios.speaks(robot.nature, self._t()):
                self._send(payloads.status(robot, self._t(), self._clock(robot), "offline"))
            while self._session.connected and self._session.backlog > BACKLOG:
                await asyncio.sleep(0.01)
        await self._session.flush(10.0)

    def _schedule(self) -> list[tuple[float, str, str]]:
        draw = random.Random(len(self._robots))
        heap = [
            (draw.uniform(0, min(FIRST_WITHIN_S, PERIOD_S[kind])), robot_id, kind)
            for robot_id, robot in self._robots.items()
            for kind in PERIOD_S
            if kind != "host" or robot.nature.odd
        ]
        self._draw = draw
        heapq.heapify(heap)
        return heap

    def _after(self, at: float, kind: str) -> float:
        """When it is due again. The first time comes early, at random: the fleet must not send
        its slow messages all in the same two seconds of each half minute."""
        period = PERIOD_S[kind] / self._rate
        if at < min(FIRST_WITHIN_S, PERIOD_S[kind]) and period > FIRST_WITHIN_S:
            return at + period - self._draw.uniform(0, period - FIRST_WITHIN_S)
        late = self._t() - at
        if late > period:
            self.stats.skipped += int(late / period)
            return at + (int(late / period) + 1) * period
        return at + period

    def _t(self) -> float:
        return time.monotonic() - self._start

    def _clock(self, robot: Robot) -> datetime:
        """The robot's own clock: naive, in its zone, and wrong if its nature says so."""
        local = self._now().astimezone(self._zones[robot.robot_id]).replace(tzinfo=None)
        return local + timedelta(seconds=robot.nature.clock_error)

    def _tick(self, robot: Robot, kind: str) -> None:
        t, clock = self._t(), self._clock(robot)
        if robot.off or not scenarios.speaks(robot.nature, t):
            return
        if kind == "job":
            robot, word = work(robot, t)
            self._robots[robot.robot_id] = robot
            messages = payloads.job(robot, t, clock, word) if word else []
        else:
            messages = _SENDS[kind](robot, t, clock)
        self._send(messages)

    def _send(self, messages: Messages) -> None:
        for topic, payload in messages:
            if self._session.publish(topic, json.dumps(payload)):
                self.stats.published[topic.split("/")[1]] += 1
            else:
                self.stats.unsent += 1

    async def _listen(self) -> None:
        if not self._session.waiting:
            return
        for message in await self._session.batch(100, 0.0, 0.0):
            self._obey(message)

    def _obey(self, message: Message) -> None:
        whom = commands.addressee(message.topic)
        try:
            command = json.loads(message.payload)
        except (ValueError, RecursionError):
            return
        if whom is None or not isinstance(command, dict):
            return
        kind, robot_id = whom
        act = commands.obey if kind == "commands" else commands.emergency_stop
        for robot in self._addressed(robot_id):
            t, clock = self._t(), self._clock(robot)
            changed, messages = act(robot, t, clock, command)
            self._robots[robot.robot_id] = changed
            if changed.off:
                messages += payloads.status(changed, t, clock, "offline")
            self._send(messages)
            self.stats.commands += 1

    def _addressed(self, robot_id: str) -> list[Robot]:
        found = (
            list(self._robots.values())
            if robot_id == "broadcast"
            else [robot for robot in [self._robots.get(robot_id)] if robot]
        )
        return [
            robot for robot in found if not robot.off and scenarios.speaks(robot.nature, self._t())
        ]


_SENDS: dict[str, Callable[[Robot, float, datetime], Messages]] = {
    "sensors": payloads.sensors,
    "servos": payloads.servos,
    "location": payloads.location,
    "status": payloads.status,
    "battery": payloads.battery,
    "log": payloads.journal,
    "host": payloads.host,
}
