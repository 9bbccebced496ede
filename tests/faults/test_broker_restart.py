"""The broker stopped or killed under the consumer of events. Each test ends in a ledger."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from paho.mqtt import publish

from tests import programs, telegraf_wire
from tests.events import Robots, own, talking
from tests.faults.test_events_faults import LINES, all_ok, ledger, listening, process
from tests.integration.test_telegraf_golden import CONFIG, with_file_output

EACH = 200


def say(robots: Robots, what: str) -> list[str]:
    """So many lines; each has a time, by which it is known when it comes again."""
    lines = [f"{what} {n}" for n in range(EACH)]
    for line in lines:
        now = datetime.now(UTC).replace(tzinfo=None).isoformat()
        robots.say("tonypi/logs/r1", {"message": line, "timestamp": now})
    return lines


async def stored(robots: Robots, lines: list[str]) -> None:
    await robots.until(lambda: len(robots.rows(LINES)) >= len(lines), within=60)


async def restart(ground: programs.Ground, how: str, robots: Robots) -> None:
    """Returns when the robots are connected again: what they say before that is theirs to lose."""
    before = robots.connection
    part, running = ground.running["mosquitto"]
    if how == "killed":
        running.kill()
        running.wait()
    ground.stop("mosquitto")
    ground.start(part)
    await robots.until(lambda: robots.connection > before, within=30)


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_the_broker_restarts_under_the_consumer(
    ground, mosquitto, database, settings_for, how: str
):
    settings = own(settings_for, database.database)
    async with talking(settings, database.dsn) as robots:
        with process(ground, settings):
            await listening(robots)
            sent = say(robots, "before")
            await stored(robots, sent)
            heard = await listening(robots)
            await restart(ground, how, robots)
            # The listening clock goes on, and so does silence. A killed broker may have forgotten
            # who had subscribed: what is said before the consumer is back has nobody to go to.
            await listening(robots, above=heard + 0.3)
            sent += say(robots, "after")
            await stored(robots, sent)
            assert ledger(robots, sent) == all_ok(sent)


async def test_what_the_broker_kept_over_its_restart_is_stored_once(
    ground, mosquitto, database, settings_for
):
    """It had handed the messages out, and the acknowledgement finds another connection."""
    settings = own(settings_for, database.database)
    async with talking(settings, database.dsn) as robots:
        with process(ground, settings):
            await listening(robots)
            with psycopg.connect(database.dsn) as blocker:
                # The transaction waits here, after receipt and before its commit.
                blocker.execute("LOCK TABLE system_logs IN ACCESS EXCLUSIVE MODE")
                sent = say(robots, "kept")
                await robots.until(
                    lambda: robots.rows(
                        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND datname = current_database() AND query LIKE 'INSERT INTO system_%%'"
                    )
                )
                await restart(ground, "stopped", robots)
            sent += say(robots, "after")
            await stored(robots, sent)
            assert ledger(robots, sent) == all_ok(sent)


async def test_what_the_broker_retained_of_a_dead_robot_is_no_news_after_its_restart(
    ground, mosquitto, database, settings_for, telegraf, tmp_path
):
    """Telegraf subscribes at each connection, and Mosquitto sends it the retained copies again
    (telegraf#10824); its program cannot see the flag. A point at its own time overwrites itself."""
    robot, died = f"dead-{uuid.uuid4().hex[:6]}", datetime.now(UTC) - timedelta(minutes=16)
    said = {"robot_id": robot, "timestamp": died.replace(tzinfo=None).isoformat()}
    kept = {
        f"tonypi/status/{robot}": said | {"status": "offline", "system_info": {"cpu_percent": 95}},
        f"tonypi/battery/{robot}": said | {"percentage": 3},
    }
    broker = {"hostname": mosquitto.host, "port": mosquitto.port}
    target = tmp_path / "out.lp"
    (tmp_path / "telegraf.conf").write_text(with_file_output(CONFIG.read_text(), target))

    def points() -> list[str]:
        lines = target.read_text().splitlines() if target.exists() else []
        return [line for line in lines if robot in line]

    async with talking(own(settings_for, database.database), database.dsn) as robots:
        try:
            for topic, payload in kept.items():
                publish.single(topic, json.dumps(payload), qos=1, retain=True, **broker)
            telegraf(tmp_path / "telegraf.conf", {"MQTT_TELEGRAF_CLIENT_ID": robot})
            await robots.until(lambda: len(points()) >= 2, within=30)
            # From now on old messages are not thought to have waited in a queue.
            beat = telegraf_wire.heartbeat(datetime.now(UTC))
            publish.single(beat.topic, beat.payload, qos=1, **broker)
            await restart(ground, "stopped", robots)
            await robots.until(lambda: len(points()) >= 4, within=30)
        finally:
            for topic in kept:
                publish.single(topic, b"", qos=1, retain=True, **broker)
    assert {int(line.rpartition(" ")[2][:10]) for line in points()} == {int(died.timestamp())}
    assert {line.partition(",")[0] for line in points()} == {"performance", "battery"}
