"""What each query of Servos, Motion and Power answers for the known fleet: by panel and refId."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.dashboards.data import LOOK_ALIKE, LOOKED_AT, UNTIL
from tests.integration.dashboards.known import ANY_TIME, OTHER, ROBOT, THIRD, TWIN, limits


def in_window(seconds: int, name: str, value: float) -> Callable[[int], Any]:
    """``value`` in the window that ``base`` lies in: windows begin at whole multiples."""
    return lambda base: {name: {base // seconds * seconds - base: value}}


HEAT = {"servo_1": {0: 44}, "servo_2": {0: 62, 3: 61}}
VOLTS = {"servo_1": {0: 4.8}, "servo_2": {0: 5, 3: 5.1}}

SERVOS: dict[tuple[int, str], Any] = {
    (1, "Newest"): {"servo_1": {1: 44}, "servo_2": {3: 61}},
    (1, "Limits"): [{"floor": -1e9, "critical": 75, "warning": 60}],
    (2, "Reading"): HEAT,
    (30, "Reading"): {"servo_1": {0: 12}},
    (31, "Reading"): {
        "servo_1": {0: pytest.approx(0.1)},
        "servo_2": {0: pytest.approx(0.1)},
    },
    (32, "Reading"): ROBOT[31, "Reading"],
    (32, "Lowest"): ROBOT[31, "Lowest"],
}
for number in range(6):
    joint = f"servo_{number + 1}"
    SERVOS |= {
        (20 + number, "Heat"): {"Temperature": HEAT[joint]} if joint in HEAT else {},
        (20 + number, "Volts"): {"Voltage": VOLTS[joint]} if joint in VOLTS else {},
        (20 + number, "Limits"): limits(60, 75),
    }

MOTION: dict[tuple[int, str], Any] = {
    # It stood, fell, and stands again.
    (1, "Tilt"): [{"Time": 60, "Tilt now": 0}],
    (1, "Most"): [{"Time": 36, "Largest tilt": pytest.approx(90)}],
    (1, "Falls"): [{"Time": ANY_TIME, "Falls": 1}],
    (1, "Way"): [{"Time": ANY_TIME, "Way": pytest.approx(math.hypot(1, 2) + math.hypot(2.5, 3))}],
    (20, "Tilt"): {"Tilt": {0: pytest.approx(2.1287, abs=1e-4), 36: pytest.approx(90), 60: 0}},
    (21, "Path"): ROBOT[43, "Path"],
    (21, "Nothing"): ROBOT[43, "Nothing"],
    (40, "Reading"): ROBOT[40, "Reading"],
    (40, "Lowest"): ROBOT[40, "Lowest"],
    (41, "Reading"): ROBOT[41, "Reading"],
    (41, "Lowest"): ROBOT[41, "Lowest"],
    (43, "Reading"): {"x": {60: 20}, "y": {60: 1}, "z": {60: -40}},
    (43, "Lowest"): {"x lowest": {60: 20}, "y lowest": {60: 1}, "z lowest": {60: -40}},
    (50, "Falls"): [{"Time": 36, "turn": 1}],
    (42, "Reading"): {"x": {0: 2, 10: 4.5}, "y": {0: 4, 10: 7}, "z": {0: 0, 10: 0}},
}

POWER: dict[tuple[int, str], Any] = {
    (1, "Battery"): [{"Time": 30, "Charge": 79, "Charging": False, "Voltage": 11.4}],
    # By 10 % in five minutes and by 1 % in half of one.
    (1, "Rate"): [{"Time": ANY_TIME, "rate": 120, "speed": pytest.approx(120 / 3600)}],
    (1, "Cycles"): [{"Time": ANY_TIME, "Full cycles": 0.11}],
    (1, "Limits"): [{"floor": -1e9, "critical": 10, "warning": 20}],
    (20, "Reading"): ROBOT[20, "Reading"],
    (20, "Voltage"): ROBOT[20, "Voltage"],
    (20, "Limits"): limits(20, 10),
    # The quarter of an hour before the time range's end.
    (21, "Rate"): {"Discharge": {UNTIL - 900: 120}},
    (30, "Cycles"): in_window(3600, "Full cycles", 0.11),
    (31, "Voltage"): [
        {"Time": -300, "charge": 90, "Voltage": 12},
        {"Time": 0, "charge": 80, "Voltage": 11.5},
        {"Time": 30, "charge": 79, "Voltage": 11.4},
    ],
    (31, "Frame"): [{"Frame x": -4, "Frame": 0}, {"Frame x": 104, "Frame": 0}],
    (32, "Reading"): {"Current": {30: -0.9}},
    (32, "Lowest"): {"Current lowest": {30: -0.9}},
    (40, "Names"): [
        robot | {"Status": status, "still": 1e-9, "away": away}
        for robot, status, away in (
            ({"robot_id": "panel-4", "Robot": "Fourth"}, "error", 0),
            (THIRD, "maintenance", 0),
            ({"robot_id": "tonypi_01", "Robot": "TonyPi 01"}, "never seen", 1e12),
            (TWIN, "online", 0),
            (OTHER, "silent", 1e12),
        )
    ],
    (40, "Battery"): [
        {"Time": time, "robot_id": robot, "Charge": charge, "Charging": charging, "Voltage": volts}
        for time, robot, charge, charging, volts in (
            (30, LOOKED_AT, 79, False, 11.4),
            (0, "panel:3", 25, False, 10.5),
            (30, LOOK_ALIKE, 15, True, 10.1),
        )
    ],
    (40, "Rate"): [
        {
            "Time": ANY_TIME,
            "robot_id": LOOKED_AT,
            "rate": 120,
            "speed": pytest.approx(120 / 3600),
        }
    ],
}
