"""The limits in InfluxDB: written as PostgreSQL says, and joined with the readings by InfluxDB."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from glue import store
from glue.changes import Changes
from glue.cli import stack
from glue.core import limit_points
from glue.core.limit_points import DATABASE, RULES, margin_influxql
from glue.core.rule import RECOVERS_BELOW, margin
from glue.limit_writer import HEARTBEAT, LimitWriter, write_once
from glue.series import Query, SeriesError, admin, deletion
from glue.series.limit_points import LimitPoints
from glue.stack import report
from glue.store import heartbeats
from tests.influx import write_points

ROBOTS = ("lp.1", "lp-2", "lp:3")


@pytest.fixture
def fleet(settings):
    """Settings of a fleet of three robots; what the test wrote is dropped in the end."""
    admin.prepare(settings.influx)
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute("DELETE FROM robots")
        conn.execute("INSERT INTO robots (robot_id) SELECT unnest(%s::text[])", [list(ROBOTS)])
    yield settings
    asyncio.run(deletion.forget(settings.influx, "lp"))
    asyncio.run(forget_limits(settings, *ROBOTS))


async def forget_limits(settings, *robots):
    influx = settings.influx.model_copy(update={"bucket": DATABASE})
    if not influx.version.startswith("1"):
        # Its SHOW SERIES ends now.
        return await deletion._delete_each(influx, list(robots))
    for robot in robots:
        await deletion.forget(influx, robot)


def sql(settings, statement, *values):
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute(statement, values)


async def stored(settings, field="cpu_warning", measurement="performance"):
    found = await LimitPoints(settings.influx).stored()
    return {r: found[r, measurement][field] for r in ROBOTS if (r, measurement) in found}


async def margins(settings, rule):
    """What Grafana is given, asked with its account."""
    influx = settings.influx.model_copy(update={"token": settings.influx.grafana_token})
    async with Query(influx) as query:
        found = await query.query(margin_influxql(rule))
    margins = {one.tags["robot_id"]: one.rows[-1][1] for one in found}
    assert margins.pop(limit_points.SENTINEL) == -1, "Grafana is always given somebody"
    return {robot: margins[robot] for robot in ROBOTS if robot in margins}


def readings(robot, value, at, *, servo=None, charging=False, before=None):
    of = f"robot_id={robot}"
    lines = [
        f"performance,{of} cpu_percent={value},memory_percent={value},cpu_temperature={value} {at}",
        f"battery,{of} percentage={value},charging={str(charging).lower()} {at}",
        f"clock,{of} offset_s=-{value} {at}",
        *(f"servos,{of},servo_id=servo_{n} temperature={value - n} {at}" for n in range(3)),
    ]
    if before is not None:
        lines.append(f"performance,{of} cpu_percent={before} {at - 30}")
    return lines


async def test_influxdb_works_out_the_margin_of_every_robot_near_its_limit(fleet):
    sql(
        fleet,
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
        " critical_threshold) VALUES ('lp-2', 'cpu', 60, 80)",
    )
    await write_once(fleet)
    now = int(time.time())
    values = dict(zip(ROBOTS, (72.5, 58.25, 3.0), strict=True))
    write_points(fleet.influx, [x for r, v in values.items() for x in readings(r, v, now)])
    points = await LimitPoints(fleet.influx).stored()
    for rule in RULES:
        names = limit_points.pair(rule)
        expected = {}
        for robot, value in values.items():
            fields = points[robot, rule.reading.measurement]
            found = margin(value, fields[names.limit], fields[names.recovery])
            if found >= RECOVERS_BELOW:
                expected[robot] = found
        assert await margins(fleet, rule) == pytest.approx(expected), rule.uid
    cpu = next(r for r in RULES if r.uid == "tonypi-cpu-warning")
    assert await margins(fleet, cpu) == {"lp.1": 0.5, "lp-2": -0.35}


async def test_a_reading_that_fell_far_is_listed_for_a_minute(fleet):
    await write_once(fleet)
    now = int(time.time())
    lines = readings("lp.1", 10, now, before=95) + readings("lp-2", 10, now, before=20)
    write_points(fleet.influx, lines)
    found = {rule.uid: await margins(fleet, rule) for rule in RULES}
    assert found["tonypi-cpu-warning"] == found["tonypi-cpu-critical"] | {"lp.1": -12}
    assert found["tonypi-memory-warning"] == {}


async def test_a_robot_without_limits_never_fires_and_a_fleet_of_one_is_not_mixed_up(fleet):
    sql(fleet, "DELETE FROM robots WHERE robot_id <> 'lp-2'")
    await write_once(fleet)
    now = int(time.time())
    write_points(fleet.influx, readings("lp.1", 99, now) + readings("lp:3", 99, now))
    for rule in RULES:
        assert await margins(fleet, rule) == {}, rule.uid
    write_points(fleet.influx, readings("lp-2", 5, now, charging=True))
    assert await margins(fleet, next(r for r in RULES if r.metric == "battery")) == {}
    write_points(fleet.influx, readings("lp-2", 5, now + 1))
    assert (await margins(fleet, next(r for r in RULES if r.metric == "battery"))).keys() == {
        "lp-2"
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE robots SET status = 'maintenance' WHERE robot_id = 'lp.1'",
        "UPDATE robots SET is_active = false WHERE robot_id = 'lp.1'",
        "DELETE FROM robots WHERE robot_id = 'lp.1'",
        "INSERT INTO alert_thresholds (robot_id, metric_type, enabled) VALUES ('lp.1','cpu',false)",
    ],
)
async def test_who_no_rule_applies_to_any_more_is_out_of_reach(fleet, statement):
    write_points(fleet.influx, readings("lp.1", 99, int(time.time())))
    await write_once(fleet)
    cpu = next(r for r in RULES if r.uid == "tonypi-cpu-warning")
    assert (await margins(fleet, cpu)).keys() == {"lp.1"}
    sql(fleet, statement)
    # Another process: it only knows what is stored.
    await write_once(fleet)
    assert await margins(fleet, cpu) == {}


async def test_an_edit_is_written_within_a_second_and_what_influxdb_lost_comes_back(fleet):
    changes = Changes(fleet.postgres.dsn)
    async with store.open_pool(fleet.postgres) as pool:
        writer = LimitWriter(fleet, pool, takes_over=True)
        loops = [asyncio.create_task(changes.run()), asyncio.create_task(writer.run(changes))]
        try:
            await until(lambda: stored(fleet), dict.fromkeys(ROBOTS, 70), within=20)
            await asyncio.sleep(1)
            sql(
                fleet,
                "UPDATE alert_thresholds SET warning_threshold = 66 WHERE metric_type = 'cpu'",
            )
            began = time.monotonic()
            await until(lambda: stored(fleet), dict.fromkeys(ROBOTS, 66), within=20)
            assert time.monotonic() - began < 3, "a second, on a machine with nothing else to do"
        finally:
            for loop in loops:
                loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*loops)
        await writer.look()
        await deletion.forget(fleet.influx.model_copy(update={"bucket": DATABASE}), "lp.1")
        assert await writer.look() == 0, "not read every time"
        writer._read_at = -1e9
        assert await writer.look() > 0


async def until(ask, expected, within):
    end = time.monotonic() + within
    while (found := await ask()) != expected:
        assert time.monotonic() < end, found
        await asyncio.sleep(0.05)


async def test_a_refused_write_is_tried_again_with_everything(fleet):
    wrong = fleet.influx.model_copy(update={"limits_token": SecretStr("limits:wrong")})
    async with store.open_pool(fleet.postgres) as pool:
        refused = fleet.model_copy(update={"influx": wrong})
        writer = LimitWriter(refused, pool, takes_over=True)
        if fleet.influx.version.startswith("1"):
            with pytest.raises(SeriesError, match="does not take the limits"):
                await writer.look()
        writer._points = LimitPoints(fleet.influx)
        await writer.look()
    assert (await stored(fleet)).keys() == {*ROBOTS}


def test_who_writes_limits_may_do_nothing_else(fleet):
    influx = fleet.influx
    headers = {"Authorization": f"Token {influx.limits_token.get_secret_value()}"}
    place = {"org": influx.org, "bucket": DATABASE}

    def write(bucket):
        where = {**place, "bucket": bucket}
        return httpx.post(
            f"{influx.url}/api/v2/write",
            params=where,
            content='performance,robot_id=lp.1 fleet="x" 4102444800000000000',
            headers=headers,
            timeout=60,
        ).status_code

    assert (write(DATABASE), write(influx.bucket) in (401, 403, 404)) == (204, True)
    for database in (DATABASE, influx.bucket):
        asked = {"db": database, "q": "SELECT * FROM performance"}
        answer = httpx.post(f"{influx.url}/query", data=asked, headers=headers, timeout=60)
        assert "columns" not in answer.text


async def test_limits_are_no_sign_of_life(fleet):
    await write_once(fleet)
    assert not set(await deletion.robots_with_series(fleet.influx, "lp")) & {*ROBOTS}


async def heartbeat(settings):
    async with store.open_pool(settings.postgres) as pool, store.transaction(pool) as conn:
        return (await heartbeats.read(conn))[HEARTBEAT]


async def test_another_fleets_limits_are_left_alone_and_that_is_told_until_they_are_taken_over(
    fleet, capsys
):
    await write_once(fleet)
    influx = fleet.influx.model_copy(update={"bucket": "another"})
    other = fleet.model_copy(update={"influx": influx})
    sql(other, "UPDATE alert_thresholds SET warning_threshold = 66 WHERE metric_type = 'cpu'")
    async with store.open_pool(other.postgres) as pool:
        began = datetime.now(UTC)
        writer = LimitWriter(other, pool)
        for _ in range(2):
            await writer._look_and_report()
        assert await stored(fleet) == dict.fromkeys(ROBOTS, 70)
        beat = await heartbeat(fleet)
        assert f"{fleet.influx.bucket}/{fleet.postgres.database}" in beat.details["trouble"]
        assert abs((beat.at - began).total_seconds()) < 5, "of the start: nothing was whole since"
        assert capsys.readouterr().out.count("limits.failed") == 1
        stack._table(report.NO_PARTS | {"running": True} | await report.pipeline(fleet))
        shown = " ".join(capsys.readouterr().out.split())
        assert f"limits: not written since {beat.at:%Y-%m-%d %H:%M:%S} UTC: InfluxDB's" in shown
        await write_once(other)
        await writer._look_and_report()
        assert await stored(fleet) == dict.fromkeys(ROBOTS, 66)
    assert (await heartbeat(fleet)).details == {"trouble": ""}
    with pytest.raises(SeriesError, match="another fleet, another/"):
        async with store.open_pool(fleet.postgres) as pool:
            await LimitWriter(fleet, pool).look()


async def test_the_limits_database_is_made_where_nobody_made_it(fleet, monkeypatch):
    monkeypatch.setattr("glue.core.limit_points.DATABASE", "lp_made")
    monkeypatch.setattr("glue.series.admin.DATABASE", "lp_made")
    # With the glue's own token alone, as on systems elsewhere.
    own = fleet.influx.model_copy(update={"limits_token": SecretStr("")})
    async with store.open_pool(fleet.postgres) as pool:
        telegraf = own.model_copy(update={"token": own.telegraf_token})
        with pytest.raises(SeriesError, match=r"cannot be made.*adoption.md"):
            await LimitWriter(fleet.model_copy(update={"influx": telegraf}), pool).look()
        assert await LimitWriter(fleet.model_copy(update={"influx": own}), pool).look() > 0
    assert await stored(fleet) == dict.fromkeys(ROBOTS, 70)
    if own.version.startswith("1"):
        reader = own.model_copy(update={"bucket": "lp_made", "token": own.grafana_token})
        async with Query(reader) as query:
            assert await query.query('SELECT * FROM "performance"'), "Grafana may read it"
        async with Query(own) as query:
            await query.query("DROP DATABASE lp_made")


def test_no_token_is_made_that_nobody_keeps(fleet):
    given = fleet.influx.model_copy(update={"limits_token": SecretStr("limits:of-dot-env")})
    kept = admin.prepare(given, chosen=False).limits
    assert kept == ("limits:of-dot-env" if given.version.startswith("1") else "")
    assert admin.prepare(fleet.influx, chosen=False).limits == (
        fleet.influx.limits_token.get_secret_value()
    ), "the one that is in force stays"
