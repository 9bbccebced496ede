"""A week of the robot that is looked at, before what :mod:`.data` knows second by second.

It walks in a circle, its joints and its gyroscope swing about 0, its battery falls by 10 % an hour
and is charged, servo_3 gets warm once a day. Whatever takes an average here is seen to do so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from glue.settings import Settings
from tests.influx import write_points
from tests.integration.dashboards.data import LOOKED_AT

DAYS = 7
EVERY = 60
UNTIL = -1200
"""Seconds from ``base``: before the time range of 15 minutes."""
RADIUS, ROUND = 4.0, 1200
"""Metres and seconds of the circle that it walks."""
SWING = 30.0
"""Degrees of a joint, and degrees a second of the gyroscope, to either side."""
FALLS = 10.0
"""% an hour; it discharges for eight hours and is charged in one."""
WARMEST = 79.0
CYCLE = 9 * 3600


def points(settings: Settings, base: int) -> None:
    """Write them into InfluxDB."""
    own = settings.influx
    write_points(own, lines(base), token=own.token)


def lines(base: int) -> Iterator[str]:
    robot = f"robot_id={LOOKED_AT}"
    for second in range(-DAYS * 86_400, UNTIL, EVERY):
        at = base + second
        turn = 2 * math.pi * second / ROUND
        swing = SWING * (1 if (second // EVERY) % 2 else -1)
        charge, charging = battery(second)
        busy = second % 3600 < EVERY
        yield f"performance,{robot} cpu_percent={85 if busy else 20},memory_percent=50 {at}"
        yield f"performance,{robot} cpu_temperature={66 if busy else 45} {at}"
        yield f"battery,{robot} percentage={charge},voltage=11,charging={charging} {at}"
        yield f"imu,{robot} gyro_x={swing},gyro_y=1,gyro_z=0,accel_x=0,accel_y=0,accel_z=9.8 {at}"
        yield f"location,{robot} x={RADIUS * math.cos(turn)},y={RADIUS * math.sin(turn)},z=0 {at}"
        for servo in range(1, 7):
            warm = WARMEST if servo == 3 and second % 86_400 < EVERY else 40 + servo
            yield (
                f"servos,{robot},servo_id=servo_{servo} temperature={warm},position={swing},"
                f"voltage={4.6 if warm == WARMEST else 5},load=10 {at}"
            )


def battery(second: int) -> tuple[float, str]:
    """Charge, as a robot sends it in whole per cent, and whether it charges."""
    into = (second - UNTIL) % CYCLE
    if into < 8 * 3600:
        return math.ceil(95 - FALLS * into / 3600), "false"
    return math.floor(15 + 80 * (into - 8 * 3600) / 3600), "true"
