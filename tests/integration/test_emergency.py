"""An emergency stop is a critical alert: from robots' words to PostgreSQL, and to its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from glue import events, store
from glue.alerts import people
from glue.alerts.intake import Intake
from glue.changes import Changes
from glue.series import Query
from glue.settings import Settings
from glue.store import heartbeats
from tests.events import Robots, own, talking

ALERTS = """
SELECT severity, alert_type, metric, title, origin, resolved, resolve_reason FROM alerts
 WHERE robot_id = 'r1' ORDER BY id
"""
OPEN = ("critical", "system", "emergency_stop", "Emergency stop: r1", "events", False, None)
OVER = (*OPEN[:5], True, "recovered")


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[store.Pool]:
    """Everything that takes events, and the changes that wake it. No InfluxDB answers."""
    changes = Changes(settings.postgres.dsn)
    async with store.open_pool(settings.postgres) as pool, Query(settings.influx) as series:
        intake = Intake(pool, series)
        work = [
            asyncio.create_task(changes.run()),
            asyncio.create_task(events.run(settings, pool, series, changes, intake.take)),
        ]
        try:
            await _listening(pool, changes)
            yield pool
        finally:
            for task in work:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def _listening(pool: store.Pool, changes: Changes) -> None:
    before = None
    while True:
        async with store.transaction(pool) as conn:
            listened, _ = await heartbeats.listening(conn)
        if before is not None and listened > before and changes.connected:
            return
        before = listened
        await asyncio.sleep(0.3)


@pytest.fixture
async def robots(mosquitto, database, settings_for) -> AsyncIterator[Robots]:
    settings = own(settings_for, database.database)
    async with talking(settings, database.dsn) as robots, working(settings):
        robots.status("r1")
        await robots.until(lambda: robots.robot("r1"))
        yield robots


async def test_a_status_opens_it_and_the_next_without_it_closes_it(robots: Robots) -> None:
    for _ in range(3):
        robots.status("r1", emergency_stopped=True, emergency_reason="fell over")
        await asyncio.sleep(0.1)
    await robots.until(lambda: robots.rows(ALERTS) == [OPEN], within=4)
    assert robots.rows("SELECT message, details FROM alerts") == [
        ("r1 is in emergency stop: fell over. It moves again after `resume`.",
         {"reason": "fell over"})
    ]  # fmt: skip
    columns = "emergency_stopped, emergency_reason, emergency_at IS NOT NULL"
    assert robots.robot("r1", columns) == (True, "fell over", True)
    robots.status("r1", emergency_stopped=False)
    await robots.until(lambda: robots.rows(ALERTS) == [OVER], within=4)
    assert robots.robot("r1", columns) == (False, None, False)
    # Who looks at the robots' rows may come before a message is through with its begin, to the
    # millisecond.
    said = "SELECT kind, origin FROM alert_timeline WHERE kind <> 'corrected' ORDER BY id"
    assert robots.rows(said) == [("opened", "events"), ("resolved", "events")]


async def test_the_answer_to_the_stop_opens_it_before_any_status(robots: Robots) -> None:
    answer = {"robot_id": "r1", "command_id": "c1", "success": False}
    robots.say("tonypi/emergency_stop/response", answer)
    robots.say("tonypi/commands/response", answer | {"success": True})
    await robots.until(lambda: robots.rows("SELECT count(*) FROM system_logs") == [(2,)])
    await asyncio.sleep(0.5)
    assert robots.rows(ALERTS) == []
    robots.say("tonypi/emergency_stop/response", answer | {"success": True})
    await robots.until(lambda: robots.rows(ALERTS) == [OPEN], within=4)
    robots.status("r1", emergency_stopped=True)
    robots.status("r1", emergency_stopped=False)
    await robots.until(lambda: robots.rows(ALERTS) == [OVER])


async def test_one_that_was_over_before_we_looked_has_its_alert(
    mosquitto, database, settings_for
) -> None:
    settings = own(settings_for, database.database)
    async with talking(settings, database.dsn) as robots:
        async with working(settings):
            robots.status("r1")
            await robots.until(lambda: robots.robot("r1"))
        # The glue is away; the broker keeps all this, and it comes in one batch.
        for stopped in (False, True, True, False, True, False):
            robots.status("r1", emergency_stopped=stopped)
        robots.say("tonypi/logs/r1", {"message": "last"})
        async with working(settings):
            await robots.until(lambda: robots.rows("SELECT 1 FROM system_logs"))
            await robots.until(lambda: robots.rows(ALERTS) == [OVER, OVER])


async def test_maintenance_and_removal_end_it_and_the_way_back_begins_another(
    robots: Robots,
) -> None:
    robots.status("r1", emergency_stopped=True)
    await robots.until(lambda: robots.rows(ALERTS) == [OPEN])
    robots.rows("UPDATE robots SET status = 'maintenance' WHERE robot_id = 'r1'")
    cared = (*OPEN[:5], True, "maintenance")
    await robots.until(lambda: robots.rows(ALERTS) == [cared], within=3)
    robots.status("r1", emergency_stopped=True)
    await asyncio.sleep(0.6)
    assert robots.rows(ALERTS) == [cared]
    robots.rows("UPDATE robots SET status = 'online' WHERE robot_id = 'r1'")
    await robots.until(lambda: robots.rows(ALERTS) == [cared, OPEN], within=3)
    robots.rows("UPDATE robots SET is_active = false WHERE robot_id = 'r1'")
    gone = (*OPEN[:5], True, "robot removed")
    await robots.until(lambda: robots.rows(ALERTS) == [cared, gone], within=3)


async def test_closed_by_hand_it_stays_closed_until_the_robot_moved(
    mosquitto, database, settings_for
) -> None:
    settings = own(settings_for, database.database)
    async with talking(settings, database.dsn) as robots, working(settings) as pool:
        robots.status("r1", emergency_stopped=True)
        await robots.until(lambda: robots.rows(ALERTS) == [OPEN])
        ((alert_id,),) = robots.rows("SELECT id FROM alerts")
        async with store.transaction(pool) as conn:
            alert = await people.hold(conn, alert_id, to_resolve=True)
            await people.resolve(conn, alert, "ann", None)
        by_hand = (*OPEN[:5], True, "by hand")
        robots.status("r1", emergency_stopped=True)
        robots.rows("UPDATE robots SET description = 'x' WHERE robot_id = 'r1'")
        await asyncio.sleep(1)
        assert robots.rows(ALERTS) == [by_hand]
        robots.status("r1", emergency_stopped=False)
        await robots.until(lambda: robots.robot("r1", "emergency_stopped") == (False,))
        robots.status("r1", emergency_stopped=True)
        await robots.until(lambda: robots.rows(ALERTS) == [by_hand, OPEN])


async def test_a_robot_that_is_not_accepted_yet_raises_none(
    mosquitto, database, settings_for
) -> None:
    settings = own(settings_for, database.database, FLEET_REGISTRATION="pending")
    async with talking(settings, database.dsn) as robots, working(settings):
        robots.status("r1", emergency_stopped=True)
        await robots.until(lambda: robots.robot("r1", "emergency_stopped") == (True,))
        await asyncio.sleep(0.6)
        assert robots.rows(ALERTS) == []
        robots.rows("UPDATE robots SET registration = 'accepted' WHERE robot_id = 'r1'")
        await robots.until(lambda: robots.rows(ALERTS) == [OPEN], within=3)
