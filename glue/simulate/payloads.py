"""The messages of a simulated robot, exactly as real ones are shaped on the wire.

Each function takes the state, the seconds ``t`` since switch-on and the robot's own clock
(naive local time) and gives (topic, payload) pairs. Robots of the odd make put their id into the
battery and location topics, send the host's sensors too, and leave fields out.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from glue.simulate import scenarios
from glue.simulate.robot import ITEM_S, Robot
from glue.simulate.scenarios import wobble

Messages = list[tuple[str, dict[str, Any]]]

SERVOS = ("Left Hip", "Right Hip", "Left Knee", "Right Knee", "Left Shoulder", "Right Shoulder")
PHASES = ("scanning", "picking", "placing")


def stamp(clock: datetime) -> str:
    """ISO 8601 with microseconds and no zone."""
    return clock.isoformat(timespec="microseconds")


def sensors(robot: Robot, t: float, clock: datetime) -> Messages:
    who = robot.nature
    moving = 0.0 if robot.stopped or robot.emergency else 1.0
    lean = math.radians(scenarios.tilt(who, t))
    ahead, up = scenarios.GRAVITY * math.sin(lean), scenarios.GRAVITY * math.cos(lean)
    light = 55 + wobble(who, t, "light", 30)
    readings: list[tuple[str, float, str]] = [
        ("accelerometer_x", ahead + wobble(who, t, "ax", 0.8) * moving, "m/s^2"),
        ("accelerometer_y", wobble(who, t, "ay", 0.8) * moving, "m/s^2"),
        ("accelerometer_z", up + wobble(who, t, "az", 0.3), "m/s^2"),
        ("gyroscope_x", wobble(who, t, "gx", 15) * moving, "deg/s"),
        ("gyroscope_y", wobble(who, t, "gy", 15) * moving, "deg/s"),
        ("gyroscope_z", wobble(who, t, "gz", 25) * moving, "deg/s"),
        ("cpu_temperature", scenarios.cpu_temperature(who, t), "C"),
        ("light_level", light, "%"),
        ("light_sensor_dark", 1 if light < 40 else 0, "bool"),
        ("ultrasonic_distance", 60 + wobble(who, t, "sonic", 40), "cm"),
    ]
    return _readings(robot, readings, clock)


def host(robot: Robot, t: float, clock: datetime) -> Messages:
    """The computer's own sensors; only the odd make sends them as sensors."""
    who = robot.nature
    readings: list[tuple[str, float, str]] = [
        ("system_cpu_percent", scenarios.cpu_percent(who, t), "%"),
        ("system_memory_percent", scenarios.memory_percent(who, t), "%"),
        ("system_disk_usage", 37.5, "%"),
        ("system_temperature", scenarios.cpu_temperature(who, t), "C"),
        ("system_uptime", 3600 + t, "s"),
    ]
    return _readings(robot, readings, clock)


def _readings(robot: Robot, readings: list[tuple[str, float, str]], clock: datetime) -> Messages:
    topic, at = f"tonypi/sensors/{robot.robot_id}", stamp(clock)
    return [
        (
            topic,
            {
                "robot_id": robot.robot_id,
                "sensor_type": kind,
                "value": round(value, 3),
                "timestamp": at,
                "unit": unit,
            },
        )
        for kind, value, unit in readings
    ]


def servos(robot: Robot, t: float, clock: datetime) -> Messages:
    who = robot.nature
    found: dict[str, Any] = {}
    for number, name in enumerate(SERVOS, 1):
        temperature = round(scenarios.servo_temperature(who, t, number), 1)
        target = robot.targets.get(number, 0.0)
        one = {
            "id": number,
            "name": name,
            "position": round(target + wobble(who, t, name, 20), 1),
            "temperature": temperature,
            "voltage": round(_servo_voltage(who, t, number), 2),
            "torque_enabled": robot.emergency is None,
            "alert_level": _level(temperature),
            "target_position": target,
        }
        if who.odd:
            del one["alert_level"], one["target_position"]
            one["load"] = round(scenarios.load_percent(who, t, number), 1)
        found[f"servo_{number}"] = one
    payload: dict[str, Any] = {"robot_id": robot.robot_id, "servos": found}
    payload |= {"servo_count": len(found), "timestamp": stamp(clock)}
    if who.odd:
        del payload["robot_id"]
    return [(f"tonypi/servos/{robot.robot_id}", payload)]


def _servo_voltage(who: scenarios.Nature, t: float, servo: int) -> float:
    sag = 0.004 * scenarios.load_percent(who, t, servo)
    return 5.05 - sag + wobble(who, t, f"v{servo}", 0.05)


def _level(temperature: float) -> str:
    return "critical" if temperature > 75 else "warning" if temperature > 60 else "normal"


def battery(robot: Robot, t: float, clock: datetime) -> Messages:
    percentage, charging = scenarios.charge(robot.nature, t)
    payload = {
        "robot_id": robot.robot_id,
        "percentage": round(percentage, 1),
        "voltage": round(10.2 + 2.4 * percentage / 100, 2),
        "charging": charging,
        "timestamp": stamp(clock),
    }
    if robot.nature.odd:
        payload["current"] = 1.8 if charging else -0.9
        return [(f"tonypi/battery/{robot.robot_id}", payload)]
    return [("tonypi/battery", payload)]


def location(robot: Robot, t: float, clock: datetime) -> Messages:
    x, y, z = scenarios.place(robot.nature, 0 if robot.stopped else t)
    payload = {"robot_id": robot.robot_id, "x": x, "y": y, "z": z, "timestamp": stamp(clock)}
    if robot.nature.odd:
        del payload["z"]
        return [(f"tonypi/location/{robot.robot_id}", payload)]
    return [("tonypi/location", payload)]


def status(robot: Robot, t: float, clock: datetime, word: str = "online") -> Messages:
    who = robot.nature
    temperature = round(scenarios.cpu_temperature(who, t), 1)
    system: dict[str, Any] = {
        "platform": "Linux-6.1.0-rpi7-aarch64",
        "cpu_percent": round(min(100, scenarios.cpu_percent(who, t)), 1),
        "memory_percent": round(min(100, scenarios.memory_percent(who, t)), 1),
        "disk_usage": 37.5,
        "temperature": temperature,
        "cpu_temperature": temperature,
        "uptime": round(3600 + t, 1),
        "hardware_mode": "simulation",
        "hardware_sdk": "none",
    }
    number = int(who.robot_id.removeprefix("sim_"))
    payload: dict[str, Any] = {
        "robot_id": robot.robot_id,
        "status": word,
        "timestamp": stamp(clock),
        "system_info": system,
        "hardware_available": False,
        "ip_address": f"192.0.2.{number % 254 + 1}",
        "camera_url": f"http://192.0.2.{number % 254 + 1}:8080/?action=stream",
        "emergency_stopped": robot.emergency is not None,
        "emergency_reason": robot.emergency,
    }
    if who.odd:
        total = 4 * 1024**3
        used = round(total * system["memory_percent"] / 100)
        system |= {"memory_used": used, "memory_total": total}
        del payload["camera_url"], payload["emergency_reason"], system["temperature"]
    return [(f"tonypi/status/{robot.robot_id}", payload)]


def journal(robot: Robot, t: float, clock: datetime) -> Messages:
    """A log line."""
    hot = scenarios.servo_temperature(robot.nature, t, 3) > 60
    return [
        (
            f"tonypi/logs/{robot.robot_id}",
            {
                "robot_id": robot.robot_id,
                "timestamp": stamp(clock),
                "level": "WARNING" if hot else "INFO",
                "message": "Servo 3 is hot" if hot else f"Heartbeat, up {int(t)} s",
                "source": "simulator",
            },
        )
    ]


def job(robot: Robot, t: float, clock: datetime, word: str) -> Messages:
    """What the robot says of its job, with the scan and the sight that go with an item."""
    now = robot.job
    if now is None:
        return []
    payload: dict[str, Any] = {
        "robot_id": robot.robot_id,
        "status": word,
        "task_name": now.task_name,
        "items_done": now.items_done,
        "items_total": now.items_total,
        "progress_percent" if robot.nature.odd else "percent": now.percent,
        "start_time": stamp(clock - timedelta(seconds=t - now.started)),
        "elapsed_time": round(t - now.started, 1),
        # A good guess, but a guess.
        "estimated_duration": round(now.items_total * ITEM_S * (0.8 + 0.1 * (now.number % 5)), 1),
        "timestamp": stamp(clock),
    }
    if word in ("working", "in_progress"):
        payload["phase"] = PHASES[now.items_done % len(PHASES)]
        payload["last_item"] = f"BOX-{now.items_done:03d}"
    if now.ended is not None:
        payload["end_time"] = stamp(clock)
        payload["success"] = now.outcome == "completed"
    if word in ("cancelled", "failed"):
        payload["reason"] = "told to stop" if word == "cancelled" else "item dropped"
    if robot.nature.odd:
        del payload["start_time"], payload["elapsed_time"]
    messages: Messages = [(f"tonypi/job/{robot.robot_id}", payload)]
    if word == "in_progress":
        messages += [_scan(robot, now.items_done, clock), _vision(robot, now.items_done)]
    return messages


def _scan(robot: Robot, item: int, clock: datetime) -> tuple[str, dict[str, Any]]:
    return (
        f"tonypi/scan/{robot.robot_id}",
        {
            "robot_id": robot.robot_id,
            "timestamp": stamp(clock),
            "qr_data": f"BOX-{item:03d}",
            "station_name": f"station {item % 3 + 1}",
            "action": "pick",
        },
    )


def _vision(robot: Robot, item: int) -> tuple[str, dict[str, Any]]:
    locked = item % 2 == 0
    return (
        f"tonypi/vision/{robot.robot_id}",
        {
            "robot_id": robot.robot_id,
            "detection": True,
            "state": "LOCKED" if locked else "SEARCHING",
            "label": "box",
            "confidence": 0.91,
            "bbox": [210, 120, 320, 240],
            "center_x": 265,
            "navigation_command": "forward" if locked else "left",
            "is_locked": locked,
            "error": 0.04,
        },
    )
