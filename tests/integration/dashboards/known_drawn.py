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
        "Motion": [
            "Tilt now 0 ° Largest tilt 90 ° Falls 1",
            ranged("Way 6.1 m", "Way 429.7 m", "Way 12594.0 m"),
        ],
        "Tilt": ["175 °"],
        "Path": [ranged("2 m", "5 m", "5 m")],
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
        "Voltage at charge": ["0%", "100%", "11.4 V"],
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
        "Path": [" m"],
        "Jobs": ["active Sort picking 65.4 % 13 of 20", "failed Sort", "item dropped"],
    },
    "fleet": {
        "Robots": [
            "Online 1 Offline 0 Silent 1 Error 1 Maintenance 1 Stopped 1 Never seen 1 To approve 1"
        ],
        "Open alerts": [
            "critical the stack Events stopped open",
            "31.0 s 30.0 s critical Twin Robot silent open",
            "990.0 s 60.0 s warning Twin Servo temperature too high acknowledged by anna",
            "62.0 °C 60.0 °C servo_2",
        ],
        "Pipeline": ["Heartbeat, ago"],
        "Refused": ["messages 3"],
        "Map (red: critical, yellow: warning, green: fine)": ["2 m"],
        "Robots, worst first": [
            "Robot Status Last seen, ago Alert Battery Charging CPU temp Servo temp CPU Memory",
            "warning 79% no 53 °C 61 °C warning 57% warning 52% open Fourth error",
            "Third maintenance",
            "25% no 95 °C 12% 13% Twin (panelX1) silent",
            "critical 15% yes 71 °C 76 °C 99% 91% TonyPi 01 never seen never",
        ],
        "Lowest batteries": [
            "Twin (panel.1) Last *: 79% Third Last *: 25%",
            ranged(*(f"Twin (panelX1) Last *: {charge}%" for charge in (15, 10, 10))),
        ],
        "Hottest CPUs": ["Third Last *: 95 °C Twin (panelX1) Last *: 71 °C"],
        "Hottest servos": ["Twin (panel.1) Last *: 62 °C Twin (panelX1) Last *: 76 °C"],
    },
    "alerts": {
        "Open now": ["Critical 0 Warning 1 Nobody sees to 0"],
        "Until acknowledged": ["Half within 1.5 mins 9 of 10 within 1.5 mins"],
        "Until over": [
            ranged(
                "Half within 1.0 min 9 of 10 within 1.0 min",
                *["Half within 30.5 mins 9 of 10 within 54.1 mins"] * 2,
            )
        ],
        "Open alerts": [
            "warning Twin Servo temperature too high acknowledged by anna",
            "62.0 °C 60.0 °C servo_2",
        ],
        "Alerts that began": [
            "Critical Total: 1",
            ranged("Warning Total: 1", "Warning Total: 2", "Warning Total: 2"),
            "Info Total: 0",
        ],
        "Time to acknowledge and to resolve": [
            "Until acknowledged Last *: 00:01:30 Until over Last *: 00:",
            ranged("00:01:20", "00:00:00", "00:00:00"),
        ],
        "Noisiest metrics": ["Critical Warning Info", "CPU load", "Servo temperature"],
        "Noisiest robots": ["Critical Warning Info", "Twin"],
        "Severity along time": ["Twin", ranged("warning", "warning", "Twin")],
        "Timeline": [
            "warning Twin Servo temperature too high acknowledged anna on it",
            "warning Twin Servo temperature too high opened 62.0 °C",
        ],
    },
    "jobs": {
        "Jobs in this time range": [
            ranged(
                "Running now 1 Completed 1 Failed 1 Success 50.0 % Items 25 Median duration 1 mins",
                *["Running now 1 Completed 1 Failed 2 Success 33.3 % Items 28"] * 2,
            ),
            "Of the estimate 94 %",
        ],
        "Throughput": ["Completed Total: 1", ranged(*(f"Failed Total: {n}" for n in (1, 2, 2)))],
        "Success and items": ["Success Last *:", "Items Last *:", "100%"],
        "Durations (green: completed, red: failed)": [
            *("estimated", "real", "00:00:00", "00:01:20", "00:01:40")
        ],
        "By task": ["Sort 2 50 % 25 00:01:15 00:01:20 item dropped"],
        "Busiest robots": ["Completed Failed", "Twin"],
        "Jobs": [
            "active Twin Sort picking 65% 13 of 20",
            "00:00:50 00:01:20 item dropped completed Twin Sort 100% 20 of 20",
        ],
    },
    "logs": {
        "Troubles in this time range": ["Critical 0 Errors 0 Warnings 2 Robots concerned 1"],
        "Warnings and errors": ["Critical Total: 0 Error Total: 0 Warning Total: 2"],
        "Most frequent": ["WARNING Servo # is hot 2 1"],
        "Most troubled robots": ["Twin", "2"],
        "Lines": [
            "WARNING mqtt Twin Servo 12 is hot",
            "WARNING mqtt Twin Servo 3 is hot",
            "INFO mqtt Twin Heartbeat, up 7 s",
        ],
    },
    "pipeline": {
        "Broker": ["Heartbeat, ago", "Connections 4 Kept messages 12"],
        "Telegraf": ["Buffer 0 % Points stored 900.0 Lost points 3"],
        "InfluxDB": ["Without new points 0 s A write takes 3.0 ms Failed writes 1"],
        "PostgreSQL": ["Size", "MB Connections", "From memory"],
        "Queue": ["Full 25 %", "Does not keep up Telegraf Dropped 12"],
        "How late readings come": ["In the queue Last *:", ranged("2.0 s", "40.0 s", "40.0 s")],
        "Glue": ["Evaluates rules grafana To be sent 1 Given up 1"],
        "Grafana": ["State read, ago", "Posts failing for 0 s As declared conflicts"],
        "Flow": [
            "Messages to the broker Last *: 10.0 Messages to Telegraf Last *: 10.0"
            " Points stored Last *: 30.0"
        ],
        "Waiting": [
            "In Telegraf Last *: 210 Kept by the broker Last *: 12 A write takes Last *: 3.0 ms"
        ],
        "Refused readings": ["missing_id Total: 1 not_json Total: 2"],
        "Refused readings by topic": [
            *("missing_id", "tonypi/battery", "not_json", "tonypi/sensors/x")
        ],
        "Refused events": ["job wrong_type 3"],
        "Times that were replaced": ["behind Total: 2"],
        "Loops of the glue": ["Events from robots", "Read of Grafana's alerts"],
        "Largest tables": ["alerts 5", "jobs 6", "kB"],
        "Notifications": [
            "delivered Total: 1 queued Total: 1 suppressed Total: 0 given up Total: 1"
        ],
    },
}

NOW: dict[str, dict[str, str]] = {
    "fleet": {
        "Robots": "Online 1",
        "Open alerts": "Robot silent",
        "Pipeline": "Heartbeat, ago",
        "Map (red: critical, yellow: warning, green: fine)": "2 m",
        "Robots, worst first": "TonyPi 01 never seen never",
    },
    "alerts": {"Open now": "Critical 0 Warning 0 Nobody sees to 0"},
    "jobs": {"Jobs in this time range": "Running now 0 Completed 0 Failed 0 Success none"},
    "logs": {"Troubles in this time range": "Critical 0 Errors 0 Warnings 0 Robots concerned 0"},
    "pipeline": {
        "Broker": "Heartbeat, ago",
        "InfluxDB": "Without new points",
        "PostgreSQL": "MB",
        "Queue": "Does not keep up Telegraf",
        "Glue": "Evaluates rules grafana",
        "Grafana": "As declared conflicts",
        "Refused events": "job wrong_type 3",
        "Loops of the glue": "Events from robots",
        "Largest tables": "alerts 5",
    },
    "motion": {},
}
"""What is drawn where the time range has nothing, by dashboard and panel; the others say why."""

COLOURS: dict[str, dict[str, dict[str, str]]] = {
    "servos": {"Temperature now": {"44": "green", "61": "yellow"}},
    "motion": {"Motion": {"0": "green", "90": "red", "1": "red", "6.1": "text"}},
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
