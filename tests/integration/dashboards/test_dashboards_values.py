"""What each panel's each query says of a fleet whose answer is known, asked as a Viewer.

The panels come from the files: one without an expectation here fails.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import psycopg
import pytest

from glue.series import deletion
from tests.integration.dashboards.fleet import (
    DASHBOARDS,
    LOOK_ALIKE,
    LOOKED_AT,
    SINCE,
    UNTIL,
    Shown,
)

PANELS = [
    (uid, panel["id"], target["refId"], panel)
    for uid, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for target in panel.get("targets", [])
]


def lines(frames: list[dict[str, Any]], base: int) -> dict[str, dict[int, float]]:
    """Series by the name they have in the legend: second to value, empty windows left out."""
    found: dict[str, dict[int, float]] = {}
    for frame in frames:
        fields = frame["schema"]["fields"]
        times, *columns = frame["data"]["values"] or [[]]
        for field, values in zip(fields[1:], columns, strict=True):
            name = (
                field.get("config", {}).get("displayNameFromDS")
                or (frame["schema"].get("name") if field["name"] == "Value" else None)
                or field["name"]
            )
            pairs = zip(times, values, strict=True)
            found[name] = {int(t / 1000) - base: v for t, v in pairs if v is not None}
    return {name: points for name, points in found.items() if points}


def rows(frames: list[dict[str, Any]], base: int) -> list[dict[str, Any]]:
    """Rows of the one table; times as seconds from ``base``."""
    if not frames:
        return []
    (frame,) = frames
    fields = frame["schema"]["fields"]
    names = [field["name"] for field in fields]
    columns = [
        [None if v is None else int(v / 1000) - base for v in values]
        if field["type"] == "time"
        else values
        for field, values in zip(fields, frame["data"]["values"], strict=True)
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


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


def just_now(seconds: float) -> Any:
    """An age: rows were written some seconds before they are read."""
    return pytest.approx(seconds + 60, abs=60)


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


def state(
    robot_id: str, name: str, status: str, alert: Any, ago: Any, rank: int, **more: Any
) -> Any:
    return {
        "robot_id": robot_id,
        "Robot": name,
        "Status": status,
        "Alert": alert,
        "Last seen, ago": ago,
        "rank": rank,
        **(more or limits_of()),
    }


THIRD = {"robot_id": "panel:3", "Robot": "Third"}
TWIN = {"robot_id": LOOKED_AT, "Robot": "Twin (panel.1)"}
OTHER = {"robot_id": LOOK_ALIKE, "Robot": "Twin (panelX1)"}

FLEET: dict[tuple[int, str], Any] = {
    (1, "Robots"): [
        {
            "Online": 1,
            "Offline": 1,
            "Silent": 1,
            "Error": 1,
            "Maintenance": 1,
            "Emergency stop": 1,
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
            "Value at opening": "31.0 s",
            "Limit": "30.0 s",
            "Source": None,
            "link": "/d/tonypi-fleet/fleet?from={-480}&to=now",
        },
        {
            "Severity": "critical",
            "Robot": "Twin",
            "Alert": "Robot silent",
            "State": "open",
            "Since": 60,
            "Value at opening": "990.0 s",
            "Limit": "60.0 s",
            "Source": None,
            "link": "/d/tonypi-robot/robot?var-robot=panelX1&from={-540}&to=now",
        },
        {
            "Severity": "warning",
            "Robot": "Twin",
            "Alert": "Servo temperature too high",
            "State": "acknowledged",
            "Since": 0,
            "Value at opening": "62.0 °C",
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
        state("tonypi_01", "TonyPi 01", "never seen", None, None, -500),
        state(
            LOOKED_AT,
            "Twin (panel.1)",
            "online",
            "warning",
            just_now(5),
            2000,
            **limits_of(cpu=(50, 8), memory=None),
        ),
        state(LOOK_ALIKE, "Twin (panelX1)", "offline", "critical", just_now(3600), 3000),
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
    (20, "Reading"): {"Charge": {0: 80, 30: 79}},
    (20, "Voltage"): {"Voltage": {0: 11.5, 30: 11.4}},
    (20, "Limits"): limits(20, 10),
    (30, "Reading"): {"servo_1": {0: 44}, "servo_2": {0: 62, 3: 61}},
    (30, "Limits"): limits(60, 75),
    (31, "Reading"): {"servo_1": {0: 2}, "servo_2": {0: -3, 3: -4}},
    (32, "Reading"): {"servo_1": {0: 4.8}, "servo_2": {0: 5, 3: 5.1}},
    (33, "Reading"): {"servo_1": {0: 12}},
    (40, "Reading"): {
        "x": {0: pytest.approx(0.2)},
        "y": {0: pytest.approx(0.3)},
        "z": {0: pytest.approx(9.7)},
    },
    (41, "Reading"): {"x": {0: 2}, "y": {0: 3}, "z": {0: 4}},
    (42, "Reading"): {"x": {0: 1.5}, "y": {0: 3}, "z": {0: 0}},
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

EXPECTED = {"tonypi-fleet": FLEET, "tonypi-robot": ROBOT}


@pytest.mark.parametrize(
    ("uid", "number", "ref", "panel"), PANELS, ids=[f"{u}-{n}-{r}" for u, n, r, _ in PANELS]
)
def test_a_panels_query_gives_the_known_answer(
    shown: Shown, uid: str, number: int, ref: str, panel: dict[str, Any]
) -> None:
    assert (number, ref) in EXPECTED[uid], "say here what this query must answer"
    query = next(t for t in panel["targets"] if t["refId"] == ref)
    every = panel.get("interval", "10s")
    frames = shown.ask(
        [query | {"intervalMs": int(every.removesuffix("s")) * 1000, "maxDataPoints": 1000}]
    )[ref]
    over_time = "time_series" in (query.get("resultFormat"), query.get("format"))
    answer: Any = lines(frames, shown.base) if over_time else rows(frames, shown.base)
    expected = EXPECTED[uid][number, ref]
    if ref in {"Performance", "Battery", "BatteryInUse", "Servos"} and number == 2:
        # last() of several fields has the time of the window's beginning: no use to anybody.
        answer = [{k: v for k, v in row.items() if k != "Time"} for row in answer]
    if (number, ref) == (3, "Alerts") and uid == "tonypi-fleet":
        expected = [row | {"link": _link(row["link"], shown.base)} for row in expected]
    assert answer == expected


def _link(pattern: str, base: int) -> str:
    return re.sub(r"\{(-?\d+)\}", lambda m: str((base + int(m[1])) * 1000), pattern)


def test_every_expectation_is_of_a_panel_that_exists() -> None:
    there = {(uid, number, ref) for uid, number, ref, _ in PANELS}
    assert {(uid, *key) for uid, known in EXPECTED.items() for key in known} == there


def test_the_lines_of_a_limit_follow_the_limit_without_a_new_dashboard(shown: Shown) -> None:
    cpu = next(p for p in DASHBOARDS["tonypi-robot"]["panels"] if p["id"] == 10)
    query = next(t for t in cpu["targets"] if t["refId"] == "Limits")
    with psycopg.connect(shown.settings.postgres.dsn) as conn:
        conn.execute(
            "UPDATE alert_thresholds SET warning_threshold = 41 WHERE robot_id = 'panel.1'"
            " AND metric_type = 'cpu'"
        )
    try:
        assert lines(shown.ask([query])["Limits"], shown.base) == limits(41, 58)
    finally:
        with psycopg.connect(shown.settings.postgres.dsn) as conn:
            conn.execute(
                "UPDATE alert_thresholds SET warning_threshold = 50 WHERE robot_id ="
                " 'panel.1' AND metric_type = 'cpu'"
            )


def test_alerts_are_drawn_over_the_chart_of_their_metric(shown: Shown) -> None:
    drawn = {}
    for annotation in DASHBOARDS["tonypi-robot"]["annotations"]["list"]:
        if "target" not in annotation:
            continue
        frames = shown.ask([annotation["target"]])["Anno"]
        drawn[annotation["name"]] = (
            annotation["filter"]["ids"],
            annotation["iconColor"],
            [(r["time"], r["text"], r["tags"]) for r in rows(frames, shown.base)],
        )
    assert len(drawn) == 10
    assert {name: what for name, what in drawn.items() if what[2]} == {
        "CPU load critical": (
            [10],
            "red",
            [(-120, "panel.1: CPU load too high", "critical,resolved")],
        ),
        "Servo temperature warning": (
            [30],
            "yellow",
            [(0, "panel.1: servo temperature too high", "warning,acknowledged")],
        ),
    }


def test_the_variable_offers_robots_by_name(shown: Shown) -> None:
    (variable,) = DASHBOARDS["tonypi-robot"]["templating"]["list"]
    query = {
        "refId": "robot",
        "datasource": variable["datasource"],
        "rawSql": variable["query"],
        "format": "table",
    }
    offered = [(r["__value"], r["__text"]) for r in rows(shown.ask([query])["robot"], shown.base)]
    assert offered == [
        ("panel-4", "Fourth"),
        ("panel:3", "Third"),
        ("panel.1", "Twin (panel.1)"),
        ("panelX1", "Twin (panelX1)"),
        ("tonypi_01", "TonyPi 01"),
        ("panel-old", "Old"),
        ("panel-new", "panel-new"),
    ]


def test_a_chart_of_the_worst_is_of_ten_robots_however_large_the_fleet(shown: Shown) -> None:
    assert set(shown.worst("battery")) == {LOOKED_AT, LOOK_ALIKE, "panel:3"}
    hot = [f"many-{n}" for n in range(20)]
    influx = shown.settings.influx
    written = httpx.post(
        f"{influx.url}/write",
        params={"db": influx.bucket, "precision": "s"},
        headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
        content="\n".join(
            f"servos,robot_id={robot},servo_id=servo_{servo} temperature={90 + n - servo}"
            f" {shown.base - 300}"
            for n, robot in enumerate(hot)
            for servo in (1, 2)
        ),
        trust_env=False,
    )
    assert written.status_code == 204
    try:
        assert set(shown.worst("servo_temp")) == set(hot[10:])
    finally:
        assert sorted(asyncio.run(deletion.forget(influx, "many-"))) == sorted(hot)
