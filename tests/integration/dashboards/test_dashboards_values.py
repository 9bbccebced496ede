"""What each panel's each query says of a fleet whose answer is known, asked as a Viewer.

The panels come from the files: one without an expectation here fails.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import psycopg
import pytest

from glue.series import deletion
from tests import panel_queries
from tests.influx import write_points
from tests.integration.dashboards.fleet import (
    ALL,
    DASHBOARDS,
    LOOK_ALIKE,
    LOOKED_AT,
    Shown,
)
from tests.integration.dashboards.known import FLEET, ROBOT, limits
from tests.integration.dashboards.known_records import ALERTS, JOBS, LOGS, PIPELINE
from tests.integration.dashboards.known_robot import MOTION, POWER, SERVOS

EXPECTED = {
    "tonypi-fleet": FLEET,
    "tonypi-robot": ROBOT,
    "tonypi-servos": SERVOS,
    "tonypi-motion": MOTION,
    "tonypi-power": POWER,
    "tonypi-jobs": JOBS,
    "tonypi-alerts": ALERTS,
    "tonypi-logs": LOGS,
    "tonypi-pipeline": PIPELINE,
}

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


@pytest.mark.parametrize(
    ("uid", "number", "ref", "panel"), PANELS, ids=[f"{u}-{n}-{r}" for u, n, r, _ in PANELS]
)
def test_a_panels_query_gives_the_known_answer(
    shown: Shown, uid: str, number: int, ref: str, panel: dict[str, Any]
) -> None:
    assert (number, ref) in EXPECTED[uid], "say here what this query must answer"
    query = next(t for t in panel["targets"] if t["refId"] == ref)
    every = 1000 * panel_queries.least_interval(panel, "10s")
    frames = shown.ask([query | {"intervalMs": every, "maxDataPoints": 1000}])[ref]
    over_time = "time_series" in (query.get("resultFormat"), query.get("format"))
    answer: Any = lines(frames, shown.base) if over_time else rows(frames, shown.base)
    expected = EXPECTED[uid][number, ref]
    if callable(expected):
        expected = expected(shown.base)
    if ref in {"Performance", "Battery", "BatteryInUse", "Servos"} and number == 2:
        # last() of several fields has the time of the window's beginning: no use to anybody.
        answer = [{k: v for k, v in row.items() if k != "Time"} for row in answer]
    if isinstance(expected, list) and expected and "link" in expected[0]:
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
        if annotation.get("target", {}).get("refId") != "Anno":
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
    variable = DASHBOARDS["tonypi-robot"]["templating"]["list"][0]
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
        ("panel-older", "Old 2"),
        ("panel-old", "Old 10"),
        ("panel-new", "panel-new"),
    ]


@pytest.mark.parametrize(("robot", "said"), [(LOOKED_AT, ["var-robot=panel.1"]), (ALL, [])])
def test_a_link_hands_on_the_robot_that_was_chosen_and_never_all(
    shown: Shown, robot: str, said: list[str]
) -> None:
    board = DASHBOARDS["tonypi-alerts"]
    assert all("${chosen}" in link["url"] for link in board["links"])
    (variable,) = (v for v in board["templating"]["list"] if v["name"] == "chosen")
    query = {"refId": "C", "datasource": variable["datasource"], "format": "table"}
    answer = rows(shown.ask([query | {"rawSql": variable["query"]}], robot)["C"], shown.base)
    assert [next(iter(row.values())) for row in answer] == said


def test_a_chart_of_the_worst_is_of_ten_robots_however_large_the_fleet(shown: Shown) -> None:
    assert set(shown.worst("battery")) == {LOOKED_AT, LOOK_ALIKE, "panel:3"}
    hot = [f"many-{n}" for n in range(20)]
    influx = shown.settings.influx
    lines = (
        f"servos,robot_id={robot},servo_id=servo_{servo} temperature={90 + n - servo}"
        f" {shown.base - 300}"
        for n, robot in enumerate(hot)
        for servo in (1, 2)
    )
    write_points(influx, lines, token=influx.token)
    try:
        assert set(shown.worst("servo_temp")) == set(hot[10:])
    finally:
        assert sorted(asyncio.run(deletion.forget(influx, "many-"))) == sorted(hot)


def test_where_no_robot_is_chosen_all_count_and_the_stack_itself(shown: Shown) -> None:
    def first(uid: str, number: int, ref: str) -> list[dict[str, Any]]:
        panel = next(p for p in DASHBOARDS[uid]["panels"] if p["id"] == number)
        query = next(t for t in panel["targets"] if t["refId"] == ref)
        return rows(shown.ask([query], ALL)[ref], shown.base)

    open_now = {"Critical": 2, "Warning": 1, "Nobody sees to": 2}
    assert first("tonypi-alerts", 1, "Open") == [open_now]
    assert first("tonypi-jobs", 1, "Running") == [{"Running now": 2}]
    # A robot's estimate may be any number; only one that can be is a duration.
    assert [row["Completed estimate"] for row in first("tonypi-jobs", 12, "Completed")] == [1e9, 80]


def test_nobody_reads_of_sign_ins_in_the_logs(shown: Shown) -> None:
    (panel,) = (p for p in DASHBOARDS["tonypi-logs"]["panels"] if p["id"] == 30)
    said = [row["Message"] for row in rows(shown.ask(panel["targets"], ALL)["Lines"], shown.base)]
    assert said == [
        "Not mine",
        "Servo 12 is hot",
        "Servo 3 is hot",
        "anna changed a limit",
        "Heartbeat, up 7 s",
    ]
    # Nor by a condition, cheaper than the view's own, whose failure names what it was shown.
    sly = panel["targets"][0] | {"rawSql": "SELECT 1 FROM grafana.logs WHERE message::boolean"}
    body = {"from": "0", "to": str(shown.base * 2000), "queries": [sly]}
    told = shown.viewer.post("/api/ds/query", json=body).text
    assert "Heartbeat, up 7 s" in told
    assert "anna failed" not in told


@pytest.mark.parametrize(
    ("view", "hidden"),
    [
        ("logs", "details"),
        ("refused", "last_detail"),
        ("notifications", "target_name"),
        ("notifications", "last_error"),
        ("loops", "details"),
    ],
)
def test_what_is_private_has_no_column(shown: Shown, view: str, hidden: str) -> None:
    with psycopg.connect(shown.settings.postgres.dsn) as conn:
        columns = {c.name for c in conn.execute(f"SELECT * FROM grafana.{view}").description or ()}
    assert columns and hidden not in columns


def test_the_console_is_offered_only_where_its_address_can_be_opened(shown: Shown) -> None:
    def offered(address: str) -> list[Any]:
        with psycopg.connect(shown.settings.postgres.dsn) as conn:
            conn.execute(
                "UPDATE heartbeats SET details = details || jsonb_build_object('address', %s::text)"
                " WHERE name = 'events'",
                [address],
            )
            found = conn.execute("SELECT url FROM grafana.console").fetchall()
            conn.rollback()
        return found

    assert offered("https://robots.example.org/glue/") == [
        ("https://robots.example.org/glue/console",)
    ]
    assert offered("javascript:alert(1)") == []
    assert offered("http://x/ onload='1'") == []
    assert offered("") == []
