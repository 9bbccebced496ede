"""A broker whose queue is full drops messages: counted, told by rules of both evaluators, shown."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import paho.mqtt.client as mqtt
import psycopg
import pytest
from psycopg.rows import dict_row

from glue import store
from glue.alerts.intake import Intake
from glue.alerts.pull import Watch
from glue.alerts.standby import Standby
from glue.core import queue_words
from glue.events import QueueWatch
from glue.grafana import Grafana
from glue.limit_writer import write_once
from glue.series import Query
from glue.stack import probe
from glue.stack.parts import mosquitto
from glue.store import heartbeats
from tests.influx import write_points

FITS = 1000
"""Messages of an absent session that the small broker keeps."""


@pytest.fixture
def small(ground):
    """Settings of a broker with a small queue, in which an absent session waits for messages."""
    settings = ground.settings(MQTT_BROKER_PORT=probe.free_port(), MQTT_QUEUE_MESSAGES=FITS)
    data = ground.home / "data" / f"small-{settings.broker.port}"
    part = mosquitto.part(ground.site(settings))
    conf = data / "mosquitto.conf"
    text = mosquitto.configuration(settings.broker, settings.broker.port, str(data), part.user)
    changed = {"command": (part.command[0], "-c", str(conf)), "files": {conf: text}}
    ground.start(replace(part, name="small", folders=(data,), cwd=data, **changed))
    absent = connected(settings.broker, "absent", clean_session=False)
    absent.subscribe("tonypi/#", 1)
    time.sleep(0.2)
    absent.disconnect()
    absent.loop_stop()
    yield settings.broker
    ground.stop("small")


def connected(broker, name="", **options):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, name, **options)
    client.max_inflight_messages_set(100)
    client.connect(broker.host, broker.port)
    client.loop_start()
    return client


def publish(broker, count):
    client = connected(broker)
    sent = [client.publish("tonypi/battery/r1", b"{}", qos=1) for _ in range(count)]
    for one in sent:
        one.wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def restart(ground):
    part, _ = ground.running["small"]
    ground.stop("small")
    ground.start(part)


class Watched:
    """The watch over the small broker, looking when a test says so; what it wrote down."""

    def __init__(self, settings, pool, series):
        self.settings, self.pool, self.series = settings, pool, series
        self.watch = self.new_watch()

    def new_watch(self):
        return QueueWatch(self.settings, self.pool, self.series, lambda: datetime.now(UTC))

    async def until(self, is_so, within=30):
        """The view's row once ``is_so`` holds of it."""
        until = time.monotonic() + within
        while True:
            await self.watch.look()
            found = self.row("SELECT * FROM grafana.queue")
            if is_so(found):
                return found
            assert time.monotonic() < until, found
            await asyncio.sleep(0.3)

    def row(self, statement):
        with psycopg.connect(self.settings.postgres.dsn, row_factory=dict_row) as conn:
            return conn.execute(statement).fetchone()

    async def sentences(self):
        async with store.transaction(self.pool) as conn:
            beats = await heartbeats.read(conn)
        return queue_words.sentences(heartbeats.queue(beats, datetime.now(UTC)))


@pytest.fixture
async def watched(small, settings):
    settings = settings.model_copy(update={"broker": small})
    async with store.open_pool(settings.postgres) as pool, Query(settings.influx) as series:
        found = Watched(settings, pool, series)
        await found.watch.start()
        yield found
        await found.watch.stop()


async def test_a_queue_that_fills_is_an_alert_before_it_drops_and_drops_are_through_a_restart(
    watched, small, ground
):
    watch = SimpleNamespace(charge=SimpleNamespace(evaluator="standby"))
    intake = Intake(watched.pool, watched.series)
    clock = itertools.count()
    standby = Standby(
        *(watched.settings, watched.pool, watched.series, intake, watch),
        clock=lambda: began + timedelta(seconds=10 * next(clock)),
    )
    began = datetime.now(UTC)

    async def alerts(metric="dropped"):
        for _ in range(2):  # longer than any pending period, with some ticks of the clock for each
            await standby.evaluate()
        found = f"SELECT count(*) AS n FROM alerts WHERE metric = '{metric}'"
        return watched.row(found)["n"]

    await watched.until(lambda row: row["messages"] is not None)
    assert await alerts("queue") == 0
    publish(small, FITS // 2)
    row = await watched.until(lambda row: row["minutes_left"] is not None)
    left = (FITS - row["messages"]) / row["growth"] / 60
    assert row["minutes_left"] == pytest.approx(left, abs=0.1), "rounded to tenths"
    assert await alerts("queue") == 1
    alert = watched.row("SELECT * FROM alerts WHERE metric = 'queue'")
    assert (alert["severity"], alert["resolved"]) == ("critical", False)
    assert alert["message"].startswith("Time until the broker's queue is full and messages are")
    assert any("full in" in line for line in await watched.sentences())

    assert await alerts() == 0, "nothing is dropped yet"
    publish(small, FITS // 2 + 300)
    row = await watched.until(lambda row: row["dropped"])
    assert row["dropped"] == 300
    assert 0 <= (datetime.now(UTC) - row["dropped_since"]).total_seconds() < 30
    assert row["messages"] == pytest.approx(FITS, abs=5)
    assert row["full_percent"] == pytest.approx(100, abs=1)
    assert await alerts() == 1
    alert = watched.row("SELECT * FROM alerts WHERE metric = 'dropped'")
    assert (alert["severity"], alert["value"]) == ("critical", 300)
    assert f"The loss began at {row['dropped_since']:%Y-%m-%d %H:%M:%S} UTC." in alert["message"]
    assert any("300 since" in line for line in await watched.sentences())

    # Another process of the glue goes on with what the first had counted, on a broker whose own
    # counter begins anew.
    restart(ground)
    publish(small, 50)
    await watched.watch.stop()
    watched.watch = watched.new_watch()
    await watched.watch.start()
    row = await watched.until(lambda row: row["dropped"] > 300)
    assert (row["dropped"], row["dropped_total"]) == (350, 350)
    assert await alerts() == 1, "the same loss"


async def test_the_age_of_readings_is_that_of_the_newest_heartbeat_in_influxdb(watched, ground):
    def beat(seconds_ago):
        at = time.time() - seconds_ago
        own = watched.settings.influx
        write_points(own, [f"pipeline lag_s={seconds_ago} {int(at * 1000)}"], "ms", own.token)

    row = await watched.until(lambda row: True)
    assert (row["lag_s"], row["late_s"]) == (None, 0), "none came yet"
    beat(3600.0)
    await watched.watch.look()
    await watched.until(lambda row: row["messages"] is not None)
    row = watched.row("SELECT * FROM grafana.queue")
    assert (row["lag_s"], row["late_s"], row["bound"]) == (None, 0, ""), "the glue was away"
    beat(90.0)
    row = await watched.until(lambda row: row["lag_s"] is not None)
    assert row["lag_s"] == row["late_s"] == pytest.approx(90, abs=10)
    assert row["bound"] == "Telegraf"
    ground.stop("small")
    row = await watched.until(lambda row: row["messages"] is None)
    assert (row["lag_s"], row["late_s"], row["bound"]) == (None, 0, ""), "no broker, no lateness"


async def test_what_was_dropped_before_anybody_looked_is_no_alert(watched, small):
    publish(small, FITS + 50)
    await watched.watch.look()
    await watched.watch.stop()
    # ``$SYS`` says it at its next interval; then the database is another.
    with psycopg.connect(watched.settings.postgres.dsn) as conn:
        conn.execute("DELETE FROM heartbeats WHERE name = 'queue'")
    await asyncio.sleep(mosquitto.SAYS_EVERY + 1)
    watched.watch = watched.new_watch()
    await watched.watch.start()
    row = await watched.until(lambda row: row["messages"] is not None)
    assert (row["dropped"], row["dropped_total"]) == (0, 0)
    publish(small, 7)
    row = await watched.until(lambda row: row["dropped"])
    assert (row["dropped"], row["dropped_total"]) == (7, 7)


async def test_without_broker_and_influxdb_nothing_is_made_up(settings):
    nowhere = settings.model_copy(
        update={
            "influx": settings.influx.model_copy(update={"url": "http://127.0.0.1:9"}),
            "broker": settings.broker.model_copy(update={"port": 9}),
        }
    )
    async with store.open_pool(nowhere.postgres) as pool, Query(nowhere.influx) as series:
        found = Watched(nowhere, pool, series)
        assert found.row("SELECT dropped, late_s FROM grafana.queue") == {
            "dropped": 0, "late_s": 0
        }, "before the first look"  # fmt: skip
        await found.watch.start()
        row = await found.until(lambda row: True)
        await found.watch.stop()
    assert (row["messages"], row["minutes_left"], row["dropped"], row["lag_s"]) == (
        None, None, 0, None
    )  # fmt: skip
    assert row["bound"] == "InfluxDB, which does not answer"


async def test_grafana_tells_of_drops_within_half_a_minute(grafana, small):
    settings = grafana.settings.model_copy(update={"broker": small})
    async with store.open_pool(settings.postgres) as pool, Query(settings.influx) as series:
        # Without limits Grafana's evaluation does not count.
        await write_once(settings)
        watched = Watched(settings, pool, series)
        await watched.watch.start()
        await watched.until(lambda row: row["messages"] is not None)
        publish(small, FITS + 20)
        began = time.monotonic()
        await watched.until(lambda row: row["dropped"])
        while not firing(grafana, "Messages dropped"):
            await watched.watch.look()
            assert time.monotonic() - began < 30, "seconds from the drop to the alert"
            await asyncio.sleep(0.5)
        adapter = Grafana(settings.grafana)
        pull = Watch(settings, pool, adapter, Intake(pool, series))
        while not (alert := watched.row("SELECT * FROM alerts WHERE metric = 'dropped'")):
            await pull.look()
            assert time.monotonic() - began < 60, pull.charge
            await asyncio.sleep(0.5)
        await adapter.close()
        await watched.watch.stop()
        assert (alert["resolved"], alert["value"]) == (False, 20)
        async with store.transaction(pool) as conn:
            await conn.execute("DELETE FROM alerts WHERE metric = 'dropped'")
            await conn.execute("DELETE FROM heartbeats WHERE name = 'queue'")


def firing(grafana, title):
    answer = httpx.get(
        f"{grafana.url}/api/prometheus/grafana/api/v1/rules", auth=grafana.auth, timeout=30
    ).json()
    rules = [rule for group in answer["data"]["groups"] for rule in group["rules"]]
    return any(rule["name"] == title and rule["state"] == "firing" for rule in rules)
