"""What each query of Jobs, Alerts, Logs and Pipeline answers for the known fleet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.dashboards.data import LOOKED_AT
from tests.integration.dashboards.known import ANY_TIME, FLEET, just_now


class _Anything:
    """A figure of the machine."""

    def __eq__(self, other: object) -> bool:
        return other is not None

    __hash__ = None  # type: ignore[assignment]


ANYTHING: Any = _Anything()


def there(since: int, until: str) -> str:
    return f"/d/tonypi-robot/robot?var-robot={LOOKED_AT}&from={{{since}}}&to={until}"


JOBS: dict[tuple[int, str], Any] = {
    (1, "Running"): [{"Running now": 1}],
    (1, "Ended"): [
        {
            "Completed": 1,
            "Failed": 1,
            "Success": 50,
            "Items": 25,
            "Median duration": 75,
            "Of the estimate": 93.75,
        }
    ],
    (10, "Ended"): {"Completed": {-300: 1, -180: 0}, "Failed": {-300: 0, -180: 1}},
    (11, "Success"): {"Success": {-300: 100, -180: 0}, "Items": {-300: 20, -180: 5}},
    (12, "Completed"): [{"Completed estimate": 80, "Completed": 100}],
    (12, "Failed"): [{"Failed estimate": 80, "Failed": 50}],
    (12, "Frame"): [
        {"Frame x": pytest.approx(-0.04 * 80), "Frame": 0},
        {"Frame x": pytest.approx(1.04 * 80), "Frame": 0},
    ],
    (20, "Tasks"): [
        {
            "Task": "Sort",
            "Jobs": 2,
            "Success": 50,
            "Items": 25,
            "Median": 75,
            "Estimate": 80,
            "Reason": "item dropped",
        }
    ],
    (21, "Robots"): [{"Robot": "Twin", "Completed": 1, "Failed": 1}],
    (30, "Jobs"): [
        {
            "Status": status,
            "Robot": "Twin",
            "Job": "Sort",
            "Phase": phase,
            "Done": done,
            "Items": items,
            "Started": began,
            "Lasting": lasting,
            "Estimate": estimate,
            "Reason": reason,
            "link": link,
        }
        for status, phase, done, items, began, lasting, estimate, reason, link in (
            (
                *("active", "picking", 65.4, "13 of 20", 0, just_now(300), None, None),
                there(-60, "now"),
            ),
            (
                *("failed", None, 25, "5 of 20", -200, 50, 80, "item dropped"),
                there(-260, "{-90}"),
            ),
            (
                *("completed", None, 100, "20 of 20", -400, 100, 80, None),
                there(-460, "{-240}"),
            ),
        )
    ],
}

ALERTS: dict[tuple[int, str], Any] = {
    (1, "Open"): [{"Critical": 0, "Warning": 1, "Nobody sees to": 0}],
    (2, "Until"): [{"Half within": 90, "9 of 10 within": 90}],
    (4, "Until"): [{"Half within": 60, "9 of 10 within": 60}],
    (3, "Alerts"): FLEET[3, "Alerts"][2:],
    (10, "Opened"): {
        "Critical": {-120: 1, 0: 0},
        "Warning": {-120: 0, 0: 1},
        "Info": {-120: 0, 0: 0},
    },
    (11, "Times"): {"Until acknowledged": {0: 90}, "Until over": {-120: 60}},
    (20, "Metrics"): [
        {"Metric": "CPU load", "Critical": 1, "Warning": None, "Info": None},
        {"Metric": "Servo temperature", "Critical": None, "Warning": 1, "Info": None},
    ],
    (21, "Robots"): [{"Robot": "Twin", "Critical": 1, "Warning": 1, "Info": None}],
    (30, "Along"): [
        {"time": at, "Robot": "Twin", "State": state}
        for at, state in (
            *((-600, "none"), (-120, "warning"), (-100, "critical"), (-80, "warning")),
            *((-60, "none"), (0, "warning")),
        )
    ],
    (31, "Timeline"): [
        {
            "At": at,
            "Severity": "warning",
            "Robot": "Twin",
            "Alert": "Servo temperature too high",
            "What": what,
            "Who": who,
            "Note": note,
            "Value": value,
            "link": there(-600, "now"),
        }
        for at, what, who, note, value in (
            (90, "acknowledged", "anna", "on it", None),
            (0, "opened", None, None, "62.0 °C"),
        )
    ],
}

LOGS: dict[tuple[int, str], Any] = {
    (1, "Troubles"): [{"Critical": 0, "Errors": 0, "Warnings": 2, "Robots concerned": 1}],
    (10, "Troubles"): {
        "Critical": {10: 0, 20: 0},
        "Error": {10: 0, 20: 0},
        "Warning": {10: 1, 20: 1},
    },
    (20, "Frequent"): [
        {"Level": "WARNING", "Message": "Servo # is hot", "Times": 2, "Robots": 1, "Last": 20}
    ],
    (21, "Robots"): [{"Robot": "Twin", "Lines": 2}],
    (30, "Lines"): [
        {
            "Time": at,
            "Level": level,
            "Category": "mqtt",
            "Robot": "Twin",
            "Message": message,
            "link": there(at - 300, f"{{{at + 300}}}"),
        }
        for at, level, message in (
            (20, "WARNING", "Servo 12 is hot"),
            (10, "WARNING", "Servo 3 is hot"),
            (0, "INFO", "Heartbeat, up 7 s"),
        )
    ],
}

PIPELINE: dict[tuple[int, str], Any] = {
    (1, "Age"): FLEET[5, "Age"],
    (1, "Clients"): [{"Time": 0, "Connections": 4}],
    (1, "Kept"): [{"Time": 0, "Kept messages": 12}],
    (2, "Buffer"): [{"Time": ANY_TIME, "Buffer": pytest.approx(0.1)}],
    (2, "Lost"): [{"Time": ANY_TIME, "Lost points": 3}],
    (2, "Stored"): [{"Time": ANY_TIME, "Points stored": 900}],
    # Nobody has looked for new points yet.
    (3, "Age"): [{"Without new points": 0}],
    (3, "Write"): [{"Time": 30, "A write takes": 3}],
    (3, "Errors"): [{"Time": ANY_TIME, "Failed writes": 1}],
    (4, "Database"): [{"Size": ANYTHING, "Connections": ANYTHING, "From memory": ANYTHING}],
    (5, "Glue"): [{"Evaluates rules": "grafana", "To be sent": 1, "Given up": 1}],
    (6, "Grafana"): [
        # As old as it is only while our heartbeat is fresh, else that one tells.
        {"State read, ago": ANYTHING, "Posts failing for": 0, "As declared": "conflicts"}
    ],
    (7, "Queue"): [
        {
            **{"Readings, age": 40.5, "Waiting": 250000, "Full": 25, "Growth a second": 5000},
            **{"Full in": 150, "Does not keep up": "Telegraf", "Dropped": 12, "Since": ANYTHING},
        }
    ],
    # The broker's own connection is not counted.
    (20, "Broker"): {"Messages to the broker": {30: 10}},
    (20, "Telegraf"): {"Messages to Telegraf": {30: 10}},
    (20, "Stored"): {"Points stored": {30: 30}},
    (21, "Buffer"): {"In Telegraf": {0: 0, 30: 210}},
    (21, "Kept"): {"Kept by the broker": {0: 12}},
    (21, "Write"): {"A write takes": {0: 2, 30: 3}},
    (22, "Lag"): {"In the queue": {0: 40.5, 30: 2}},
    (30, "Refused"): {"missing_id": {0: 1}, "not_json": {0: 2}},
    (31, "Refused"): [
        {"Time": ANY_TIME, "topic": "tonypi/battery", "reason": "missing_id", "Times": 1},
        {"Time": ANY_TIME, "topic": "tonypi/sensors/x", "reason": "not_json", "Times": 2},
    ],
    (32, "Refused"): [{"Topic": "job", "Reason": "wrong_type", "Times": 3, "Last": 0}],
    # A time that was believed is none that was replaced.
    (33, "Clocks"): {"behind": {0: 2}},
    (40, "Loops"): [
        {"Loop": loop, "Last turn, ago": just_now(ago), "Turns": turns, "Says": says}
        for loop, ago, turns, says in (
            ("Events from robots", 7, ANYTHING, None),
            ("Grafana as declared", 0, ANYTHING, "conflicts"),
            ("Limits for the rules", 90, "late", "failed"),
            ("Look at the queue", 0, ANYTHING, None),
            ("Read of Grafana's alerts", 90, "late", None),
            ("Removal of what is old", 0, "turns", "done"),
            ("Who evaluates", 0, ANYTHING, "grafana"),
        )
    ],
    (41, "Tables"): ANYTHING,
    (42, "Notifications"): {
        "delivered": {0: 1},
        "queued": {0: 1},
        "suppressed": {0: 0},
        "given up": {0: 1},
    },
}
