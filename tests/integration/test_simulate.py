"""The simulator as a user runs it, against a real broker; and what it leaves behind, removed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter

import pytest
import typer
from typer.testing import CliRunner

from glue import store
from glue.broker import Session
from glue.cli import simulate
from glue.events import MetricsSightings
from glue.series import Query
from glue.settings import Settings
from tests.events import Robots, consuming, own, talking
from tests.influx import write_points


async def tonypi(ground, *words: str, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "glue.cli", "simulate", *words),
        env={**os.environ, **ground.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def listen(mosquitto, *topics: str) -> Session:
    session = Session(mosquitto, f"listener-{uuid.uuid4().hex[:8]}", topics, in_flight=20_000)
    await session.start(wait=10)
    await asyncio.sleep(0.2)
    return session


async def heard(session: Session, *robot_ids: str) -> None:
    """Waits until each robot has spoken: from then on it hears commands."""
    silent = set(robot_ids)
    async with asyncio.timeout(30):
        while silent:
            for message in await session.batch(100, 0.1, 0.5):
                silent.discard(message.topic.rsplit("/", 1)[-1])


async def test_every_message_it_counts_is_on_the_wire_and_it_says_goodbye(ground, mosquitto):
    session = await listen(mosquitto, "tonypi/#")
    try:
        words = ("--robots", "20", "--for", "6s", "--rate", "2", "--scenario", "normal", "--json")
        program = await tonypi(ground, *words)
        out, err = await program.communicate()
        assert program.returncode == 0, err.decode()
        stats = json.loads(out)
        came = await session.batch(10**6, 1.0)
    finally:
        await session.stop()
    kinds = Counter(
        m.topic.split("/")[1] for m in came if b'"sim_' in m.payload or "sim_" in m.topic
    )
    assert dict(kinds) == stats["published"]
    assert (stats["total"], stats["unsent"], stats["skipped"]) == (sum(kinds.values()), 0, 0)
    # 10 sensors every 2 s at twice the rate, for 6 s.
    assert kinds["sensors"] == pytest.approx(20 * 10 * 6, rel=0.25)
    goodbye = [m for m in came if b'"offline"' in m.payload]
    assert len(goodbye) == 20


async def test_it_answers_commands_to_one_and_to_all_and_stops_on_a_signal(ground, mosquitto):
    session = await listen(
        mosquitto,
        "tonypi/status/+",
        "tonypi/commands/response",
        "tonypi/emergency_stop/response",
    )
    program = await tonypi(ground, "--robots", "3", "--scenario", "normal", "--json")
    try:
        await heard(session, "sim_01", "sim_02", "sim_03")
        session.publish("tonypi/commands/sim_02", '{"type": "head_nod", "id": "one"}', 1)
        session.publish("tonypi/commands/broadcast", '{"type": "stop", "id": "all"}', 1)
        session.publish("tonypi/commands/sim_01", "not json", 1)
        session.publish("tonypi/emergency_stop/broadcast", '{"id": "e", "reason": "x"}', 1)
        answers: Counter[tuple[str, bool]] = Counter()
        for _ in range(20):
            for message in await session.batch(100, 0.1, 0.5):
                if message.topic.endswith("/response"):
                    said = json.loads(message.payload)
                    answers[said["command_id"], said["success"]] += 1
            if sum(answers.values()) >= 7:
                break
        assert answers == {("one", True): 1, ("all", True): 3, ("e", True): 3}
        program.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(program.communicate(), 10)
        assert program.returncode == 0
        assert json.loads(out)["commands"] == 7
    finally:
        if program.returncode is None:
            program.kill()
        await session.stop()


async def test_without_a_broker_it_says_so_and_fails(ground):
    program = await tonypi(ground, "--for", "1s", MQTT_BROKER_PORT="1")
    _, err = await asyncio.wait_for(program.communicate(), 30)
    assert program.returncode == 1
    assert "MQTT_BROKER_PORT" in err.decode()


@pytest.mark.parametrize(
    "words", [("--for", "soon"), ("--scenario", "chaos"), ("--robots", "2001"), ("--dry-run",)]
)
def test_nonsense_is_refused(words):
    app = typer.Typer()
    simulate.register(app)
    assert CliRunner().invoke(app, list(words)).exit_code == 2


def write(settings: Settings, *lines: str) -> None:
    write_points(settings.influx, lines, "ns")


async def ids_with_series(settings: Settings) -> set[str]:
    async with Query(settings.influx) as series:
        found = await series.query("SELECT percentage, robot_id FROM battery")
    return {row[2] for one in found for row in one.rows}


async def test_forget_removes_rows_and_series_of_simulated_robots_only(
    ground, settings, database, mosquitto
):
    environ = {"PGDATABASE": database.database}
    mine = own(ground.settings, database.database)
    async with talking(mine, database.dsn) as robots:
        async with consuming(mine):
            for robot_id in ("sim_01", "sim_1234", "simon", "r1"):
                robots.say(f"tonypi/logs/{robot_id}", {"message": "x"})
                robots.say(f"tonypi/job/{robot_id}", {"status": "started"})
                write(settings, f"battery,robot_id={robot_id} percentage=50")
            await robots.until(lambda: len(robots.rows("SELECT 1 FROM jobs")) == 4)
        robots.rows(
            "INSERT INTO alerts (robot_id, alert_type, severity, title)"
            " SELECT robot_id, 'battery', 'info', 'x' FROM robots"
        )

        async def forget(*words: str) -> dict[str, int]:
            program = await tonypi(ground, "--forget", "--json", *words, **environ)
            out, err = await program.communicate()
            assert program.returncode == 0, err.decode()
            return json.loads(out)

        counts = {"alerts": 2, "thresholds": 0, "jobs": 2, "logs": 2}
        counts |= {"robots": 2}
        planned = await forget("--dry-run")
        assert planned.items() >= counts.items()
        assert planned["robots with series"] >= 2
        assert robots.robot("sim_01") is not None
        assert {"sim_01", "sim_1234"} <= await ids_with_series(settings)
        assert await forget() == planned
        assert {row[0] for row in robots.rows("SELECT robot_id FROM robots")} == {
            *("simon", "r1", "tonypi_01"),
        }
        assert {row[0] for row in robots.rows("SELECT robot_id FROM jobs")} == {"simon", "r1"}
        left = await ids_with_series(settings)
        assert {"simon", "r1"} <= left
        assert not any(robot_id.startswith("sim_") for robot_id in left)
        assert set((await forget()).values()) == {0}


async def test_a_robot_that_sends_metrics_only_is_registered_heard_and_not_blamed(
    settings, database
):
    """``listened`` is moved by hand; Telegraf's own counters say whether it stores."""
    clock = 100.0
    name = f"esp_{uuid.uuid4().hex[:6]}"

    def telegraf() -> None:
        write(settings, "internal_agent metrics_gathered=1i")

    async with (
        store.open_pool(settings.postgres) as pool,
        Query(settings.influx) as series,
    ):
        robots = Robots(None, settings, database.dsn)  # type: ignore[arg-type]
        sightings = MetricsSightings(settings, pool, series, lambda: clock)
        telegraf()
        write(settings, f"sensors,robot_id={name},sensor_type=x,unit=C value=1")
        await sightings.look()
        columns = "status, heard_at, registration"
        assert robots.robot(name, columns) == ("online", 100.0, "accepted")
        clock = 110.0
        await sightings.look()
        assert robots.robot(name, columns)[1] == 100.0
        write(settings, f"sensors,robot_id={name},sensor_type=x,unit=C value=2")
        clock = 120.0
        await sightings.look()
        assert robots.robot(name, columns)[1] == 120.0
        # Telegraf stores nothing: the robot cannot be seen, and is carried on.
        async with Query(settings.influx) as cleaner:
            await cleaner.query('DROP MEASUREMENT "internal_agent"')
        clock = 190.0
        await sightings.look()
        assert robots.robot(name, columns)[1] == 190.0
        # Telegraf is back and the robot is not: it was last heard then.
        telegraf()
        clock = 260.0
        await sightings.look()
        assert robots.robot(name, columns)[1] == 190.0
        # It said goodbye: the points of just before do not bring it back.
        goodbye = "SET clean_offline = true, status = 'offline', last_seen = now()"
        robots.rows(f"UPDATE robots {goodbye} WHERE robot_id = '{name}'")
        write(settings, f"sensors,robot_id={name},sensor_type=x,unit=C value=3")
        await sightings.look()
        assert robots.robot(name) == ("offline",)


async def test_metrics_from_before_a_goodbye_that_are_stored_after_an_outage_revive_nobody(
    settings, database
):
    name = f"esp_{uuid.uuid4().hex[:6]}"

    def sent(minutes_ago: float) -> None:
        at = time.time_ns() - int(minutes_ago * 60e9)
        write(settings, f"sensors,robot_id={name},sensor_type=x,unit=C value=1 {at}")

    async with (
        store.open_pool(settings.postgres) as pool,
        Query(settings.influx) as series,
    ):
        robots = Robots(None, settings, database.dsn)  # type: ignore[arg-type]
        sightings = MetricsSightings(settings, pool, series, lambda: 1.0)
        write(settings, "internal_agent metrics_gathered=1i")
        sent(8)
        await sightings.look()
        assert robots.robot(name) == ("online",)
        goodbye = "clean_offline = true, status = 'offline', last_seen = now() - '4 min'::interval"
        robots.rows(f"UPDATE robots SET {goodbye} WHERE robot_id = '{name}'")
        for minutes_ago in (5, 4.1, 3.5):  # the last by a clock that is half a minute ahead
            sent(minutes_ago)
            await sightings.look()
            assert robots.robot(name, "status, clean_offline") == ("offline", True)
        sent(0)
        await sightings.look()
        assert robots.robot(name, "status, clean_offline") == ("online", False)
