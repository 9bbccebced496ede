"""Who is told later: escalation, repetition, quiet hours, and the end."""

from __future__ import annotations

from datetime import timedelta

from glue import store
from glue.alerts import people
from glue.core import sealing
from glue.store import outbox
from tests import notified
from tests.integration.notifications.outbox import empty, rows

SEEN = """UPDATE alerts SET acknowledged = true, acknowledged_at = now(), acknowledged_by = 'ann'
           WHERE id = %(id)s"""


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
