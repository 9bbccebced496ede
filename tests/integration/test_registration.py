"""Who is registered: pending robots, many new ones at once, names of simulated ones."""

from __future__ import annotations

import pytest

from glue import store
from glue.events.registration import Registrations
from tests.events import consuming, own, talking


async def test_a_pending_robot_is_seen_and_can_do_nothing_else(mosquitto, database, settings_for):
    settings = own(settings_for, database.database, FLEET_REGISTRATION="pending")
    async with talking(settings, database.dsn) as robots, consuming(settings):
        robots.say("tonypi/logs/new", {"message": "let me in"})
        robots.say("tonypi/job/new", {"status": "started"})
        robots.status("new")
        await robots.until(lambda: robots.robot("new") == ("online",))
        assert robots.robot("new", "registration") == ("pending",)
        assert robots.rows("SELECT 1 FROM system_logs") == []
        assert robots.rows("SELECT 1 FROM jobs") == []


@pytest.mark.parametrize(
    ("policy", "bounds", "expected"),
    [
        ("automatic", {"FLEET_NEW_PER_MINUTE": 3}, "accepted"),
        ("pending", {"FLEET_NEW_PER_MINUTE": 100, "FLEET_WAITING_MAX": 3}, "pending"),
    ],
)
async def test_new_robots_are_bounded_and_known_ones_are_not_slowed(
    mosquitto, database, settings_for, policy, bounds, expected
):
    settings = own(settings_for, database.database, FLEET_REGISTRATION=policy, ROBOTS=1, **bounds)
    async with talking(settings, database.dsn) as robots, consuming(settings):
        for number in range(50):
            robots.status(f"made-up-{number}")
        robots.status("tonypi_01", "online", ip_address="192.0.2.9")
        await robots.until(lambda: robots.robot("tonypi_01", "ip_address") == ("192.0.2.9",))
        found = robots.rows("SELECT registration FROM robots WHERE robot_id LIKE 'made-up%'")
        assert found == [(expected,)] * 3
        over = "SELECT sum(count)::int FROM refused_messages WHERE reason = 'too_many_new'"
        assert robots.rows(over) == [(47,)]
        assert robots.rows("SELECT messages FROM grafana.registrations_limited") == [(47,)]
        if policy == "pending":
            # There is room again; and the simulated ones of this stack are nobody's to accept.
            robots.rows("UPDATE robots SET registration = 'refused' RETURNING 1")
            robots.status("made-up-49")
            await robots.until(lambda: robots.robot("made-up-49") == ("online",))
            robots.status("sim_01")
            await robots.until(lambda: robots.robot("sim_01", "registration") == ("accepted",))


@pytest.mark.parametrize(
    ("bind", "count", "expected"),
    [
        ("127.0.0.1", 1, {"sim_01": "accepted", "sim_02": "pending"}),
        ("127.0.0.1", 0, {"sim_01": "pending", "sim_02": "pending"}),
        ("0.0.0.0", 2, {"sim_01": "pending", "sim_02": "pending"}),
    ],
)
async def test_the_name_of_a_simulated_robot_passes_no_policy_beyond_loopback(
    database, settings_for, bind, count, expected
):
    changed = {"FLEET_REGISTRATION": "pending", "TONYPI_BIND": bind, "ROBOTS": count}
    settings = settings_for(PGDATABASE=database.database, **changed)
    async with store.open_pool(settings.postgres) as pool, store.transaction(pool) as conn:
        await Registrations(settings).register(conn, expected, "events")
        known = await store.robots.known(conn, expected)
    assert {robot_id: robot.registration for robot_id, robot in known.items()} == expected


async def test_after_a_minute_there_is_room_for_new_robots_again(database, settings_for):
    now = [0.0]
    settings = settings_for(PGDATABASE=database.database, FLEET_NEW_PER_MINUTE=2)
    registrations = Registrations(settings, lambda: now[0])

    async def register(*ids: str, lost: bool = False) -> tuple[int, int]:
        async with store.open_pool(settings.postgres) as pool, store.transaction(pool) as conn:
            made = await registrations.register(conn, ids, "events")
            if lost:
                raise store.StoreUnavailable("PostgreSQL is gone before the commit")
        registrations.count(made)
        return len(made.new), len(made.over)

    for _ in range(3):
        with pytest.raises(store.StoreUnavailable):
            await register("a", "b", lost=True)
    assert await register("a", "b", "c") == (2, 1)
    now[0] = 59.0
    assert await register("c") == (0, 1)
    now[0] = 60.0
    assert await register("c") == (1, 0)
