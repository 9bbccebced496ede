"""Transitions reach real receivers, once: an HTTP server and a mail server of the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.rows import dict_row

from glue import store
from glue.alerts import people
from glue.core import sealing
from glue.notify.worker import Worker
from glue.stack.probe import free_port
from glue.store import outbox
from tests import notified

ALL = "SELECT * FROM notification_outbox ORDER BY id"
SEEN = """UPDATE alerts SET acknowledged = true, acknowledged_at = now(), acknowledged_by = 'ann'
           WHERE id = %(id)s"""


@pytest.fixture
def noted(settings_for, database):
    return settings_for(
        PGDATABASE=database.database,
        GLUE_SECRET_KEY=notified.KEY,
        NOTIFY_RETRY_FIRST="0.2",
        NOTIFY_TIMEOUT="3",
        NOTIFY_TRIES="3",
        NOTIFY_OUTAGE_WAIT="0",
        FLEET_TZ="Europe/Berlin",
        GRAFANA_PUBLIC_URL="http://grafana.example:3000",
    )


@pytest.fixture
async def pool(noted):
    async with store.open_pool(noted.postgres) as pool:
        yield pool


@pytest.fixture
def episodes(pool):
    return notified.Episodes(pool)


@pytest.fixture
def web():
    with notified.web() as server:
        yield server


class Clock:
    """Time that the test turns forward."""

    def __init__(self):
        self.ahead = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def worker(noted, pool, clock):
    worker = Worker(noted, pool, clock)
    yield worker
    worker.messenger.close()


async def rows(pool, query=ALL, **named):
    async with store.transaction(pool) as conn, conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, named)
        return await cursor.fetchall() if cursor.description else []


async def states(pool):
    return [(r["occasion"], r["target_name"], r["state"]) for r in await rows(pool)]


async def empty(worker):
    """Route, and send until nothing is due."""
    await worker.router.route()
    sent = []
    while (one := await worker.sender.send_next()) is not None:
        sent.append(one)
    return sent


async def test_opening_raise_and_end_are_told_once_each(pool, worker, episodes, web):
    target = await notified.add_target(pool, "ops", web.url)
    await notified.add_route(pool, [target])
    (alert,) = await episodes.open("r1")
    await empty(worker)
    await empty(worker)
    await episodes.raise_(alert)
    await empty(worker)
    await episodes.resolve(alert)
    await empty(worker)
    assert web.titles == [
        "Warning: r1: temperature too high",
        "Critical: r1: temperature too high",
        "Resolved: r1: temperature too high",
    ]
    first = web.got[0]["message"]
    assert "value 71.5 °C, limit 70 °C" in first
    assert "CE" in first  # since when, in the fleet's zone
    assert "http://grafana.example:3000/d/tonypi-robot?from=" in first and "var-robot=r1" in first
    assert "/acknowledge/" in first
    assert "value 82 °C, limit 80 °C" in web.got[1]["message"]
    assert "(recovered)" in web.got[2]["message"] and "acknowledge" not in web.got[2]["message"]
    assert await states(pool) == [(o, "ops", "delivered") for o in ("opened", "raised", "resolved")]
    assert not await rows(pool, "SELECT * FROM notification_waiting")


async def test_500_silent_robots_and_the_rules_that_noticed_are_one_message(
    pool, worker, episodes, web
):
    target = await notified.add_target(pool, "ops", web.url)
    await notified.add_route(pool, [target], group_interval=60.0)
    ids = await episodes.open("", metric="events", severity="critical")
    ids += await episodes.open(*(f"r{n}" for n in range(300)), metric="silence")
    await worker.router.route()
    ids += await episodes.open(*(f"s{n}" for n in range(200)), metric="silence")
    await empty(worker)
    (told,) = web.got
    assert "500 robots: robot silent" in told["title"] and "stack: events" in told["title"]
    assert "and 481 more" in told["message"]
    assert {r["batch"] for r in await rows(pool)} == {(await rows(pool))[0]["id"]}
    # What comes after it keeps its distance, and joins what waits.
    ids += await episodes.open("t1", "t2", metric="silence")
    assert await empty(worker) == []
    await episodes.resolve(*ids)
    await empty(worker)
    late = await rows(pool, "SELECT * FROM notification_outbox WHERE state = 'queued'")
    assert {r["occasion"] for r in late} == {"opened", "resolved"}
    assert [t.split(":")[0] for t in web.titles] == ["Critical", "Resolved"]


async def test_an_outage_is_told_when_its_others_had_time_to_come(
    noted, pool, episodes, web, clock
):
    target = await notified.add_target(pool, "ops", web.url)
    await notified.add_route(pool, [target])
    patient = noted.model_copy(
        update={"notify": noted.notify.model_copy(update={"outage_wait": 9})}
    )
    worker = Worker(patient, pool, clock)
    # As live posts come: a robot at a time. What is hot meanwhile does not wait.
    await episodes.open("r1", metric="silence")
    await worker.router.route()
    await episodes.open("hot")
    await empty(worker)
    assert web.titles == ["Warning: hot: temperature too high"]
    clock.ahead = timedelta(seconds=5)
    await episodes.open("r2", metric="silence")
    await worker.router.route()
    await rows(
        pool,
        "UPDATE notification_outbox SET next_try_at = now() WHERE due_at <= %(at)s",
        at=clock() + timedelta(seconds=4),
    )
    await empty(worker)
    worker.messenger.close()
    assert web.titles[1:] == ["Warning: 2 robots: robot silent"]


async def test_what_no_route_fits_is_recorded_as_told_to_nobody(pool, worker, episodes, web):
    (alert,) = await episodes.open("r1")
    assert await empty(worker) == []
    (row,) = await rows(pool)
    assert (row["state"], row["reason"], row["target_id"]) == ("suppressed", "no route fits", None)
    target = await notified.add_target(pool, "ops", web.url)
    await notified.add_route(pool, [target])
    await episodes.raise_(alert)
    await empty(worker)
    assert web.titles == ["Critical: r1: temperature too high"]


async def test_a_mail_says_the_same(pool, worker, episodes):
    with notified.mail(free_port()) as box:
        target = await notified.add_target(pool, "mail", box.url)
        await notified.add_route(pool, [target])
        await episodes.open("r1")
        (sent,) = await empty(worker)
        assert sent.error == ""
        ((subject, body),) = box.got
        assert subject == "Warning: r1: temperature too high"
        assert "value 71.5 °C, limit 70 °C" in body


async def test_a_receiver_that_is_down_gets_all_when_it_is_back(noted, pool, episodes):
    port = free_port()
    down = f"json://bot:s3cretpassword@127.0.0.1:{port}/hook"
    with notified.web() as other:
        ill = await notified.add_target(pool, "ill", down)
        well = await notified.add_target(pool, "well", other.url)
        await notified.add_route(pool, [ill, well])
        patient = noted.model_copy(update={"notify": noted.notify.model_copy(update={"tries": 99})})
        async with notified.working(patient, pool):
            ids = await episodes.open("r1")
            await notified.until(lambda: len(other.got) == 1)
            await notified.until(lambda: _attempts(pool, ill, 2))
            await episodes.resolve(*ids)
            await notified.until(lambda: len(other.got) == 2)
            with notified.web(port) as back:
                await notified.until(lambda: len(back.got) == 2)
                assert [t.split(":")[0] for t in back.titles] == ["Warning", "Resolved"]
                await notified.until(lambda: _all(pool, "delivered"))
        assert len(other.got) == 2
    (healed,) = await rows(pool, "SELECT * FROM notification_targets WHERE name = 'ill'")
    assert healed["failing_since"] is None and healed["last_delivered_at"] is not None


async def _attempts(pool, target, least):
    found = await rows(pool, ALL.replace("ORDER", f"WHERE target_id = {target} ORDER"))
    return found and found[0]["attempts"] >= least


async def _all(pool, *wanted):
    return all(r["state"] in wanted for r in await rows(pool))


async def test_attempted_is_delivered_and_given_up_and_no_credential_is_kept(
    noted, pool, episodes, web, caplog
):
    web.status = 500
    target = await notified.add_target(pool, "ops", web.url)
    await notified.add_route(pool, [target])
    async with notified.working(noted, pool):
        await episodes.open("r1", "r2")
        await notified.until(lambda: _all_there(pool, 2, "given up"))
        web.status = 200
        await episodes.open("r3")
        await notified.until(lambda: _all_there(pool, 3, "given up", "delivered"))
    kept = await rows(pool)
    assert [(r["state"], r["attempts"]) for r in kept[:2]] == [("given up", 3)] * 2
    assert kept[0]["reason"] == "3 tries failed" and "500" in kept[0]["last_error"]
    logs = await rows(pool, "SELECT * FROM system_logs WHERE level = 'ERROR'")
    assert len(logs) == 1 and "ops was given up" in logs[0]["message"]
    targets = await rows(pool, "SELECT * FROM notification_targets")
    assert "s3cretpassword" not in f"{kept} {logs} {targets} {caplog.text}"


async def _all_there(pool, count, *wanted):
    found = await rows(pool)
    return len(found) == count and all(r["state"] in wanted for r in found)


async def test_nobody_acknowledged_so_the_next_target_is_told_and_the_first_again(
    pool, worker, episodes, clock
):
    with notified.web() as first, notified.web() as second:
        one = await notified.add_target(pool, "first", first.url)
        two = await notified.add_target(pool, "second", second.url)
        await notified.add_route(
            pool, [one], escalate_after=600.0, escalate_to=[two], repeat_every=1800.0
        )
        seen, unseen = await episodes.open("r1", "r2", severity="critical")
        await empty(worker)
        await rows(pool, SEEN, id=seen)
        await worker.router.watch()
        assert await empty(worker) == []
        clock.ahead = timedelta(seconds=601)
        await worker.router.watch()
        await worker.router.watch()
        clock.ahead = timedelta(seconds=1801)
        await worker.router.watch()
        await rows(pool, "UPDATE notification_outbox SET next_try_at = now()")
        await empty(worker)
        assert second.titles == ["Not acknowledged, critical: r2: temperature too high"]
        assert first.titles[1:] == ["Still critical: r2: temperature too high"]
        clock.ahead = timedelta(seconds=2 * 1801)
        await worker.router.watch()
        clock.ahead = timedelta()
        await rows(pool, "UPDATE notification_outbox SET next_try_at = now()")
        await empty(worker)
        # Whoever was told since is told again too, once each.
        assert len(first.got) == 3 and len(second.got) == 2
        await episodes.resolve(unseen)
        await empty(worker)
        # Also who was only told because nobody acknowledged hears the end.
        assert first.titles[-1].startswith("Resolved") and second.titles[-1].startswith("Resolved")


async def test_a_raise_asks_again_whoever_acknowledged_the_warning(pool, worker, episodes, clock):
    with notified.web() as first, notified.web() as second:
        one = await notified.add_target(pool, "first", first.url)
        two = await notified.add_target(pool, "second", second.url)
        await notified.add_route(pool, [one], escalate_after=600.0, escalate_to=[two])
        (alert,) = await episodes.open("r1")
        await empty(worker)
        async with store.transaction(pool) as conn:
            await people.acknowledge_many(conn, [alert], "ann", "on it")
        clock.ahead = timedelta(seconds=601)
        await worker.router.watch()
        await empty(worker)
        assert second.titles == []
        clock.ahead = timedelta()
        await episodes.raise_(alert)
        await empty(worker)
        clock.ahead = timedelta(seconds=601)
        await worker.router.watch()
        await rows(pool, "UPDATE notification_outbox SET next_try_at = now()")
        await empty(worker)
        assert second.titles == ["Not acknowledged, critical: r1: temperature too high"]
        # Acknowledged as critical, it may come and go between the two.
        async with store.transaction(pool) as conn:
            await people.acknowledge_many(conn, [alert], "ann", "coming")
        await episodes.raise_(alert)
        (row,) = await rows(pool, "SELECT acknowledged, acknowledged_by FROM alerts")
        assert row == {"acknowledged": True, "acknowledged_by": "ann"}


async def test_each_route_escalates_by_its_own_time_and_past_a_target_that_is_off(
    pool, worker, episodes, clock
):
    with notified.web() as near, notified.web() as far:
        off = await notified.add_target(pool, "off", near.url, enabled=False)
        one = await notified.add_target(pool, "near", near.url)
        two = await notified.add_target(pool, "far", far.url)
        late = {"escalate_to": [two], "repeat_every": 60.0, "escalate_after": 1200.0}
        await notified.add_route(
            pool, [off], "a", go_on=True, escalate_after=600.0, escalate_to=[one]
        )
        await notified.add_route(pool, [off, one], "b", position=2, **late)
        await episodes.open("r1", severity="critical")
        await empty(worker)
        for seconds in (601, 1201):
            clock.ahead = timedelta(seconds=seconds)
            await worker.router.watch()
        await rows(pool, "UPDATE notification_outbox SET next_try_at = now()")
        await empty(worker)
        assert far.titles == ["Not acknowledged, critical: r1: temperature too high"]
        assert "Not acknowledged, critical: r1: temperature too high" in near.titles
        again = [r["target_name"] for r in await rows(pool) if r["occasion"] == "repeated"]
        assert "off" not in again


async def test_the_end_follows_what_was_told_also_when_its_route_is_gone(
    pool, worker, episodes, web
):
    told = await notified.add_target(pool, "told", web.url)
    never = await notified.add_target(pool, "never", "json://127.0.0.1:1/")
    route = await notified.add_route(pool, [told, never])
    (alert,) = await episodes.open("r1")
    await empty(worker)
    await rows(
        pool,
        "UPDATE notification_outbox SET state = 'queued', next_try_at = now()"
        " WHERE state <> 'delivered'",
    )
    await rows(pool, "DELETE FROM notification_routes WHERE id = %(id)s", id=route)
    await episodes.resolve(alert)
    await worker.router.route()
    await rows(
        pool,
        "UPDATE notification_outbox SET state = 'given up', finished_at = now()"
        " WHERE occasion = 'opened' AND state <> 'delivered'",
    )
    await worker.router.watch()
    await empty(worker)
    assert web.titles[1:] == ["Resolved: r1: temperature too high"]
    ends = {r["target_name"]: r for r in await rows(pool) if r["occasion"] == "resolved"}
    assert ends["never"]["reason"] == "its beginning was given up"
    # By hand after all: it says that it is history.
    await rows(
        pool,
        "UPDATE notification_targets SET sealed = %(to)s, failing_since = NULL"
        " WHERE name = 'never'",
        to=sealing.seal(notified.KEY, web.url),
    )
    async with store.transaction(pool) as conn:
        beginning = [r["id"] for r in await rows(pool) if r["state"] == "given up"]
        assert await outbox.retry(conn, beginning) == beginning
    await empty(worker)
    assert web.titles[-1] == "Warning, over by now: r1: temperature too high"
    assert "(recovered)" in web.got[-1]["message"]


async def test_a_template_that_makes_no_text_of_it_stops_nobody(pool, worker, episodes, web):
    odd = "a{{ '\\x00' }}b{{ '\\ud800' }}"
    target = await notified.add_target(pool, "ops", web.url, title_template=odd, body_template=odd)
    await notified.add_route(pool, [target])
    await episodes.open("r1")
    await empty(worker)
    assert web.titles == ["ab?"]


async def test_quiet_hours_hold_back_what_is_not_critical(pool, worker, episodes, web, clock):
    quiet = {"start": "00:00:00", "end": "00:00:00", "zone": "UTC", "weekdays": []}
    target = await notified.add_target(pool, "ops", web.url)
    await notified.add_route(pool, [target], quiet_hours=quiet)
    waits, over, worse = await episodes.open("r1", "r2", "r3")
    assert await empty(worker) == []
    await episodes.resolve(over)
    await episodes.raise_(worse)
    await empty(worker)
    assert web.titles == ["Critical: r3: temperature too high"]
    found = {(r["alert_id"], r["occasion"]): r for r in await rows(pool)}
    assert found[over, "opened"]["reason"] == "over before quiet hours ended"
    assert found[worse, "opened"]["reason"] == "told of what came after it"
    assert (over, "resolved") not in found
    held = found[waits, "opened"]
    assert held["held"] and held["due_at"].hour == 0
    await rows(pool, "UPDATE notification_outbox SET next_try_at = now() WHERE held")
    await empty(worker)
    assert web.titles[1:] == ["Warning: r1: temperature too high"]


async def test_routes_by_severity_and_robot_and_a_target_that_is_off(pool, worker, episodes):
    with notified.web() as lab, notified.web() as rest:
        labs = await notified.add_target(pool, "lab", lab.url)
        others = await notified.add_target(pool, "rest", rest.url)
        off = await notified.add_target(pool, "off", rest.url, enabled=False)
        await notified.add_route(pool, [labs], "lab", robots=["lab-*"], severities=["critical"])
        await notified.add_route(pool, [others, off], "rest", position=2, send_resolved=False)
        ids = await episodes.open("lab-1", severity="critical")
        ids += await episodes.open("lab-2", "hall-1")
        await empty(worker)
        await episodes.resolve(*ids)
        await empty(worker)
        assert [t.split(":")[0] for t in lab.titles] == ["Critical", "Resolved"]
        assert rest.titles == ["Warning: 2 robots: CPU temperature too high"]
        reasons = {r["reason"] for r in await rows(pool) if r["target_name"] == "off"}
        assert reasons == {"target is off"}


async def test_a_template_that_fails_tells_in_the_shipped_words(pool, worker, episodes, web):
    target = await notified.add_target(
        pool, "ops", web.url, title_template="{{ first.robot_id }}!", body_template="{{ 1 / 0 }}"
    )
    await notified.add_route(pool, [target])
    await episodes.open("r1")
    await empty(worker)
    assert web.titles == ["Warning: r1: temperature too high"]
    assert "template of this target failed" in web.got[0]["message"]


async def test_postgresql_cuts_everybody_off_and_all_arrives(noted, pool, episodes, web):
    target = await notified.add_target(pool, "ops", web.url)
    await notified.add_route(pool, [target])
    async with notified.working(noted, pool):
        await episodes.open("r1")
        await notified.until(lambda: len(web.got) == 1)
        await _cut_all(noted)
        await notified.until(lambda: _opens(episodes, "r2"))
        await notified.until(lambda: len(web.got) == 2, 30)


async def _cut_all(noted):
    import psycopg

    with psycopg.connect(noted.postgres.dsn, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def _opens(episodes, robot):
    try:
        return await episodes.open(robot)
    except store.StoreUnavailable:
        return None
