"""What the tests of the metric pipeline share: a fleet's messages, a fast publisher, one Telegraf.

Messages are as robots send them (naive local times, one reading a sensor message). The publisher
writes MQTT packets itself, because a client library cannot send as fast as Telegraf reads.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from glue.settings import Broker, Influx

SENSORS = (
    ("accelerometer_x", "m/s^2"),
    ("accelerometer_y", "m/s^2"),
    ("accelerometer_z", "m/s^2"),
    ("gyroscope_x", "deg/s"),
    ("gyroscope_y", "deg/s"),
    ("gyroscope_z", "deg/s"),
    ("cpu_temperature", "C"),
    ("light_level", "%"),
    ("ultrasonic_distance", "cm"),
    ("system_cpu_percent", "%"),
)


@dataclass(frozen=True)
class Sent:
    """One message and the number of points that its metrics make (``clock`` not counted)."""

    topic: str
    payload: bytes
    points: int


def sensor(robot: str, at: datetime, kind: str = "light_level", unit: str = "%") -> Sent:
    body = {
        "robot_id": robot,
        "sensor_type": kind,
        "value": 12.5,
        "timestamp": _naive(at),
        "unit": unit,
    }
    moves = kind.startswith(("accelerometer", "gyroscope"))
    return Sent(f"tonypi/sensors/{robot}", json.dumps(body).encode(), 2 if moves else 1)


def servos(robot: str, at: datetime) -> Sent:
    one = {
        "name": "Left Hip",
        "position": 1.7,
        "temperature": 42.5,
        "voltage": 4.98,
        "torque_enabled": True,
        "alert_level": "normal",
        "target_position": 0.0,
    }
    body = {
        "robot_id": robot,
        "servos": {f"servo_{i}": {"id": i, **one} for i in range(1, 7)},
        "servo_count": 6,
        "timestamp": _naive(at),
    }
    return Sent(f"tonypi/servos/{robot}", json.dumps(body).encode(), 6)


def battery(robot: str, at: datetime) -> Sent:
    body = {"robot_id": robot, "percentage": 80.0, "voltage": 11.8, "charging": False}
    return Sent("tonypi/battery", _with_time(body, at), 1)


def location(robot: str, at: datetime) -> Sent:
    body = {"robot_id": robot, "x": 1.0, "y": 2.0, "z": 0.0}
    return Sent("tonypi/location", _with_time(body, at), 1)


def status(robot: str, at: datetime) -> Sent:
    body = {
        "robot_id": robot,
        "status": "online",
        "system_info": {
            "platform": "Linux",
            "cpu_percent": 21.5,
            "memory_percent": 40.0,
            "disk_usage": 33.0,
            "temperature": 48.0,
            "cpu_temperature": 48.0,
            "uptime": 3600,
        },
        "hardware_available": True,
        "ip_address": "192.0.2.7",
        "emergency_stopped": False,
    }
    return Sent(f"tonypi/status/{robot}", _with_time(body, at), 1)


def heartbeat(at: datetime) -> Sent:
    """The glue's own message."""
    body = {"at": at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "listened": 1.0}
    return Sent("tonypi/pipeline/heartbeat", json.dumps(body).encode(), 0)


def mix(robots: int, messages: int, start: datetime) -> Iterator[Sent]:
    """A TonyPi fleet's mix, every message with a time of its own, spread over what it takes.

    Of 170 messages a robot sends in 30 s: 150 sensors, 10 servos, 6 location, 3 status, 1 battery.
    """
    step = timedelta(seconds=30 / 170 / robots)
    for n in range(messages):
        robot = f"r{n % robots:04d}"
        turn, at = (n // robots) % 170, start + n * step
        if turn % 17 == 0:
            yield servos(robot, at)
        elif turn % 28 == 1:
            yield location(robot, at)
        elif turn % 56 == 2:
            yield status(robot, at)
        elif turn == 3:
            yield battery(robot, at)
        else:
            yield sensor(robot, at, *SENSORS[turn % 10])


def _with_time(body: dict[str, object], at: datetime) -> bytes:
    return json.dumps({**body, "timestamp": _naive(at)}).encode()


def _naive(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def now() -> datetime:
    return datetime.now(UTC)


def flood(broker: Broker, messages: Iterable[Sent]) -> tuple[int, int]:
    """Publish at QoS 0 as fast as the broker reads; returns (messages, their points)."""
    count = points = 0
    with socket.create_connection((broker.host, broker.port), timeout=60) as wire:
        wire.sendall(_packet(0x10, _text("MQTT") + b"\x04\x02\x00\x00" + _text("flood")))
        assert wire.recv(4)[0] == 0x20
        waiting = bytearray()
        for message in messages:
            waiting += _packet(0x30, _text(message.topic) + message.payload)
            count += 1
            points += message.points
            if len(waiting) > 65536:
                wire.sendall(waiting)
                waiting.clear()
        wire.sendall(bytes(waiting) + b"\xe0\x00")
        while wire.recv(1024):
            pass
    return count, points


def open_session(broker: Broker, client_id: str) -> None:
    """Make the persistent session that a Telegraf of this id will find, and leave it."""
    with socket.create_connection((broker.host, broker.port), timeout=10) as wire:
        wire.sendall(_packet(0x10, _text("MQTT") + b"\x04\x00\x00\x00" + _text(client_id)))
        assert wire.recv(4)[0] == 0x20
        wire.sendall(_packet(0x82, b"\x00\x01" + _text("tonypi/#") + b"\x01"))
        assert wire.recv(5)[0] == 0x90
        wire.sendall(b"\xe0\x00")
        while wire.recv(1024):
            pass


def drop_session(broker: Broker, client_id: str) -> None:
    """Forget the persistent session of this id, and what waits in it."""
    with socket.create_connection((broker.host, broker.port), timeout=10) as wire:
        wire.sendall(_packet(0x10, _text("MQTT") + b"\x04\x02\x00\x00" + _text(client_id)))
        assert wire.recv(4)[0] == 0x20
        wire.sendall(b"\xe0\x00")
        while wire.recv(1024):
            pass


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("!H", len(raw)) + raw


def _packet(kind: int, body: bytes) -> bytes:
    left, length = len(body), bytearray()
    while True:
        left, low = divmod(left, 128)
        length.append(low | (0x80 if left else 0))
        if not left:
            return bytes([kind]) + bytes(length) + body


def ask(influx: Influx, statement: str) -> list[dict[str, object]]:
    """Rows of an InfluxQL statement, tags and columns together; times in nanoseconds."""
    answer = httpx.post(
        f"{influx.url}/query",
        data={"db": influx.bucket, "q": statement, "epoch": "ns"},
        headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
        timeout=60,
    )
    answer.raise_for_status()
    rows: list[dict[str, object]] = []
    # 2.x answers {} where it was told to drop something.
    for result in answer.json().get("results", []):
        assert "error" not in result, result
        for series in result.get("series", []):
            for row in series["values"]:
                tags = series.get("tags", {})
                rows.append(tags | dict(zip(series["columns"], row, strict=True)))
    return rows


COUNTED = {
    "sensors": "value",
    "imu": "*",
    "servos": "temperature",
    "battery": "percentage",
    "location": "x",
    "performance": "cpu_percent",
}


def stored(influx: Influx) -> dict[str, int]:
    """Points in InfluxDB of each metric measurement (of imu: values, one a message)."""
    found = {}
    for measurement, field in COUNTED.items():
        rows = ask(influx, f"SELECT count({field}) FROM {measurement}")
        found[measurement] = sum(
            int(str(v or 0)) for row in rows for k, v in row.items() if k.startswith("count")
        )
    return found


def writes(influx: Influx) -> dict[str, int]:
    """InfluxDB 1.12's counters of its HTTP door: pointsWrittenOK, clientError (4xx) and so on."""
    told = httpx.get(
        f"{influx.url}/debug/vars",
        headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
        timeout=60,
    ).json()
    return next(v["values"] for k, v in told.items() if k.startswith("httpd"))


def write_trouble(influx: Influx) -> dict[str, float]:
    """What InfluxDB itself counts of writes that it refused (1.x only) and points it dropped."""
    if influx.version.startswith("1"):
        bad = ("clientError", "authFail", "serverError", "pointsWrittenFail")
        counted = writes(influx)
        return {name: float(counted[name]) for name in (*bad, "pointsWrittenDropped")}
    # Of another type or outside of the retention; without the labels, because shards come and go.
    found = {"storage_writer_dropped_points_sum": 0.0, "storage_shard_write_dropped_sum": 0.0}
    for line in httpx.get(f"{influx.url}/metrics", timeout=60).text.splitlines():
        name = line.partition("{")[0]
        if name in found:
            found[name] += float(line.rpartition(" ")[2])
    return found


def forget(influx: Influx) -> None:
    """Empty the bucket of every measurement."""
    for row in ask(influx, "SHOW MEASUREMENTS"):
        ask(influx, f'DROP MEASUREMENT "{row["name"]}"')


def wait_stored(influx: Influx, points: int, within: float) -> dict[str, int]:
    """What is stored once there are ``points``, or after ``within`` seconds whatever there is."""
    until = time.monotonic() + within
    while True:
        found = stored(influx)
        if sum(found.values()) >= points or time.monotonic() > until:
            return found
        time.sleep(0.3)
