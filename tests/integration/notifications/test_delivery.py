"""Transitions reach real receivers, once: an HTTP server and a mail server of the test."""

from __future__ import annotations

from datetime import timedelta

from glue import store
from glue.notify.worker import Worker
from glue.stack.probe import free_port
from tests import notified
from tests.integration.notifications.outbox import ALL, empty, rows, states


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


async def test_a_template_that_makes_no_text_of_it_stops_nobody(pool, worker, episodes, web):
    odd = "a{{ '\\x00' }}b{{ '\\ud800' }}"
    target = await notified.add_target(pool, "ops", web.url, title_template=odd, body_template=odd)
    await notified.add_route(pool, [target])
    await episodes.open("r1")
    await empty(worker)
    assert web.titles == ["a\ufffdb\ufffd"]


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
