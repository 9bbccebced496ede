"""Observations become rows, once, in a real PostgreSQL, with what InfluxDB knows."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row

from glue import store
from glue.alerts import people
from glue.alerts.intake import Intake
from glue.alerts.pull import Watch
from glue.core.occurrences import Observation
from glue.series import Query
from glue.store import alerts, heartbeats
from tests.influx import write_points


def observed(
    robot="r1", severity="warning", firing=True, at=None, starts=None, metric="servo_temp", **rest
):
    at = at or datetime.now(UTC)
    return Observation(
        metric=metric,
        robot_id=robot,
        severity=severity,
        firing=firing,
        starts_at=starts or at,
        seen_at=at,
        ended_at=None if firing else at,
        origin=rest.pop("origin", "push"),
        alert_type="servo",
        **rest,
    )


@pytest.fixture
async def pool(settings):
    async with store.open_pool(settings.postgres) as pool:
        yield pool


@pytest.fixture
async def series(settings):
    async with Query(settings.influx) as series:
        yield series


@pytest.fixture
def intake(pool, series):
    return Intake(pool, series)


@pytest.fixture
def rows(settings):
    """All alerts, oldest first."""

    def read(query="SELECT * FROM alerts ORDER BY id"):
        with psycopg.connect(settings.postgres.dsn, row_factory=dict_row) as conn:
            return conn.execute(query).fetchall()

    return read


def write_servos(settings, robot, **temperatures):
    lines = [
        f"servos,robot_id={robot},servo_id={servo} temperature={value}"
        for servo, value in temperatures.items()
    ]
    write_points(settings.influx, lines, "ns", settings.influx.token)


def add_robot(settings, *robots):
    with psycopg.connect(settings.postgres.dsn) as conn:
        for robot in robots:
            conn.execute(
                "INSERT INTO robots (robot_id, name) VALUES (%s, %s)", (robot, robot.upper())
            )


async def test_value_limit_and_worst_servo_are_filled_in_at_opening(settings, intake, rows):
    add_robot(settings, "r_worst")
    write_servos(settings, "r_worst", servo_1=50.0, servo_4=66.5, servo_6=61.0)
    await intake.take([observed("r_worst", origin="pull")])
    [alert] = rows()
    assert (alert["value"], alert["threshold"], alert["source"]) == (66.5, 60, "servo_4")
    assert alert["alert_type"] == "servo"
    assert alert["message"] == "Servo temperature is 66.5 °C, above the warning limit of 60 °C."


async def test_one_row_rises_falls_and_ends_with_its_timeline(settings, intake, rows):
    start = datetime.now(UTC) - timedelta(seconds=60)
    warning = observed(at=start, value=61.0, limit=60.0)
    critical = observed(
        severity="critical", at=start + timedelta(seconds=20), value=78.0, limit=75.0
    )
    await intake.take([warning, warning])
    await intake.take([warning, critical])
    [alert] = rows()
    assert (alert["severity"], alert["value"], alert["threshold"]) == ("critical", 78, 75)
    cooled = start + timedelta(seconds=30)
    add_robot(settings, "r1")
    write_servos(settings, "r1", servo_1=64.0)
    await intake.take(
        [observed(severity="critical", firing=False, at=cooled, starts=critical.starts_at)]
    )
    [alert] = rows()
    assert (alert["severity"], alert["value"], alert["threshold"]) == ("warning", 64, 60)
    assert alert["message"] == "Servo temperature is 64 °C, above the warning limit of 60 °C."
    end = start + timedelta(seconds=40)
    await intake.take([observed(firing=False, at=end, starts=warning.starts_at)])
    [alert] = rows()
    assert (alert["resolved"], alert["resolved_at"], alert["resolve_reason"]) == (
        True,
        end,
        "recovered",
    )
    told = rows("SELECT kind, severity FROM alert_timeline ORDER BY id")
    assert [(t["kind"], t["severity"]) for t in told] == [
        ("opened", "warning"),
        ("raised", "critical"),
        ("lowered", "warning"),
        ("resolved", "critical"),
    ]


async def test_one_that_opens_again_as_critical_speaks_of_the_critical_limit(intake, rows):
    start = datetime.now(UTC) - timedelta(seconds=60)
    ended = start + timedelta(seconds=30)
    await intake.take([observed(at=start, value=61.0, limit=60.0)])
    await intake.take([observed(firing=False, at=ended, starts=start, value=50.0, limit=60.0)])
    late = start + timedelta(seconds=20)
    await intake.take([observed(severity="critical", at=late, value=78.0, limit=75.0)])
    [alert] = rows()
    assert (alert["resolved"], alert["severity"], alert["threshold"]) == (False, "critical", 75)
    assert alert["message"] == "Servo temperature is 78 °C, above the critical limit of 75 °C."


async def test_the_same_post_from_twenty_writers_at_once_is_one_alert(pool, series, rows):
    seen = [observed(f"r{n}") for n in range(10)]
    await asyncio.gather(*(Intake(pool, series).take(seen) for _ in range(20)))
    assert len(rows()) == 10
    assert len(rows("SELECT * FROM alert_timeline")) == 10


async def test_two_thousand_robots_in_one_batch(intake, rows):
    seen = [observed(f"bot_{n}", value=61.0, limit=60.0) for n in range(2000)]
    began = time.monotonic()
    outcome = await intake.take(seen)
    took = time.monotonic() - began
    assert outcome.count("opened") == 2000
    assert len(rows("SELECT id FROM alerts WHERE NOT resolved")) == 2000
    assert took < 10, f"Grafana gives up on a post after 30 s; this one took {took:.1f} s"


async def test_a_vanished_series_is_no_data_and_never_recovered(settings, intake, rows):
    add_robot(settings, "r_gone")
    start = datetime.now(UTC)
    await intake.take([observed("r_gone", at=start, value=61.0, limit=60.0)])
    ended = observed("r_gone", firing=False, at=start + timedelta(seconds=30), starts=start)
    await intake.take([ended], {("servo_temp", "r_gone", "warning")})
    assert rows()[0]["resolve_reason"] == "no data"


async def test_maintenance_is_the_reason_when_the_limit_went_with_it(settings, intake, rows):
    add_robot(settings, "r_maint")
    write_servos(settings, "r_maint", servo_1=70.0)
    start = datetime.now(UTC)
    await intake.take([observed("r_maint", at=start)])
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute("UPDATE robots SET status = 'maintenance' WHERE robot_id = 'r_maint'")
    ended = observed("r_maint", firing=False, at=start + timedelta(seconds=30), starts=start)
    await intake.take([ended], {("servo_temp", "r_maint", "warning")})
    assert rows()[0]["resolve_reason"] == "maintenance"


async def acknowledge(pool: store.Pool, alert_id: int, who: str, comment: str | None) -> None:
    async with store.transaction(pool) as conn:
        await people.acknowledge(conn, await people.hold(conn, alert_id), who, comment)


async def resolve(pool: store.Pool, alert_id: int, who: str, comment: str | None) -> None:
    async with store.transaction(pool) as conn:
        alert = await people.hold(conn, alert_id, to_resolve=True)
        await people.resolve(conn, alert, who, comment)


async def test_resolved_by_hand_stays_so_until_normal_was_reported(pool, intake, rows):
    start = datetime.now(UTC)
    await intake.take([observed(at=start)])
    [alert] = rows()
    await acknowledge(pool, alert["id"], "olga", "looking at it")
    await resolve(pool, alert["id"], "olga", "servo replaced")
    with pytest.raises(people.AlreadyResolved):
        await resolve(pool, alert["id"], "olga", None)
    await intake.take([observed(at=start + timedelta(seconds=15), starts=start, origin="pull")])
    await intake.take([observed(at=start)])
    [alert] = rows()
    assert (alert["acknowledged_by"], alert["resolved_by"]) == ("olga", "olga")
    assert alert["resolve_reason"] == "by hand"
    later = start + timedelta(seconds=60)
    await intake.take([observed(firing=False, at=later, starts=start)])
    await intake.take([observed(at=later + timedelta(seconds=10))])
    assert [a["resolved"] for a in rows()] == [True, False]


async def test_what_is_not_repeated_is_stale_can_be_closed_and_opens_again_when_repeated(
    settings, pool, intake, rows
):
    settings = settings.model_copy(
        update={"rules": settings.rules.model_copy(update={"stale_after": 3600})}
    )
    start = datetime.now(UTC) - timedelta(hours=5)
    at = [start]
    watch = Watch(settings, pool, None, intake, clock=lambda: at[0])

    async def repeat(hours: float) -> None:
        at[0] = start + timedelta(hours=hours)
        seen = observed("", at=at[0], starts=start, metric="rule:node_down:0123456789ab")
        await intake.take([seen])
        await watch.look()

    async def look(hours: float) -> None:
        at[0] = start + timedelta(hours=hours)
        await watch.look()

    def state() -> tuple[bool, bool]:
        [alert] = rows()
        return alert["resolved"], alert["stale_since"] is not None

    await repeat(0)
    await repeat(0.9)
    await look(1.8)
    assert state() == (False, False), "repeated within the hour"
    await look(2)
    assert state() == (False, True)
    await repeat(2.1)
    assert state() == (False, False)
    await look(4)
    [alert] = rows()
    await resolve(pool, alert["id"], "olga", None)
    [alert] = rows()
    assert (alert["resolve_reason"], alert["resolved_by"]) == ("not repeated", "olga")
    at[0] = datetime.now(UTC) + timedelta(seconds=1)
    await intake.take([observed("", at=at[0], starts=start, metric="rule:node_down:0123456789ab")])
    [alert] = rows()
    assert (alert["resolved"], alert["resolved_by"], alert["stale_since"]) == (False, None, None)
    kinds = [t["kind"] for t in rows("SELECT kind FROM alert_timeline ORDER BY id")]
    assert kinds == ["opened", "stale", "stale", "resolved", "opened"]


async def test_alerts_of_our_own_rules_are_never_stale(settings, pool, intake, rows):
    long_ago = datetime.now(UTC) - timedelta(days=30)
    await intake.take([observed("r1", at=long_ago)])
    async with store.transaction(pool) as conn:
        await alerts.repeated(conn, {"servo_temp"}, long_ago, listed=True)
    await Watch(settings, pool, None, intake).look()
    assert [a["stale_since"] for a in rows()] == [None]


async def test_acknowledging_twice_keeps_the_first_name(pool, intake, rows):
    await intake.take([observed()])
    [alert] = rows()
    await acknowledge(pool, alert["id"], "olga", None)
    await acknowledge(pool, alert["id"], "ivan", "me too")
    assert rows()[0]["acknowledged_by"] == "olga"
    notes = rows("SELECT actor, note FROM alert_timeline WHERE kind = 'commented'")
    assert [(n["actor"], n["note"]) for n in notes] == [("ivan", "me too")]
    with pytest.raises(people.NoSuchAlert):
        await acknowledge(pool, 999_999, "ivan", None)


async def test_system_wide_alerts_have_no_robot(intake, rows):
    await intake.take([observed("", metric="events", severity="critical")])
    await intake.take([observed("", metric="events", severity="critical")])
    [alert] = rows()
    assert alert["robot_id"] is None
    assert alert["threshold"] == 15, "its limit stands in the rule"
    assert alert["value"] is not None


def past(start, begins, ends=None, severity="warning", **rest):
    """Told by the history: from ``begins`` to ``ends`` s after ``start``; None: it goes on."""
    began = start + timedelta(seconds=begins)
    ended = None if ends is None else start + timedelta(seconds=ends)
    rest = {"origin": "pull", "value": 78.0, "limit": 75.0} | rest
    return observed(
        severity=severity, firing=ended is None, starts=began, at=ended or began, **rest
    )


async def test_alerts_that_turn_out_to_be_one_are_one_row_with_all_that_happened(
    pool, intake, rows
):
    start = datetime.now(UTC) - timedelta(seconds=60)
    await intake.take([past(start, 5, 7, "critical"), past(start, 20, 22, "critical")])
    first, second = rows()
    await acknowledge(pool, second["id"], "olga", "looking")
    await intake.take([past(start, 0)])
    [alert] = rows()
    assert (alert["id"], alert["resolved"], alert["starts_at"]) == (first["id"], False, start)
    assert (alert["acknowledged_by"], alert["comment"]) == ("olga", "looking")
    told = [t["kind"] for t in rows("SELECT kind FROM alert_timeline ORDER BY id")]
    assert told[:4] == ["opened", "resolved"] * 2
    assert set(told[4:]) == {"acknowledged", "opened", "corrected", "joined"}
    await intake.take([past(start, 0, 50)])
    assert [a["resolved_at"] for a in rows()] == [start + timedelta(seconds=50)]


async def test_an_end_found_in_the_history_makes_two_alerts_of_one(intake, rows):
    start = datetime.now(UTC) - timedelta(seconds=60)
    await intake.take([past(start, 0), past(start, 50)])
    assert len(rows()) == 1
    batch = [past(start, 0, 40), past(start, 50)]
    await intake.take(batch)
    await intake.take(batch)
    before, now = rows()
    assert before["resolved_at"] == start + timedelta(seconds=40)
    assert (now["starts_at"], now["resolved"]) == (start + timedelta(seconds=50), False)
    occurrences = rows("SELECT * FROM alert_occurrences ORDER BY starts_at")
    assert [o["alert_id"] for o in occurrences] == [before["id"], now["id"]]


async def test_what_came_and_went_in_any_order_is_written_once(intake, rows):
    start = datetime.now(UTC) - timedelta(seconds=600)
    told = [past(start, n, n + 5) for n in range(0, 500, 10)]
    await asyncio.gather(*(intake.take(told[n::3] + told[::-2]) for n in range(3)))
    await intake.take(told)
    assert len(rows()) == len(rows("SELECT * FROM alert_occurrences")) == 50
    assert all(a["resolved"] for a in rows())


async def test_an_alert_that_ends_because_its_limit_was_raised_says_so(settings, intake, rows):
    add_robot(settings, "r_limit")
    write_servos(settings, "r_limit", servo_1=66.0)
    start = datetime.now(UTC)
    await intake.take([observed("r_limit", at=start, value=66.0, limit=60.0)])
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute(
            "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
            " critical_threshold) VALUES ('r_limit', 'servo_temp', 70, 80)"
        )
    end = start + timedelta(seconds=10)
    await intake.take(
        [observed("r_limit", firing=False, at=end, starts=start, value=66.0, limit=70.0)]
    )
    assert rows()[0]["resolve_reason"] == "limit changed"


async def test_an_open_alert_of_an_older_glue_goes_on_and_ends(settings, pool, intake, rows):
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute(
            "INSERT INTO alerts (robot_id, alert_type, severity, title, metric, starts_at, origin)"
            " VALUES ('r1', 'servo', 'warning', 't', 'servo_temp', now(), 'push')"
        )
    async with store.transaction(pool) as conn:
        [held] = await alerts.firing(conn)
    assert held.key == ("servo_temp", "r1", "warning")
    await intake.take([observed(severity="critical", value=78.0, limit=75.0)])
    await intake.take(
        [
            observed(severity=s, firing=False, origin="pull", by_look=True)
            for s in ("warning", "critical")
        ]
    )
    assert [(a["severity"], a["resolved"]) for a in rows()] == [("critical", True)]


async def test_influxdb_away_costs_the_lookup_not_the_alert(pool, settings, rows):
    nowhere = settings.influx.model_copy(update={"url": "http://127.0.0.1:9"})
    async with Query(nowhere) as series:
        await Intake(pool, series).take([observed(value=61.0, limit=60.0)])
    assert rows()[0]["value"] == 61


@pytest.mark.parametrize(("lag", "late"), [(85.0, True), (3.0, False)])
async def test_an_alert_of_late_readings_says_so(settings, pool, intake, rows, lag, late):
    add_robot(settings, "r1")
    write_servos(settings, "r1", servo_1=70.0)
    async with store.transaction(pool) as conn:
        await heartbeats.beat(conn, "queue", datetime.now(UTC), {"lag_s": lag})
    await intake.take([observed()])
    (alert,) = rows()
    assert ("Readings are 85 s late at present" in alert["message"]) == late
