"""How a simulated robot's quantities move with time: cycles of straight lines plus a little noise.

Everything is a function of the seconds since the robot was switched on, so a run with the same
ids gives the same values.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

Scenario = Literal[
    "normal", "high-load", "servo-warning", "low-battery", "job", "silent", "clock", "mixed"
]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)

_MIXED: tuple[frozenset[str], ...] = (
    frozenset({"servo-warning"}),
    frozenset({"low-battery", "job"}),
    frozenset({"job"}),
    frozenset({"high-load"}),
    frozenset({"silent"}),
    frozenset({"clock"}),
)
"""What the first robots of ``mixed`` do; the others are normal and work on jobs now and then."""

Points = tuple[tuple[float, float], ...]
"""(seconds into the cycle, value), first at 0; the last second is the cycle's length."""

# Each plateau is longer than two evaluations (10 s), so that both severities are seen.
SERVO_HOT: Points = ((0, 45), (8, 45), (16, 62), (38, 66), (46, 78), (75, 79), (95, 52), (120, 45))
SERVO_NORMAL: Points = ((0, 40), (60, 46), (120, 40))
CHARGE_LOW: Points = ((0, 24), (20, 19.5), (60, 14), (85, 9), (130, 6), (190, 80), (240, 24))
CHARGE_NORMAL: Points = ((0, 96), (3000, 35), (3600, 96))
CPU_HIGH: Points = ((0, 35), (10, 78), (90, 82), (100, 95), (200, 96), (215, 30), (300, 35))
CPU_NORMAL: Points = ((0, 22), (45, 40), (90, 22))
MEMORY_HIGH: Points = ((0, 50), (20, 80), (90, 84), (110, 93), (200, 94), (220, 45), (300, 50))
MEMORY_NORMAL: Points = ((0, 41), (200, 52), (400, 41))
HEAT_HIGH: Points = ((0, 52), (30, 73), (100, 76), (130, 84), (200, 85), (240, 55), (300, 52))
HEAT_NORMAL: Points = ((0, 48), (150, 55), (300, 48))

GRAVITY = 9.81
"""m/s²."""
TILT_FALLS: Points = ((0, 0), (380, 0), (382, 88), (396, 88), (404, 0), (600, 0))
"""Degrees from upright: who works falls over now and then, and gets up again."""

SPEAKS_S, SILENT_S = 45.0, 120.0
"""A ``silent`` robot speaks, then says nothing for longer than FLEET_SILENT_AFTER's default."""
CLOCK_OFF_S = (2 * 3600.0, -3 * 3600.0, 90.0)
"""Errors of the clocks of ``clock`` robots, in turn."""
LEFT_OUT_EVERY = 3
"""Each third robot is of another make: ids in topics, more sensors, fields left out."""


@dataclass(frozen=True, slots=True)
class Nature:
    """What never changes of one robot. ``traits`` are scenario names other than ``mixed``."""

    robot_id: str
    traits: frozenset[str]
    phase: float
    odd: bool
    clock_error: float = 0.0


def nature(number: int, scenario: Scenario) -> Nature:
    """Of the robot with this number, from 1: ids are ``sim_01`` … ``sim_2000``."""
    robot_id = f"sim_{number:02d}"
    if scenario != "mixed":
        traits: frozenset[str] = frozenset({scenario})
    elif number <= len(_MIXED):
        traits = _MIXED[number - 1]
    else:
        traits = frozenset({"job"}) if number % 5 == 0 else frozenset({"normal"})
    error = CLOCK_OFF_S[number % len(CLOCK_OFF_S) - 1] if "clock" in traits else 0.0
    phase = zlib.crc32(robot_id.encode()) % 1000 / 1000
    return Nature(robot_id, traits, phase, number % LEFT_OUT_EVERY == 0, error)


def along(points: Points, t: float) -> float:
    """The value at ``t`` seconds on the cycle through ``points``."""
    at = t % points[-1][0]
    for (t0, v0), (t1, v1) in pairwise(points):
        if at <= t1:
            return v0 + (v1 - v0) * (at - t0) / (t1 - t0)
    return points[-1][1]


def wobble(who: Nature, t: float, name: str, size: float) -> float:
    """Noise within ±``size``, smooth, different for each robot and ``name``."""
    key = zlib.crc32(name.encode()) % 97 / 97 + who.phase
    return size * (0.7 * math.sin(t * (0.2 + key) + 6 * key) + 0.3 * math.sin(3.1 * t + 9 * key))


def speaks(who: Nature, t: float) -> bool:
    """False in the mute part of a ``silent`` robot's cycle."""
    return "silent" not in who.traits or t % (SPEAKS_S + SILENT_S) < SPEAKS_S


def _value(who: Nature, t: float, name: str, calm: Points, trait: str, wild: Points) -> float:
    if trait in who.traits:
        return along(wild, t) + wobble(who, t, name, 0.3)
    return along(calm, t + who.phase * calm[-1][0]) + wobble(who, t, name, 1.0)


def cpu_percent(who: Nature, t: float) -> float:
    return _value(who, t, "cpu", CPU_NORMAL, "high-load", CPU_HIGH)


def memory_percent(who: Nature, t: float) -> float:
    return _value(who, t, "memory", MEMORY_NORMAL, "high-load", MEMORY_HIGH)


def cpu_temperature(who: Nature, t: float) -> float:
    """°C."""
    return _value(who, t, "heat", HEAT_NORMAL, "high-load", HEAT_HIGH)


def servo_temperature(who: Nature, t: float, servo: int) -> float:
    """°C. Servo 3 is the one that overheats."""
    hot = "servo-warning" if servo == 3 else "never"
    return _value(who, t, f"servo_{servo}", SERVO_NORMAL, hot, SERVO_HOT)


def charge(who: Nature, t: float) -> tuple[float, bool]:
    """(percent, charging). Without noise, so that a limit is crossed once a cycle."""
    low = "low-battery" in who.traits
    points = CHARGE_LOW if low else CHARGE_NORMAL
    at = t if low else t + who.phase * 3000
    now = along(points, at)
    return min(100.0, max(0.0, now)), along(points, at + 0.5) > now


def tilt(who: Nature, t: float) -> float:
    """Degrees from upright, forwards."""
    return along(TILT_FALLS, t + who.phase * 300) if "job" in who.traits else 0.0


def load_percent(who: Nature, t: float, servo: int) -> float:
    """What a servo carries; the one that overheats carries most."""
    heat = servo_temperature(who, t, servo)
    return min(100.0, max(0.0, 1.6 * (heat - 30) + wobble(who, t, f"l{servo}", 6)))


def place(who: Nature, t: float) -> tuple[float, float, float]:
    """(x, y, z) in metres: a walk around the robot's own spot."""
    spot = 10 * who.phase
    return (
        round(spot + math.cos(t / 20 + spot), 3),
        round(3 * who.phase + math.sin(t / 20 + spot), 3),
        0.0,
    )
