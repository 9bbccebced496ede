"""Simulated robots: shapes as on the wire, limits crossed when told to, commands obeyed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from glue.core.metrics import METRICS
from glue.simulate import commands, payloads, scenarios
from glue.simulate.robot import Robot, work
from glue.simulate.scenarios import nature

CLOCK = datetime.fromisoformat("2026-05-01T12:00:00")
PLAIN, ODD = Robot(nature(1, "normal")), Robot(nature(3, "normal"))
SENSORS = {
    *(f"{sensor}_{axis}" for sensor in ("accelerometer", "gyroscope") for axis in "xyz"),
    *("cpu_temperature", "light_level", "light_sensor_dark", "ultrasonic_distance"),
}


def only(messages):
    ((topic, payload),) = messages
    return topic, json.loads(json.dumps(payload))


def test_the_same_robot_says_the_same_again():
    again = Robot(nature(1, "normal"))
    assert payloads.servos(PLAIN, 12.5, CLOCK) == payloads.servos(again, 12.5, CLOCK)
    assert payloads.servos(PLAIN, 12.5, CLOCK) != payloads.servos(PLAIN, 13.5, CLOCK)


def test_sensors_are_ten_readings_a_message_each():
    messages = payloads.sensors(PLAIN, 5, CLOCK)
    assert {topic for topic, _ in messages} == {"tonypi/sensors/sim_01"}
    assert len(messages) == 10
    assert {p["sensor_type"] for _, p in messages} == SENSORS
    for _, payload in messages:
        assert list(payload) == ["robot_id", "sensor_type", "value", "timestamp", "unit"]
        assert payload["timestamp"] == "2026-05-01T12:00:00.000000"
    (dark,) = [p["value"] for _, p in messages if p["sensor_type"] == "light_sensor_dark"]
    assert type(dark) is int


def test_servos_are_six_in_one_message():
    topic, payload = only(payloads.servos(PLAIN, 5, CLOCK))
    assert topic == "tonypi/servos/sim_01"
    assert list(payload) == ["robot_id", "servos", "servo_count", "timestamp"]
    assert list(payload["servos"]) == [f"servo_{n}" for n in range(1, 7)]
    assert set(payload["servos"]["servo_1"]) == {
        *("id", "name", "position", "temperature", "voltage", "torque_enabled"),
        *("alert_level", "target_position"),
    }


def test_battery_and_location_have_no_id_in_the_topic_but_the_odd_make_has():
    assert only(payloads.battery(PLAIN, 5, CLOCK))[0] == "tonypi/battery"
    assert only(payloads.location(PLAIN, 5, CLOCK))[0] == "tonypi/location"
    topic, payload = only(payloads.battery(ODD, 5, CLOCK))
    assert (topic, "current" in payload) == ("tonypi/battery/sim_03", True)
    topic, payload = only(payloads.location(ODD, 5, CLOCK))
    assert (topic, "z" in payload) == ("tonypi/location/sim_03", False)
    assert "robot_id" not in only(payloads.servos(ODD, 5, CLOCK))[1]


def test_status_says_what_a_robot_says():
    topic, payload = only(payloads.status(PLAIN, 5, CLOCK))
    assert topic == "tonypi/status/sim_01"
    assert set(payload) == {
        *("robot_id", "status", "timestamp", "system_info", "hardware_available", "ip_address"),
        *("camera_url", "emergency_stopped", "emergency_reason"),
    }
    assert set(payload["system_info"]) == {
        *("platform", "cpu_percent", "memory_percent", "disk_usage", "temperature"),
        *("cpu_temperature", "uptime", "hardware_mode", "hardware_sdk"),
    }
    assert {"memory_used", "memory_total"} <= set(
        only(payloads.status(ODD, 5, CLOCK))[1]["system_info"]
    )


def servo(t: float) -> float:
    return max(scenarios.servo_temperature(nature(1, "servo-warning"), t, n) for n in range(1, 7))


def test_servo_warning_warns_within_20_s_rises_and_recovers_every_two_minutes():
    metric = METRICS["servo_temp"]
    crossed = {
        severity: [t for t in range(120) if servo(t) > metric.default_limit(severity)]
        for severity in ("warning", "critical")
    }
    assert crossed["warning"][0] <= 20
    # Two evaluations see a warning alone, and two a critical.
    assert crossed["critical"][0] - crossed["warning"][0] >= 20
    assert len(crossed["critical"]) >= 20
    recovered = [t for t in range(120) if servo(t) < metric.recovery(metric.warning)]
    assert sum(t > crossed["critical"][-1] for t in recovered) >= 20
    assert servo(140) > metric.warning


@pytest.mark.parametrize("number", range(1, 30))
def test_normal_robots_cross_no_limit(number):
    who = nature(number, "normal")
    for t in range(0, 4000, 7):
        assert scenarios.cpu_percent(who, t) < 65
        assert scenarios.memory_percent(who, t) < 70
        assert scenarios.cpu_temperature(who, t) < 65
        assert max(scenarios.servo_temperature(who, t, n) for n in range(1, 7)) < 57
        assert scenarios.charge(who, t)[0] > 25


def test_high_load_and_low_battery_cross_both_limits_and_recover():
    who = nature(1, "high-load")
    for name, read in (
        ("cpu", scenarios.cpu_percent),
        ("memory", scenarios.memory_percent),
        ("temperature", scenarios.cpu_temperature),
    ):
        metric = METRICS[name]
        values = [read(who, t) for t in range(300)]
        assert sum(v > metric.critical for v in values) > metric.pending + 20
        assert min(values) < metric.recovery(metric.warning)
    low = nature(1, "low-battery")
    discharging = [
        p for p, charging in (scenarios.charge(low, t) for t in range(240)) if not charging
    ]
    assert min(discharging) < 10
    # A message every 30 s finds each stretch.
    assert sum(10 < p < 20 for p in discharging) >= 30
    assert sum(p < 10 for p in discharging) >= 30
    assert any(charging for _, charging in (scenarios.charge(low, t) for t in range(240)))


def test_mixed_begins_with_a_hot_servo_and_a_low_battery():
    kinds = [set(nature(n, "mixed").traits) for n in range(1, 7)]
    assert kinds == [
        {"servo-warning"}, {"low-battery", "job"}, {"job"}, {"high-load"}, {"silent"}, {"clock"},
    ]  # fmt: skip


def test_a_silent_robot_is_mute_longer_than_the_default_and_comes_back():
    who = nature(1, "silent")
    mute = [t for t in range(200) if not scenarios.speaks(who, t)]
    assert len(mute) > 60 + 30
    assert scenarios.speaks(who, 0)
    assert scenarios.speaks(who, mute[-1] + 1) or mute[-1] == 199


def test_clocks_are_off_in_both_directions():
    errors = [nature(n, "clock").clock_error for n in range(1, 4)]
    assert max(errors) > 3600
    assert min(errors) < -3600


def test_jobs_are_told_from_start_to_end_in_all_three_ways():
    robot, told = Robot(nature(1, "job")), []
    for t in range(600):
        robot, word = work(robot, t)
        if word:
            ((_, first), *_) = payloads.job(robot, t, CLOCK, word)
            told.append((word, first["items_done"], first.get("reason")))
    words = [word for word, _, _ in told]
    assert told[0] == ("started", 0, None)
    assert words.count("completed") >= 3
    assert {"cancelled", "failed", "working", "in_progress"} <= set(words)
    assert all(done == 10 for word, done, _ in told if word == "completed")


def obey(robot, **command):
    robot, messages = commands.obey(robot, 5, CLOCK, {"id": "c1", **command})
    topic, answer = messages[-1]
    assert topic == "tonypi/commands/response"
    assert list(answer) == ["robot_id", "command_id", "timestamp", "success", "message"]
    assert answer["command_id"] == "c1"
    return robot, answer["success"], [topic.split("/")[1] for topic, _ in messages[:-1]]


def test_every_command_is_answered_and_has_its_effect():
    assert obey(PLAIN, type="status_request")[1:] == (True, ["status"])
    assert obey(PLAIN, type="battery_request")[1:] == (True, ["battery"])
    assert obey(PLAIN, type="stop")[0].stopped
    assert not obey(replace(PLAIN, stopped=True), type="move")[0].stopped
    assert obey(PLAIN, type="shutdown")[0].off
    assert obey(PLAIN, type="head_nod")[1]
    robot, ok, told = obey(PLAIN, type="start_job", items_total=3, task_name="t")
    assert (ok, told, robot.job.items_total) == (True, ["job"], 3)
    assert obey(robot, type="start_job")[1] is False
    robot, ok, told = obey(robot, type="stop_job")
    assert (ok, told, robot.working) == (True, ["job"], False)
    assert obey(robot, type="stop_job")[1] is False
    robot, ok, _ = obey(PLAIN, type="set_servo", servo_id="servo_2", position=30)
    assert (ok, robot.targets) == (True, {2: 30.0})
    for bad in ({"servo_id": 9, "position": 1}, {"servo_id": 1, "position": "up"}):
        assert obey(PLAIN, type="set_servo", **bad)[1] is False
    assert obey(PLAIN, type="fly")[1] is False
    assert obey(PLAIN, type="start_job", items_total=-1)[1] is False


def test_an_emergency_stop_holds_until_resume():
    robot, _, _ = obey(PLAIN, type="start_job")
    robot, messages = commands.emergency_stop(robot, 6, CLOCK, {"id": "e1", "reason": "smoke"})
    assert [topic.split("/")[1] for topic, _ in messages] == ["job", "emergency_stop", "status"]
    assert messages[-1][1]["emergency_reason"] == "smoke"
    assert obey(robot, type="move")[1] is False
    robot, ok, _ = obey(robot, type="resume")
    assert (ok, robot.emergency) == (True, None)


def test_commands_are_told_from_answers():
    assert commands.addressee("tonypi/commands/sim_01") == ("commands", "sim_01")
    assert commands.addressee("tonypi/emergency_stop/broadcast") == ("emergency_stop", "broadcast")
    assert commands.addressee("tonypi/commands/response") is None


def test_the_pure_modules_stay_pure():
    folder = Path(scenarios.__file__).parent
    for name in ("scenarios", "robot", "payloads", "commands"):
        text = (folder / f"{name}.py").read_text()
        assert not any(word in text for word in ("import time", "asyncio", "now()", "random"))
