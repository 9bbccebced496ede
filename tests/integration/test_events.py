"""Robots' events become rows: through a real broker into a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from glue import store
from glue.store import robots as fleet
from tests.events import Robots, consuming, own, talking


@pytest.fixture
async def robots(mosquitto, database, settings_for) -> AsyncIterator[Robots]:
    """Robots whose events are consumed; an unknown robot is taken in."""
    settings = own(settings_for, database.database)
    async with talking(settings, database.dsn) as robots, consuming(settings):
        yield robots


async def test_a_status_registers_the_robot_and_fills_its_row(robots):
    robots.status(
        "r1",
        ip_address="192.0.2.7",
        camera_url="http://192.0.2.7:8080/?action=stream",
        emergency_stopped=True,
        system_info={"cpu_percent": 12.5, "platform": "Linux"},
    )
    robots.say("tonypi/location", {"robot_id": "r1", "x": 1.5, "y": -2, "z": 0})
    await robots.until(lambda: robots.robot("r1", "location") and robots.robot("r1", "location")[0])
    columns = (
        "status, registration, ip_address, camera_url, emergency_stopped, system_info, location,"
        " clean_offline, last_seen > now() - interval '10 s', heard_at IS NOT NULL"
    )
    assert robots.robot("r1", columns) == (
        "online",
        "accepted",
        "192.0.2.7",
        "http://192.0.2.7:8080/?action=stream",
        True,
        {"cpu_percent": 12.5, "platform": "Linux"},
        {"x": 1.5, "y": -2.0, "z": 0.0},
        False,
        True,
        True,
    )


async def test_a_clean_goodbye_is_kept_until_the_robot_speaks_again(robots):
    robots.status("r1")
    robots.status("r1", "offline")
    await robots.until(lambda: robots.robot("r1", "status, clean_offline") == ("offline", True))
    robots.say("tonypi/battery", {"robot_id": "r1", "percentage": 80})
    await robots.until(lambda: robots.robot("r1", "status, clean_offline") == ("online", False))


async def test_a_last_will_is_no_goodbye_and_no_sign_of_life(robots):
    """It was written when the robot connected (VDA5050#648): silence is measured from the last true
    message. A goodbye of this moment is one."""
    columns = "status, clean_offline, last_seen, heard_at, ip_address"
    connected = datetime.now(UTC) - timedelta(seconds=90)
    robots.status("r1", timestamp=connected.isoformat())
    robots.say("tonypi/location/r1", {"x": 1, "timestamp": datetime.now(UTC).isoformat()})
    before = await robots.until(
        lambda: robots.robot("r1", "location") and robots.robot("r1", columns)
    )
    await asyncio.sleep(0.5)  # the listening clock goes on
    # r3 was last seen by an earlier glue.
    robots.rows("INSERT INTO robots (robot_id, status, last_seen) VALUES ('r3', 'online', now())")
    for robot_id in ("r1", "r3"):
        robots.status(robot_id, "offline", timestamp=connected.isoformat(), ip_address="192.0.2.9")
    robots.status("r2")
    await robots.until(lambda: robots.robot("r2"))
    assert robots.robot("r1", columns) == before
    assert robots.robot("r3", "status, clean_offline, ip_address") == ("online", False, None)
    assert before[:2] == ("online", False)
    robots.status("r1", "offline", timestamp=datetime.now(UTC).isoformat())
    await robots.until(lambda: robots.robot("r1", "status, clean_offline") == ("offline", True))


async def test_words_for_a_status_that_we_do_not_know_are_online_kept_and_counted_once(robots):
    robots.status("r1", "error")
    await robots.until(lambda: robots.robot("r1") == ("error",))
    for word in ("idle", "charging", "idle", "充电"):
        robots.status("r1", word)
    robots.status("r2", "idle")
    columns = "status, reported_status, clean_offline"
    await robots.until(lambda: robots.robot("r2", columns) == ("online", "idle", False))
    assert robots.robot("r1", columns) == ("online", "充电", False)
    refused = robots.rows("SELECT topic, reason, count, last_detail FROM refused_messages")
    detail = "'充电' is no status known here (r1): taken as online"
    assert refused == [("status", "out_of_range", 3, detail)]


async def test_maintenance_and_inactive_robots_keep_their_status(robots):
    robots.rows(
        "INSERT INTO robots (robot_id, status, is_active) VALUES"
        " ('care', 'maintenance', true), ('gone', 'offline', false)"
    )
    for name in ("care", "gone"):
        robots.status(name, "online", ip_address="192.0.2.9")
        robots.status(name, "offline", ip_address="192.0.2.9")
        robots.status(name, "error", ip_address="192.0.2.9")
    await robots.until(lambda: robots.robot("gone", "ip_address") == ("192.0.2.9",))
    assert robots.robot("care", "status, ip_address") == ("maintenance", "192.0.2.9")
    assert robots.robot("gone") == ("offline",)


async def test_bad_ids_and_bad_messages_are_counted_by_reason_and_stop_nobody(robots):
    bad_ids = ["a b", "a'b", 'a"b', "a/b", "ü", "a" * 51, "a\u0000b", "a;DROP TABLE robots"]
    for bad in bad_ids:
        robots.say("tonypi/battery", {"robot_id": bad})
    for bad in ("a b", "a'b", "a/b", "ü"):
        robots.say(f"tonypi/status/{bad}", {"status": "online"})
    robots.say("tonypi/location", {"robot_id": "+", "x": 1})
    robots.say("tonypi/location", {"robot_id": "#", "x": 1})
    robots.say("tonypi/location", {"x": 1})
    for raw in (b"", b"{", b'{"status": "onl', b"\xff\xfe", b"[" * 100_000, b"1" * 5000):
        robots.say("tonypi/status/r1", raw[:60_000])
    robots.say("tonypi/status/r1", [1])
    robots.say("tonypi/status/r1", "x" * 1_048_576)
    robots.status("r1", "dancing")
    robots.say("tonypi/location/r1", {"x": 1e30, "y": "left", "z": 2})
    robots.say("tonypi/logs/r1", b'{"message": "a\\u0000b\\ud800c", "level": "fatal", "v": NaN}')
    robots.status("good", ip_address="not an address", camera_url="javascript:alert(1)")
    await robots.until(lambda: robots.robot("good") == ("online",))
    counts = {
        (topic, reason): count
        for topic, reason, count in robots.rows("SELECT topic, reason, count FROM refused_messages")
    }
    assert counts == {
        ("battery", "bad_id"): len(bad_ids),
        ("status", "bad_id"): 4,
        ("location", "bad_id"): 2,
        ("location", "missing_id"): 1,
        ("status", "not_json"): 6,
        ("status", "wrong_type"): 3,
        ("status", "too_big"): 1,
        ("status", "out_of_range"): 1,
        ("location", "out_of_range"): 1,
        ("location", "wrong_type"): 1,
    }
    assert robots.robot("r1", "location") == ({"z": 2.0},)
    assert robots.robot("good", "ip_address, camera_url") == (None, None)
    logged = robots.rows("SELECT level, message FROM system_logs")
    assert logged == [("CRITICAL", "a\ufffdb\ufffdc")]
    assert len(robots.rows("SELECT 1 FROM robots")) == 3  # tonypi_01, r1, good


async def test_what_postgresql_will_never_take_is_counted_and_the_rest_is_kept(robots):
    # A rule that only the database knows.
    robots.rows("ALTER TABLE system_logs ADD CONSTRAINT no_poison CHECK (message <> 'poison')")
    for number in range(20):
        robots.say("tonypi/logs/r1", {"message": "poison" if number == 7 else f"line {number}"})
    await robots.until(lambda: robots.rows("SELECT count(*) FROM system_logs") == [(19,)])
    ((topic, reason, count, detail),) = robots.rows(
        "SELECT topic, reason, count, last_detail FROM refused_messages"
    )
    assert (topic, reason, count) == ("logs", "wrong_type", 1)
    assert "no_poison" in detail


async def test_a_job_from_start_to_end_with_its_scan(robots):
    # Years off, as a robot without a battery-backed clock starts.
    t0 = datetime(2000, 1, 1, tzinfo=UTC)
    stamp = [(t0 + timedelta(seconds=s)).isoformat()[:19] for s in range(0, 100, 10)]

    def job(word, at, **more):
        robots.say("tonypi/job/r1", {"status": word, "timestamp": stamp[at], **more})

    job("started", 0, task_name="sort", items_total=4, start_time=stamp[0])
    job("working", 1, items_done=1, percent=25, phase="pick", start_time=stamp[0])
    robots.say("tonypi/scan/r1", {"qr_data": "BOX-1", "station_name": "A", "action": "pick"})
    await robots.until(lambda: robots.rows("SELECT 1 FROM jobs WHERE last_item IS NOT NULL"))
    job("in_progress", 5, items_done=3, progress_percent=75.0, start_time=stamp[0])
    await robots.until(lambda: robots.rows("SELECT 1 FROM jobs WHERE items_done = 3"))
    job("completed", 6, items_done=4, success=True, start_time=stamp[0], end_time=stamp[6])
    job("completed", 6, items_done=4, success=True, start_time=stamp[0], end_time=stamp[6])
    await robots.until(lambda: robots.rows("SELECT 1 FROM jobs WHERE status = 'completed'"))
    await asyncio.sleep(0.4)
    ((task, phase, done, percent, item, took),) = robots.rows(
        "SELECT task_name, phase, items_done, percent_complete, last_item,"
        " extract(epoch FROM end_time - start_time)::float8 FROM jobs"
    )
    assert (task, phase, done, percent) == ("sort", "pick", 4, 100.0)
    assert took >= 0
    assert item == {"qr_data": "BOX-1", "station_name": "A", "action": "pick"}
    assert robots.rows("SELECT message FROM system_logs") == [("Scanned BOX-1 at A",)]


async def test_answers_to_commands_and_changes_of_sight_become_lines(robots):
    robots.say(
        "tonypi/commands/response",
        {"robot_id": "r1", "command_id": "c1", "success": False, "message": "No job is active"},
    )
    robots.say("tonypi/emergency_stop/response", {"robot_id": "r1", "success": True})
    for state in ("SEARCHING", "SEARCHING", "LOCKED", "LOCKED", "SEARCHING"):
        robots.say("tonypi/vision/r1", {"label": "box", "state": state, "confidence": 0.9})
    await robots.until(lambda: robots.rows("SELECT count(*) FROM system_logs") == [(5,)])
    await asyncio.sleep(0.4)
    assert robots.rows("SELECT level, category, message FROM system_logs ORDER BY id") == [
        ("WARNING", "command", "No job is active"),
        ("WARNING", "command", "Command done"),
        ("INFO", "mqtt", "Sees box (SEARCHING)"),
        ("INFO", "mqtt", "Sees box (LOCKED)"),
        ("INFO", "mqtt", "Sees box (SEARCHING)"),
    ]


@pytest.mark.parametrize(
    ("told", "status", "reason", "items", "percent"),
    [
        (["started", "cancelled"], "failed", "cancelled", 0, 0),
        (["started", "failed dropped the box"], "failed", "dropped the box", 0, 0),
        (["cancelled operator stopped it"], "failed", "operator stopped it", 0, 0),
        (["started", "working 2", "working 2", *["cancelled"] * 2], "failed", "cancelled", 2, 50),
        (["working 3", "started", "completed 4"], "completed", None, 4, 100),
        (["completed 4", "completed 4", "started"], "completed", None, 4, 100),
        (["working 1", "started", "working 3"], "active", None, 3, 75),
    ],
)
async def test_jobs_told_incompletely_repeatedly_and_out_of_order_are_one_row(
    robots, told, status, reason, items, percent
):
    start = "2026-01-01T10:00:00.000001"
    for number, one in enumerate(told):
        word, _, more = one.partition(" ")
        # A late `started` carries the time at which it was sent, before the others.
        at = f"2026-01-01T10:00:{0 if word == 'started' else number + 5:02d}.1"
        said = {"status": word, "timestamp": at, "start_time": start, "items_total": 4}
        said |= {"items_done": int(more)} if more.isdigit() else {"reason": more} if more else {}
        robots.say("tonypi/job/r1", {"robot_id": "r1", **said})
    robots.say("tonypi/logs/r1", {"message": "last"})
    await robots.until(lambda: robots.rows("SELECT 1 FROM system_logs"))
    assert robots.rows("SELECT status, reason, items_done, percent_complete FROM jobs") == [
        (status, reason, items, percent)
    ]


async def test_the_shapes_on_the_wire_become_what_they_say(robots):
    robots.say("tonypi/battery/r1", {"robot_id": "r1", "percentage": 80.5, "current": -0.3})
    robots.say("tonypi/location/r1", {"robot_id": "r1", "x": 1, "y": 2, "z": 0.5})
    robots.say("tonypi/scan/r1", {"robot_id": "r1", "qr_data": "BOX-7", "action": "pickup"})
    sight = {"robot_id": "r1", "detection": None, "state": "SEARCHING", "label": None}
    sight |= {"bbox": None, "center_x": None, "navigation_command": "left", "is_locked": False}
    robots.say("tonypi/vision/r1", sight)
    robots.say("tonypi/vision/r1", sight | {"error": "camera lost"})
    robots.say("tonypi/vision/r1", sight | {"label": "box", "bbox": [1, 2, 3, 4]})
    robots.say("tonypi/logs/r1", {"level": "ERROR", "message": "jammed", "source": "gripper"})
    answer = {"robot_id": "r1", "command_id": "c-1", "success": True, "message": "Moved"}
    robots.say("tonypi/commands/response", answer)
    robots.say("tonypi/emergency_stop/response", answer | {"command_id": "c-2"})
    lines = "SELECT level, category, message, details FROM system_logs ORDER BY id"
    await robots.until(lambda: len(robots.rows(lines)) == 6)
    seen = {"state": "SEARCHING", "navigation_command": "left", "is_locked": False}
    assert robots.rows(lines) == [
        ("INFO", "mqtt", "Scanned BOX-7", {"qr_data": "BOX-7", "action": "pickup"}),
        ("INFO", "mqtt", "Sees nothing known (SEARCHING)", seen),
        ("INFO", "mqtt", "Sees box (SEARCHING)", seen | {"label": "box"}),
        ("ERROR", "mqtt", "jammed", {"source": "gripper", "level": "ERROR"}),
        ("INFO", "command", "Moved", {"command_id": "c-1", "success": True}),
        ("WARNING", "command", "Moved", {"command_id": "c-2", "success": True}),
    ]
    assert robots.robot("r1", "status, location, emergency_stopped") == (
        "online",
        {"x": 1.0, "y": 2.0, "z": 0.5},
        True,
    )
    assert robots.rows("SELECT topic, reason FROM refused_messages") == []


async def test_times_are_in_the_robots_own_zone_when_they_can_be_true(
    mosquitto, database, settings_for
):
    settings = own(settings_for, database.database, FLEET_TZ="Europe/Berlin")
    async with talking(settings, database.dsn) as robots, consuming(settings):
        robots.rows("INSERT INTO robots (robot_id, time_zone) VALUES ('tokyo', 'Asia/Tokyo')")
        ((berlin, tokyo),) = robots.rows(
            "SELECT (now() - interval '5 min') AT TIME ZONE 'Europe/Berlin',"
            " (now() - interval '5 min') AT TIME ZONE 'Asia/Tokyo'"
        )
        for robot_id, at in (("home", berlin), ("tokyo", tokyo), ("wrong", tokyo)):
            said = {"message": "x", "timestamp": at.isoformat()}
            robots.say(f"tonypi/logs/{robot_id}", said)
        await robots.until(lambda: robots.rows("SELECT count(*) FROM system_logs") == [(3,)])
        ages = robots.rows(
            "SELECT robot_id, round(extract(epoch FROM now() - timestamp) / 60)::int"
            " FROM system_logs ORDER BY 1"
        )
        assert ages == [("home", 5), ("tokyo", 5), ("wrong", 0)]


async def test_a_robot_that_stops_is_silent_and_set_offline_while_others_speak(
    mosquitto, database, settings_for
):
    settings = own(settings_for, database.database, FLEET_SILENT_AFTER=2)
    async with talking(settings, database.dsn) as robots, consuming(settings):
        robots.status("dead")
        robots.status("care")
        await robots.until(lambda: robots.robot("care"))

        def silent():
            robots.status("alive")
            return robots.rows("SELECT robot_id FROM grafana.silence WHERE silent_s > silent_after")

        robots.rows("UPDATE robots SET status = 'maintenance' WHERE robot_id = 'care'")
        assert await robots.until(silent) == [("dead",)]
        await robots.until(lambda: robots.robot("dead") == ("offline",))
        assert robots.robot("alive") == ("online",)
        robots.status("dead")
        await robots.until(lambda: robots.robot("dead") == ("online",))
        assert ("dead",) not in robots.rows(
            "SELECT robot_id FROM grafana.silence WHERE silent_s > silent_after"
        )


async def test_signs_of_life_by_events_and_by_metrics_do_not_wait_for_each_other(database):
    ids = [f"r{n:04d}" for n in range(500)]
    at = datetime.now(UTC)

    async def write(pool: store.Pool, by_events: bool) -> None:
        for _ in range(10):
            async with store.transaction(pool) as conn:
                if by_events:
                    await fleet.heard(conn, [fleet.Heard(one, at, 1.0) for one in ids])
                else:
                    points = dict.fromkeys(reversed(ids), 1)
                    await fleet.seen_by_metrics(conn, points, 1.0, 30.0)

    async with store.open_pool(database) as pool:
        async with store.transaction(pool) as conn:
            await fleet.register(conn, ids, "accepted")
        await asyncio.gather(write(pool, True), write(pool, False))
