"""What a browser must draw of the known robot: by dashboard, panel and time range.

A text stands for itself in every time range, a dictionary for one a time range. ``COLOURS`` are the
colours of texts; a canvas has none, of which the ticks of the axes are read.
"""

from __future__ import annotations

Drawn = str | dict[str, str]

RANGES = {"15 min": 900, "6 h": 6 * 3600, "7 d": 7 * 86_400}
LIMITED = "Warning limit Last *: {} Critical limit Last *: {}".format


def ranged(short: str, middle: str, long: str) -> dict[str, str]:
    return dict(zip(RANGES, (short, middle, long), strict=True))


SWING = ranged("3", "20", "20")
"""Ticks of what swings about 0; its mean is 0 in the longer ranges."""

DRAWN: dict[str, dict[str, list[Drawn]]] = {
    "servos": {
        "Temperature now": ["servo_1 44 °C servo_2 61 °C"],
        "Heat over time": ["servo_1", "servo_2"],
        "Servo 1": ["70 °C", " V"],
        "Servo 2": ["70 °C", " V"],
        "Servo 3": [ranged("70 °C", "70 °C", "80 °C")],
        **{f"Servo {number}": ["Warning limit", "70 °C"] for number in (4, 5, 6)},
        "Load": ["servo_1 Last *: 12%"],
        "Voltage sag": ["servo_1 Last *: 0.10 V", ranged("0.10 V", "0.10 V", "0.40 V")],
        "Position": [ranged("2", "20", "20"), ranged("-4", "-20", "-20")],
    },
    "motion": {
        "Motion in this time range": [
            "Tilt now 0 ° Largest tilt 90 ° Falls 1",
            ranged("Way 6.1 m", "Way 429.7 m", "Way 12594.0 m"),
        ],
        "Tilt": ["175 °"],
        "Path": [ranged("7.0 m", "-4.0 m", "-4.0 m"), "4.0 m"],
        "Acceleration": ["10 m/sec²"],
        "Rotation": [ranged("5 °/s", "20 °/s", "20 °/s"), ranged("1 °/s", "-20 °/s", "-20 °/s")],
        "Magnetic field": ["-40 µT", "20 µT"],
        "Falls": ["Fell at"],
        "Location": ["x Last *: 4.50 m y Last *: 7 m z Last *: 0 m"],
    },
    "power": {
        "Now": [
            "Charge 79 % Charging no Voltage 11.40 V Discharge 120.0 %/h",
            ranged("Full cycles 0.11", "Full cycles 0.", "Full cycles 14."),
            "Time to empty 39.5 mins",
        ],
        "Battery": ["Charge Last *: 79% " + LIMITED("20%", "10%"), "Voltage Last *: 11.40 V"],
        "Discharge": ["Discharge Last *: 120.0 %/h"],
        "Charge cycles": [ranged("Total: 0.11", "Total: 0.", "Total: 14.")],
        "Voltage at charge": ["80%", "11.4 V"],
        "Current": ["-1"],
        "Empty first": [
            "Twin (panel.1) online 79% no 11.40 V 120.0 %/h 39.5 mins"
            " Third maintenance 25% no 10.50 V"
            " Twin (panelX1) silent 15% yes 10.10 V",
        ],
    },
    "robot": {
        "Now": ["State online", "Job Sort 65% Open alerts 1 Battery 79 % Charging no"],
        "Known of this robot": ["Twin panel.1 by the door 10.0.0.1 open open 1.00 / 2.50 / 0.00"],
        "Alerts": ["warning Servo temperature too high (servo_2) acknowledged", "62.0 °C 60.0 °C"],
        "Limits in force": ["CPU load 50.0 % 58.0 % this robot CPU temperature 70.0 °C 80.0 °C"],
        "CPU load": [
            ranged("CPU load Last *: 45%", "CPU load Last *: 60%", "CPU load Last *: 60%"),
            LIMITED("50%", "58%"),
            "100%",
        ],
        "Memory use": ["Memory use Last *: 51%"],
        "CPU temperature": [LIMITED("70 °C", "80 °C")],
        "Servo temperatures": ["servo_1 Last *: 44 °C", LIMITED("60 °C", "75 °C")],
        "Battery": ["Charge Last *: 79% " + LIMITED("20%", "10%"), "Voltage Last *: 11.40 V"],
        "Servo position": [ranged("2", "20", "20"), ranged("-4", "-20", "-20")],
        "Servo voltage": ["servo_1 Last *: 4.80 V"],
        "Servo load": ["servo_1 Last *: 12%"],
        "Acceleration": ["10 m/sec²"],
        "Rotation": [ranged("5 °/s", "20 °/s", "20 °/s"), ranged("1 °/s", "-20 °/s", "-20 °/s")],
        "Path": [ranged("7.0 m", "-4.0 m", "-4.0 m"), "4.0 m"],
        "Jobs": ["active Sort picking 65.4 % 13 of 20", "failed Sort", "item dropped"],
    },
}

COLOURS: dict[str, dict[str, dict[str, str]]] = {
    "servos": {"Temperature now": {"44": "green", "61": "yellow"}},
    "motion": {"Motion in this time range": {"0": "green", "90": "red", "1": "red", "6.1": "text"}},
    "power": {
        "Now": {"79": "green", "no": "grey", "39.5": "text"},
        "Empty first": {"online": "green", "maintenance": "blue", "silent": "red"},
    },
    "robot": {
        "Now": {"online": "green", "released": "green", "79": "green", "no": "grey"},
        "Alerts": {"warning": "yellow"},
        "Limits in force": {"20.0 %": "yellow", "10.0 %": "red"},
        "Jobs": {"active": "blue", "completed": "green", "failed": "red"},
    },
    "fleet": {
        "Open alerts": {"critical": "red", "warning": "yellow"},
        "Robots, worst first": {
            "silent": "red",
            "online": "green",
            "error": "red",
            "maintenance": "blue",
            "never seen": "grey",
            "warning": "yellow",
        },
    },
    "alerts": {
        "Open now": {"0": "grey", "1": "yellow"},
        "Open alerts": {"warning": "yellow"},
        "Timeline": {"warning": "yellow"},
    },
    "jobs": {"Jobs": {"active": "blue", "completed": "green", "failed": "red"}},
    "logs": {"Most frequent": {"WARNING": "yellow"}, "Lines": {"WARNING": "yellow"}},
    "pipeline": {},
}
