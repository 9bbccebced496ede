"""``tonypi up`` on InfluxDB 2: accounts made once, and the home's series kept apart from 1.x's."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from glue.series import Query, admin
from glue.stack import probe, secrets
from glue.stack.home import Home
from tests import influx as influxes
from tests.native_stack import Stack

pytestmark = pytest.mark.skipif(
    2 not in influxes.found().values(), reason="no InfluxDB 2 on this machine"
)


@pytest.fixture
def second(influxdbs: influxes.Servers) -> Iterator[Stack]:
    version = next(version for version, g in influxes.found().items() if g == 2)
    influxdbs.alone(version, Path(__file__).stem)
    folder = Path(tempfile.mkdtemp(prefix="tonypi-stack2-"))
    folder.chmod(0o755)
    ports = [str(probe.free_port()) for _ in range(4)]
    environ = {
        "NATIVE": "1",
        **{key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ},
        "TONYPI_HOME": str(folder / "home"),
        "ROBOTS": "1",
        "INFLUXDB_VERSION": "2",
        "MQTT_BROKER_PORT": ports[0],
        "PGPORT": ports[1],
        "INFLUXDB_URL": f"http://127.0.0.1:{ports[2]}",
        # Nothing listens there and none is started: this is about InfluxDB.
        "GRAFANA_URL": "http://192.0.2.1:3000",
        "GLUE_PORT": ports[3],
    }
    made = Stack(Home(folder / "home"), environ)
    yield made
    made.run("down", "--purge", "--yes")
    folder.rmdir()


def asking(stack: Stack, version: str) -> Stack:
    """The same home and another ``INFLUXDB_VERSION``."""
    return replace(stack, environ={**stack.environ, "INFLUXDB_VERSION": version})


def tokens(stack: Stack) -> dict[str, str]:
    return {n: v for n, v in secrets.read(stack.home.path).items() if n in secrets.INFLUX_ACCOUNTS}


async def test_robots_reach_influxdb_2_and_a_second_start_finds_them(second: Stack) -> None:
    done = second.run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    influx = second.home.site(second.environ).settings.influx
    assert admin.version(influx.url).removeprefix("v").startswith("2.")
    made = tokens(second)
    before = await points(second)
    assert before > 0

    assert second.run("down").returncode == 0
    refused = asking(second, "1").run("up")
    assert refused.returncode == 1
    assert "written by 2.x" in refused.stderr
    assert "TONYPI_HOME" in refused.stderr
    assert not (second.home.path / "data" / "influxdb").exists()

    # The home itself remembers which one it is.
    assert asking(second, "").run("up").returncode == 0
    assert tokens(second) == made
    assert await points(second) >= before


async def points(stack: Stack) -> int:
    """Points of servos, once there are some."""
    async with Query(stack.home.site(stack.environ).settings.influx) as query:
        until = time.monotonic() + 30
        while True:
            told = await query.query('SELECT count("temperature") FROM "servos"')
            if told or time.monotonic() > until:
                return int(told[0].last("count")) if told else 0
            time.sleep(0.5)
