"""What each query of Fleet and Robot answers for the known fleet: by panel and refId.

A value may be a function of the fleet's ``base``, where windows do not begin there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.dashboards.data import LOOK_ALIKE, LOOKED_AT, SINCE, UNTIL


def limits(warning: float, critical: float) -> dict[str, dict[int, float]]:
    return {
        "Warning limit": {SINCE: warning, UNTIL: warning},
        "Critical limit": {SINCE: critical, UNTIL: critical},
    }


class _AnyTime:
    """A time that nobody reads."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int)

    __hash__ = None  # type: ignore[assignment]


ANY_TIME = _AnyTime()


IMPORTED = time.monotonic()


@dataclass(frozen=True, eq=False)
class _Age:
    """An age of ``seconds`` when the rows were written, which was after this module was read."""

    seconds: float

    def __eq__(self, age: object) -> bool:
        since = time.monotonic() - IMPORTED
        return isinstance(age, int | float) and 0 <= age - self.seconds <= since + 180

    __hash__ = None  # type: ignore[assignment]


def just_now(seconds: float) -> Any:
    """An age: rows were written some time before they are read."""
    return _Age(seconds)


def limits_of(cpu: Any = (70, 20), memory: Any = (75, 15), others: bool = True) -> dict[str, Any]:
    """Columns of the robots table: warning limit, and 1 / (critical - warning)."""
    both = {
        "cpu": cpu,
        "memory": memory,
        "temperature": (70, 10) if others else None,
        "battery": (20, -10) if others else None,
        "servo_temp": (60, 15) if others else None,
    }
    columns: dict[str, Any] = {}
    for metric, pair in both.items():
        columns[f"{metric}_limit"] = pair[0] if pair else None
        columns[f"{metric}_way"] = pytest.approx(1 / pair[1]) if pair else None
    return columns


OLD = limits_of(None, None, others=False)
"""Of a robot whose readings mean nothing any more."""


def state(
    robot_id: str, name: str, status: str, alert: Any, ago: Any, rank: int, **more: Any
) -> Any:
    return {
        "robot_id": robot_id,
        "Robot": name,
        "Status": status,
        "Alert": alert,
        "Camera": "http://10.0.0.1/cam" if robot_id == LOOKED_AT else None,
        "Last seen, ago": ago,
        "rank": rank,
        **(more or limits_of()),
    }


def place(x: float, y: float) -> dict[str, Any]:
    """Metres, and the degrees that a map shows them at."""
    degrees = [pytest.approx(metres / 111_319.49) for metres in (x, y)]
    return dict(zip(("x", "y", "longitude", "latitude"), (x, y, *degrees), strict=True))


def nothing(words: str) -> list[dict[str, Any]]:
    """Words on a map, where no robot gets."""
    return [{"Nothing": words, "longitude": 0, "latitude": -30}]


THIRD = {"robot_id": "panel:3", "Robot": "Third"}
TWIN = {"robot_id": LOOKED_AT, "Robot": "Twin (panel.1)"}
OTHER = {"robot_id": LOOK_ALIKE, "Robot": "Twin (panelX1)"}

FLEET: dict[tuple[int, str], Any] = {
    (1, "Robots"): [
        {
            "Online": 1,
            "Offline": 0,
            "Silent": 1,
            "Error": 1,
            "Maintenance": 1,
            "Stopped": 1,
            "Never seen": 1,
            "To approve": 1,
        }
    ],
    (4, "Alerts"): [{"Critical": 2, "Warning": 1, "Seen to": 1}],
    (5, "Age"): [{"Heartbeat, ago": just_now(7)}],
    (6, "Refused"): [{"Time": ANY_TIME, "Refused": 3}],
    (3, "Alerts"): [
        {
            "Severity": "critical",
            "Robot": "the stack",
            "Alert": "Events stopped",
            "State": "open",
            "Since": 120,
            "Value": "31.0 s",
            "Limit": "30.0 s",
            "Source": None,
            "link": "/d/tonypi-pipeline/pipeline?from={-480}&to=now",
        },
        {
            "Severity": "critical",
            "Robot": "Twin",
            "Alert": "Robot silent",
            "State": "open",
            "Since": 60,
            "Value": "990.0 s",
            "Limit": "60.0 s",
            "Source": None,
            "link": "/d/tonypi-robot/robot?var-robot=panelX1&from={-540}&to=now",
        },
        {
            "Severity": "warning",
            "Robot": "Twin",
            "Alert": "Servo temperature too high",
            "State": "acknowledged by anna",
            "Since": 0,
            "Value": "62.0 °C",
            "Limit": "60.0 °C",
            "Source": "servo_2",
            "link": "/d/tonypi-robot/robot?var-robot=panel.1&from={-600}&to=now",
        },
    ],
    (2, "States"): [
        state("panel-4", "Fourth", "error", None, just_now(0), 0),
        state(
            "panel:3",
            "Third",
            "maintenance",
            None,
            just_now(0),
            -500,
            **limits_of(None, None, others=False),
        ),
        state("tonypi_01", "TonyPi 01", "never seen", None, None, -10_500, **OLD),
        state(
            LOOKED_AT,
            "Twin (panel.1)",
            "online",
            "warning",
            just_now(5),
            2000,
            **limits_of(cpu=(50, 8), memory=None),
        ),
        state(LOOK_ALIKE, "Twin (panelX1)", "silent", "critical", just_now(3600), -7000, **OLD),
    ],
    (2, "Performance"): [
        # The clock that is 30 s fast is believed, the one that is 90 s fast is not.
        {"robot_id": LOOKED_AT, "cpu": 57, "memory": 52, "temperature": 53},
        {"robot_id": "panel:3", "cpu": 12, "memory": 13, "temperature": 95},
        {"robot_id": LOOK_ALIKE, "cpu": 99, "memory": 91, "temperature": 71},
    ],
    (2, "Battery"): [
        {"robot_id": LOOKED_AT, "charge": 79, "charging": False},
        {"robot_id": "panel:3", "charge": 25, "charging": False},
        {"robot_id": LOOK_ALIKE, "charge": 15, "charging": True},
    ],
    (2, "BatteryInUse"): [
        {"robot_id": LOOKED_AT, "battery": 79},
        {"robot_id": "panel:3", "battery": 25},
    ],
    (2, "Servos"): [
        {"robot_id": LOOKED_AT, "servo_temp": 61},
        {"robot_id": LOOK_ALIKE, "servo_temp": 76},
    ],
    (30, "Names"): [THIRD, TWIN, OTHER],
    (31, "Names"): [THIRD, TWIN, OTHER],
    (32, "Names"): [TWIN, OTHER],
    (30, "Reading"): [
        {"Time": -300, "robot_id": LOOKED_AT, "Value": 90},
        {"Time": 0, "robot_id": LOOKED_AT, "Value": 80},
        {"Time": 30, "robot_id": LOOKED_AT, "Value": 79},
        {"Time": 0, "robot_id": "panel:3", "Value": 25},
        {"Time": 0, "robot_id": LOOK_ALIKE, "Value": 10},
        {"Time": 30, "robot_id": LOOK_ALIKE, "Value": 15},
    ],
    (31, "Reading"): [
        {"Time": 0, "robot_id": LOOKED_AT, "Value": 56},
        {"Time": 20, "robot_id": LOOKED_AT, "Value": 54},
        {"Time": 0, "robot_id": "panel:3", "Value": 95},
        {"Time": 0, "robot_id": LOOK_ALIKE, "Value": 71},
    ],
    (32, "Reading"): [
        {"Time": 0, "robot_id": LOOKED_AT, "Value": 62},
        {"Time": 0, "robot_id": LOOK_ALIKE, "Value": 76},
    ],
    (40, "Places"): [
        THIRD | {"State": "other", **place(4, -1)},
        TWIN | {"State": "warning", **place(1, 2.5)},
        OTHER | {"State": "critical", **place(7, 1)},
    ],
    (40, "Nothing"): nothing("No robot in use has told where it is"),
}

ROBOT: dict[tuple[int, str], Any] = {
    (1, "State"): [
        {
            "State": "online",
            "Last seen, ago": just_now(5),
            "Emergency stop": "released",
            "Job": "Sort 65%",
            "Open alerts": 1,
        }
    ],
    (1, "Battery"): [{"Time": ANY_TIME, "Battery": 79, "Charging": False}],
    (1, "Limits"): [{"floor": -1e9, "critical": 10, "warning": 20}],
    (3, "Robot"): [
        {
            "Name": "Twin",
            "Id": LOOKED_AT,
            "Description": "by the door",
            "Address": "10.0.0.1",
            "Camera": "http://10.0.0.1/cam",
            "Console": "http://glue.test:8000/console",
            "Position x / y / z (m)": "1.00 / 2.50 / 0.00",
            "Known since": ANY_TIME,
        }
    ],
    (50, "Alerts"): [
        {
            "Severity": "warning",
            "Alert": "Servo temperature too high (servo_2)",
            "State": "acknowledged",
            "Since": 0,
            "Lasting": just_now(300),
            "Value": "62.0 °C",
            "Limit": "60.0 °C",
        },
        {
            "Severity": "critical",
            "Alert": "CPU load too high",
            "State": "resolved (recovered)",
            "Since": -120,
            "Lasting": 60,
            "Value": "60.0 %",
            "Limit": "58.0 %",
        },
    ],
    (51, "Limits"): [
        {"Limit of": of, "Warning": warning, "Critical": critical, "Set for": whom}
        for of, warning, critical, whom in (
            ("Battery charge", "20.0 %", "10.0 %", "the fleet"),
            ("CPU load", "50.0 %", "58.0 %", "this robot"),
            ("CPU temperature", "70.0 °C", "80.0 °C", "the fleet"),
            ("Servo temperature", "60.0 °C", "75.0 °C", "the fleet"),
        )
    ],
    (10, "Reading"): {"CPU load": {0: 60, 20: 45}},
    (10, "Limits"): limits(50, 58),
    (11, "Reading"): {"Memory use": {0: 50, 20: 51}},
    # Switched off for this robot.
    (11, "Limits"): {},
    (12, "Reading"): {"CPU temperature": {0: 56, 20: 54}},
    (12, "Limits"): limits(70, 80),
    (20, "Reading"): {"Charge": {-300: 90, 0: 80, 30: 79}},
    (20, "Voltage"): {"Voltage": {-300: 12, 0: 11.5, 30: 11.4}},
    (20, "Limits"): limits(20, 10),
    (30, "Reading"): {"servo_1": {0: 44}, "servo_2": {0: 62, 3: 61}},
    (30, "Limits"): limits(60, 75),
    (31, "Reading"): {"servo_1": {0: 2.5}, "servo_2": {0: -3, 3: -4}},
    (31, "Lowest"): {"servo_1 lowest": {0: 1.5}, "servo_2 lowest": {0: -3, 3: -4}},
    (32, "Reading"): {"servo_1": {0: 4.8}, "servo_2": {0: 5, 3: 5.1}},
    (33, "Reading"): {"servo_1": {0: 12}},
    (40, "Reading"): {
        "x": {0: 0.3, 40: 9.8, 60: 0},
        "y": {0: 0.4, 40: 0, 60: 0},
        "z": {0: 9.8, 40: 0, 60: 9.8},
    },
    (40, "Lowest"): {
        "x lowest": {0: 0.1, 40: 9.8, 60: 0},
        "y lowest": {0: 0.2, 40: 0, 60: 0},
        "z lowest": {0: 9.6, 40: 0, 60: 9.8},
    },
    (41, "Reading"): {"x": {0: 3}, "y": {0: 4}, "z": {0: 5}},
    (41, "Lowest"): {"x lowest": {0: 1}, "y lowest": {0: 2}, "z lowest": {0: 3}},
    (43, "Path"): [{"Time": 0, **place(2, 4)}, {"Time": 10, **place(4.5, 7)}],
    (43, "Nothing"): nothing("No location in this time range"),
    (60, "Jobs"): [
        {
            "Status": "active",
            "Job": "Sort",
            "Phase": "picking",
            "Done": 65.4,
            "Items": "13 of 20",
            "Started": 0,
            "Lasting": just_now(300),
            "Reason": None,
        },
        {
            "Status": "failed",
            "Job": "Sort",
            "Phase": None,
            "Done": 25,
            "Items": "5 of 20",
            "Started": -200,
            "Lasting": 50,
            "Reason": "item dropped",
        },
        {
            "Status": "completed",
            "Job": "Sort",
            "Phase": None,
            "Done": 100,
            "Items": "20 of 20",
            "Started": -400,
            "Lasting": 100,
            "Reason": None,
        },
        {
            "Status": "failed",
            "Job": "unnamed",
            "Phase": None,
            "Done": 30,
            "Items": "3",
            "Started": -3600,
            "Lasting": 600,
            "Reason": "blocked",
        },
    ],
}
