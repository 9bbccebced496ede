"""The rules on the pipeline itself: each is caused, told once, and ends when its cause ends."""

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psycopg
import pytest
from psycopg.rows import dict_row

from glue import store
from glue.alerts.intake import Intake
from glue.alerts.standby import Standby
from glue.core.provisioning import CONTACT_POINT
from glue.events.metrics_sightings import MetricsSightings
from glue.grafana import Grafana
from glue.series import Query
from glue.store import heartbeats
from tests.influx import write_points


class Pipeline:
    """A standby evaluator over a real PostgreSQL and InfluxDB, evaluated when a test says so."""

    def __init__(self, settings, pool, series):
        self.settings, self.pool, self.series = settings, pool, series
        watch = SimpleNamespace(charge=SimpleNamespace(evaluator="standby"))
        self._now = datetime.now(UTC)
        self._standby = Standby(
            settings, pool, series, Intake(pool, series), watch, clock=lambda: self._now
        )

    def write(self, *lines):
        own = self.settings.influx
        write_points(own, lines, "ms", own.token)

    def run(self, statement, *values):
        with psycopg.connect(self.settings.postgres.dsn) as conn:
            conn.execute(statement, values)

    async def beat(self, name, seconds_ago=0.0, **details):
        at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        async with store.transaction(self.pool) as conn:
            await heartbeats.beat(conn, name, at, details)

    async def alerts(self, metric):
        """(robot, resolved) of each alert of ``metric`` after one more evaluation, a minute later
        than the one before, which is longer than any pending period."""
        self._now += timedelta(seconds=60)
        await self._standby.evaluate()
        with psycopg.connect(self.settings.postgres.dsn, row_factory=dict_row) as conn:
            found = conn.execute("SELECT * FROM alerts WHERE metric = %s ORDER BY id", [metric])
            return [(a["robot_id"], a["resolved"]) for a in found.fetchall()]


@pytest.fixture
async def pipeline(settings):
    async with store.open_pool(settings.postgres) as pool, Query(settings.influx) as series:
        yield Pipeline(settings, pool, series)


def ms(seconds_ago=0.0):
    return int((time.time() - seconds_ago) * 1000)


async def test_a_robot_clock_two_hours_off_is_told_until_it_is_right(pipeline):
    pipeline.run("INSERT INTO robots (robot_id) VALUES ('off_1'), ('right_1')")
    for robot, offset in (("off_1", -7200.0), ("right_1", 1.5)):
        pipeline.write(f"clock,robot_id={robot},reason=ok offset_s={offset},count=1i {ms(1)}")
    assert await pipeline.alerts("clock") == [("off_1", False)]
    pipeline.write(f"clock,robot_id=off_1,reason=ok offset_s=0.2,count=1i {ms()}")
    assert await pipeline.alerts("clock") == [("off_1", True)]


async def test_a_reading_that_is_null_is_no_reading_and_the_other_rules_go_on(pipeline):
    # An older Telegraf's internal_write has no metrics_rejected: the sum of both is null.
    for seconds_ago, dropped in ((20, 0), (10, 5)):
        line = f"internal_write,output=influxdb_v2 metrics_dropped={dropped}i {ms(seconds_ago)}"
        pipeline.write(line)
    pipeline.write(f"refused,reason=bad count=99i {ms(1)}")
    assert await pipeline.alerts("telegraf") == []
    assert await pipeline.alerts("refused") == [(None, False)]


async def test_metrics_that_stop_while_a_robot_is_online_are_told_once(pipeline):
    stopped = (datetime.now(UTC) - timedelta(seconds=61)).isoformat()
    await pipeline.beat("metrics", moved_at=stopped)
    assert await pipeline.alerts("metrics") == [], "no robot is online"
    pipeline.run("INSERT INTO robots (robot_id, status) VALUES ('on_1', 'online')")
    assert await pipeline.alerts("metrics") == [(None, False)]
    await pipeline.beat("metrics", seconds_ago=300, moved_at=stopped)
    await pipeline.beat("metrics", moved_at=datetime.now(UTC).isoformat())
    assert await pipeline.alerts("metrics") == [(None, True)]


async def test_a_stopped_glue_does_not_accuse_telegraf(pipeline):
    pipeline.run("INSERT INTO robots (robot_id, status) VALUES ('on_2', 'online')")
    moved = datetime.now(UTC) - timedelta(seconds=600)
    await pipeline.beat("metrics", seconds_ago=598, moved_at=moved.isoformat())
    assert await pipeline.alerts("metrics") == []


async def test_sightings_tell_when_points_last_moved(pipeline):
    sightings = MetricsSightings(pipeline.settings, pipeline.pool, pipeline.series, lambda: 0.0)
    began = datetime.now(UTC)

    async def moved_at():
        await sightings.look()
        async with store.transaction(pipeline.pool) as conn:
            beat = (await heartbeats.read(conn))["metrics"]
        return datetime.fromisoformat(beat.details["moved_at"])

    pipeline.write(f"internal_agent metrics_gathered=1i {ms()}")
    pipeline.write(f"sensors,robot_id=moves_1 value=1.0 {ms()}")
    first = await moved_at()
    assert first > began
    assert await moved_at() == first, "nothing new came"
    pipeline.write(f"sensors,robot_id=moves_1 value=2.0 {ms()}")
    assert await moved_at() > first


async def test_points_that_telegraf_drops_are_told(pipeline):
    for seconds_ago, dropped in ((40, 7), (30, 0), (20, 0), (10, 3)):
        pipeline.write(
            "internal_write,output=influxdb_v2 "
            f"metrics_dropped={dropped}i,metrics_rejected=0i {ms(seconds_ago)}"
        )
    assert (None, False) in await pipeline.alerts("telegraf")


async def test_more_than_ten_refused_messages_are_told(pipeline):
    pipeline.write(f"refused,topic=battery,reason=not_json count=11i {ms(1)}")
    assert (None, False) in await pipeline.alerts("refused")


async def test_a_stale_pull_is_told_unless_there_is_no_grafana(pipeline):
    await pipeline.beat("pull", seconds_ago=61)
    await pipeline.beat("evaluator", evaluator="standby")
    assert await pipeline.alerts("pull") == []
    await pipeline.beat("evaluator", evaluator="grafana")
    assert await pipeline.alerts("pull") == [], "the glue itself is away, which is told elsewhere"
    await pipeline.beat("events")
    assert await pipeline.alerts("pull") == [], "everything may just have started"
    assert await pipeline.alerts("pull") == [(None, False)]
    await pipeline.beat("pull")
    assert await pipeline.alerts("pull") == [(None, True)]


async def test_posts_that_fail_for_a_minute_are_told(pipeline):
    await pipeline.beat("webhook", seconds_ago=61)
    await pipeline.beat("pull")
    assert await pipeline.alerts("webhook") == [], "the next post may succeed"
    assert await pipeline.alerts("webhook") == [(None, False)]
    await pipeline.beat("webhook")
    assert await pipeline.alerts("webhook") == [(None, True)]


async def test_limits_that_are_not_written_are_told_by_a_glue_that_is_alive(pipeline):
    await pipeline.beat("limits", seconds_ago=61, trouble="refused")
    await pipeline.beat("evaluator", seconds_ago=61, evaluator="standby")
    assert await pipeline.alerts("limits") == []
    await pipeline.beat("evaluator", evaluator="standby")
    assert await pipeline.alerts("limits") == []
    assert await pipeline.alerts("limits") == [(None, False)], "after its pending period"
    await pipeline.beat("limits", trouble="")
    assert await pipeline.alerts("limits") == [(None, True)]


async def test_notifications_that_are_not_delivered_for_five_minutes_are_told(pipeline):
    pipeline.run("INSERT INTO robots (robot_id) VALUES ('late_1')")
    pipeline.run(
        "INSERT INTO notification_targets (id, name, scheme, masked, sealed, created_by)"
        " VALUES (1, 'away', 'json', '', '', 'anna')"
    )
    pipeline.run(
        "WITH a AS (INSERT INTO alerts (robot_id, metric, alert_type, severity, title, starts_at)"
        " VALUES ('late_1', 'cpu', 'performance', 'warning', 'CPU', now()) RETURNING id),"
        " t AS (INSERT INTO alert_timeline (alert_id, kind) SELECT id, 'opened' FROM a"
        " RETURNING id, alert_id)"
        " INSERT INTO notification_outbox (alert_id, transition_id, occasion, target_id,"
        " target_name, route_name, group_key, state, held, due_at, next_try_at)"
        " SELECT alert_id, id, 'opened', 1, 'away', 'all', 'cpu', 'queued', true,"
        " now() - interval '301 s', now() FROM t"
    )
    assert await pipeline.alerts("notifications") == [], "quiet hours"
    pipeline.run("UPDATE notification_outbox SET held = false")
    assert await pipeline.alerts("notifications") == [(None, False)]
    pipeline.run("UPDATE notification_outbox SET state = 'given up'")
    assert await pipeline.alerts("notifications") == [(None, True)]


async def test_without_influxdb_the_rules_on_postgresql_go_on(settings):
    nowhere = settings.model_copy(
        update={"influx": settings.influx.model_copy(update={"url": "http://127.0.0.1:9"})}
    )
    async with store.open_pool(settings.postgres) as pool, Query(nowhere.influx) as series:
        pipeline = Pipeline(nowhere, pool, series)
        pipeline.run("INSERT INTO robots (robot_id, status) VALUES ('on_3', 'online')")
        stopped = datetime.now(UTC) - timedelta(seconds=61)
        await pipeline.beat("metrics", moved_at=stopped.isoformat())
        assert await pipeline.alerts("metrics") == [(None, False)]


async def test_an_end_that_could_not_be_recorded_is_said_again(pipeline, monkeypatch):
    now = datetime.now(UTC)
    pipeline.run("INSERT INTO robots (robot_id, status) VALUES ('on_4', 'online')")
    await pipeline.beat("metrics", moved_at=(now - timedelta(seconds=61)).isoformat())
    assert await pipeline.alerts("metrics") == [(None, False)]
    await pipeline.beat("metrics", moved_at=now.isoformat())

    async def away(*_):
        raise store.StoreUnavailable("PostgreSQL is away")

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "take", away)
        with pytest.raises(store.StoreUnavailable):
            await pipeline.alerts("metrics")
    assert await pipeline.alerts("metrics") == [(None, True)]


async def test_grafana_tells_that_its_posts_fail(grafana):
    """Nobody listens where this Grafana posts to."""
    settings = grafana.settings
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute("INSERT INTO robots (robot_id) VALUES ('unheard_1')")
    adapter = Grafana(settings.grafana)
    try:
        until = time.monotonic() + 60
        while not (errors := await adapter.receiver_errors(CONTACT_POINT)):
            Pipeline(settings, None, None).write(
                f"servos,robot_id=unheard_1,servo_id=servo_1 temperature=88.0 {ms()}"
            )
            assert time.monotonic() < until
            time.sleep(1)
        assert "connect" in errors[0]
    finally:
        await adapter.close()
        with psycopg.connect(settings.postgres.dsn) as conn:
            conn.execute("DELETE FROM robots WHERE robot_id = 'unheard_1'")
