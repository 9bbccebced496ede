"""A running glue, with a real Grafana or without one, and robots whose readings a test sets."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from glue import store
from glue.limit_writer import write_once
from glue.series import SeriesError
from glue.settings import Settings
from glue.stack import probe
from tests import programs


class Feeder:
    """Writes the set readings into InfluxDB every second, as Telegraf would."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.influx
        self._lines: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._client = httpx.Client(
            base_url=self._settings.url,
            headers={"Authorization": f"Token {self._settings.token.get_secret_value()}"},
        )

    def servo(self, robot: str, temperature: float) -> datetime:
        """Every servo at 40 °C but the third; the time from which on it is so."""
        self._lines[robot] = "\n".join(
            f"servos,robot_id={robot},servo_id=servo_{n} "
            f"temperature={float(temperature if n == 3 else 40)}"
            for n in range(1, 7)
        )
        self._write()
        return datetime.now(UTC)

    def forget(self, robot: str) -> None:
        self._lines.pop(robot, None)

    def _write(self) -> None:
        if self._lines:
            self._client.post(
                "/api/v2/write?org=tonypi&bucket=robot_metrics",
                content="\n".join(self._lines.values()),
            ).raise_for_status()

    def _run(self) -> None:
        while not self._stop.wait(1):
            with contextlib.suppress(httpx.TransportError):  # InfluxDB may be away on purpose
                self._write()

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()


class Record:
    """What PostgreSQL holds."""

    def __init__(self, settings: Settings) -> None:
        self._dsn = settings.postgres.dsn

    def run(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self._dsn) as conn:
            conn.execute(statement, values)

    def run_many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with psycopg.connect(self._dsn) as conn, conn.cursor() as cursor:
            cursor.executemany(statement, rows)

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self._dsn, row_factory=dict_row) as conn:
            return conn.execute(statement, values).fetchall()

    def add_robot(self, *robots: str) -> None:
        for robot in robots:
            self.run("INSERT INTO robots (robot_id) VALUES (%s)", robot)

    def alerts(self, robot: str) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM alerts WHERE robot_id = %s ORDER BY id", robot)

    def await_alert(
        self, robot: str, is_so: Callable[[dict[str, Any]], bool], within: float = 45
    ) -> dict[str, Any]:
        """The robot's newest alert once ``is_so`` holds of it."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            found = self.alerts(robot)
            if found and is_so(found[-1]):
                return found[-1]
            time.sleep(0.1)
        pytest.fail(f"{robot}: not so within {within} s; its alerts: {self.alerts(robot)}")

    def evaluator(self) -> str:
        found = self.rows("SELECT details FROM heartbeats WHERE name = 'evaluator'")
        return found[0]["details"]["evaluator"] if found else ""

    def await_evaluator(self, name: str, within: float = 60) -> None:
        until = time.monotonic() + within
        while self.evaluator() != name:
            assert time.monotonic() < until, f"{self.evaluator()!r} is in charge, not {name}"
            time.sleep(0.2)


@contextmanager
def running_glue(
    ground: Any, settings: Settings, name: str = "glue", owns_limits: bool = True
) -> Iterator[Record]:
    """``tonypi serve`` as a process of its own. ``owns_limits``: InfluxDB's are this fleet's."""
    from glue.stack.parts import glue

    if owns_limits:
        _own_the_limits(settings)
    part = replace(glue.part(ground.site(settings)), name=name)
    ground.start(part)
    try:
        yield Record(settings)
    finally:
        ground.stop(name)


def _own_the_limits(settings: Settings) -> None:
    """As `tonypi up` does: the InfluxDB that tests share may have those of another test's fleet."""
    with ThreadPoolExecutor(1) as thread, contextlib.suppress(SeriesError, store.StoreError):
        thread.submit(asyncio.run, write_once(settings)).result()


# Rules are evaluated every second here, as in the fast profile, so that the tests take minutes and
# not a quarter of an hour. tests/integration/test_grafana_rules.py holds the stock interval, and
# tests/bench/alert_latency.py measures it.
INTERVAL = 1.0


@pytest.fixture(scope="session")
def fast_grafana(ground, postgres, influx) -> Settings:
    """A Grafana in the fast profile; skipped loudly where there is none."""
    if ground.programs.grafana() is None:
        pytest.skip("no Grafana on this machine (GRAFANA_HOME, tools cache, PATH)")
    postgres.execute("CREATE DATABASE grafana_fast OWNER grafana")
    database = postgres.create("fleet_fast")
    settings = ground.settings(
        PGDATABASE=database.database,
        GRAFANA_URL=f"http://127.0.0.1:{probe.free_port()}",
        GLUE_PORT=(port := probe.free_port()),
        GLUE_WEBHOOK_URL=f"http://127.0.0.1:{port}/webhooks/grafana",
        GLUE_EVALUATION_INTERVAL=INTERVAL,
        GLUE_PULL_INTERVAL=3,
        MQTT_GLUE_CLIENT_ID="tonypi-glue-fast",
    )
    env = {
        "GF_DATABASE_NAME": "grafana_fast",
        # A rule's own way of telling (notification_settings) is taken up when this comes round.
        "GF_UNIFIED_ALERTING_ALERTMANAGER_CONFIG_POLL_INTERVAL": "5s",
    }
    programs.running_grafana(ground, settings, env=env, name="grafana-fast")
    return settings


@pytest.fixture(scope="module")
def with_grafana(ground, mosquitto, fast_grafana) -> Iterator[tuple[Record, Feeder]]:
    """Glue and Grafana together; Grafana in charge."""
    with running_glue(ground, fast_grafana) as record, Feeder(fast_grafana) as feeder:
        record.run("DELETE FROM robots")
        record.await_evaluator("grafana")
        yield record, feeder


@pytest.fixture(scope="module")
def without_grafana(ground, mosquitto, postgres, influx) -> Iterator[tuple[Record, Feeder]]:
    """Glue alone; the standby evaluator in charge."""
    database = postgres.create()
    settings = ground.settings(
        PGDATABASE=database.database,
        GRAFANA_URL="",
        GLUE_PORT=probe.free_port(),
        GLUE_EVALUATION_INTERVAL=INTERVAL,
        GLUE_PULL_INTERVAL=3,
        MQTT_GLUE_CLIENT_ID="tonypi-glue-alone",
    )
    # Beside a glue with Grafana, whose rules need the limits.
    alone = running_glue(ground, settings, "glue-alone", owns_limits=False)
    with alone as record, Feeder(settings) as feeder:
        record.run("DELETE FROM robots")
        record.await_evaluator("standby")
        yield record, feeder
    postgres.drop(database.database)
