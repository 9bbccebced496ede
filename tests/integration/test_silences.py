"""Silences of a real Grafana: what people silence there is quiet here, and the other way round."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue.alerts.silences import Silences
from glue.core.silences import Matcher, Silence
from glue.grafana import Grafana, GrafanaUnavailable
from glue.notify.router import Router
from tests import notified
from tests.api import Api
from tests.sync import Synced

LAB = Matcher("robot_id", "lab-.*", is_regex=True)


@pytest.fixture
async def grafana(synced_grafana: Synced) -> AsyncIterator[Grafana]:
    made = Grafana(synced_grafana.settings.grafana)
    for one in await made.silences():
        await made.expire_silence(one.id)
    yield made
    await made.close()


def silence(*matchers: Matcher, comment: str = "new floor") -> Silence:
    now = datetime.now(UTC)
    ends = now + timedelta(hours=2)
    return Silence("", matchers or (LAB,), now - timedelta(seconds=1), ends, "ben", comment)


async def look(api: Api) -> None:
    router = Router(api.pool, notified.now)
    await router.route()
    await router.watch()
    await router.route()


async def told(api: Api) -> list[Any]:
    rows = await api.rows("SELECT * FROM notification_outbox ORDER BY id")
    return [row["reason"] or row["state"] for row in rows]


def loop(api: Api, grafana: Grafana, *, mirrors: bool = False) -> Silences:
    notify = api.settings.notify.model_copy(update={"mirror_silences": mirrors})
    return Silences(api.settings.model_copy(update={"notify": notify}), api.pool, grafana)


async def test_a_silence_made_in_grafana_holds_here_and_is_seen(api: Api, grafana: Grafana) -> None:
    target = await notified.add_target(api.pool, "ops", "json://127.0.0.1:9/hook")
    await notified.add_route(api.pool, [target])
    made = await grafana.set_silence(silence())
    other = await grafana.set_silence(silence(Matcher("robot_id", "x\x00y"), comment="odd\x00"))
    it = loop(api, grafana)
    await it.look()
    inside, _ = await notified.Episodes(api.pool).open("lab-1", "hall-1")
    await look(api)
    reason = "silenced in Grafana by ben: new floor"
    assert sorted(await told(api)) == ["queued", reason]
    alert = (await api.get("viewer", f"/alerts/{inside}")).json()
    assert alert["quiet_reason"] == reason
    entry = alert["timeline"][1]
    assert (entry["kind"], entry["actor"], entry["origin"]) == ("muted", "ben", "pull")
    listed = {one["id"]: one for one in (await api.get("viewer", "/silences")).json()}
    assert set(listed) == {made, other}
    shown = listed[made]
    assert (shown["id"], shown["alerts"], shown["alert_id"]) == (made, [inside], None)
    assert shown["matchers"][0]["understood"]

    # Ended in Grafana: what was held back is told.
    await grafana.expire_silence(made)
    await grafana.expire_silence(other)
    await it.look()
    await look(api)
    assert (await told(api))[2:] == ["queued"]
    assert (await api.get("viewer", "/silences")).json() == []


async def test_while_grafana_is_away_what_was_seen_holds_until_its_end(
    api: Api, synced_grafana: Synced, grafana: Grafana
) -> None:
    await grafana.set_silence(silence())
    it = loop(api, grafana)
    await it.look()
    gone = Grafana(api.settings.grafana.model_copy(update={"url": "http://127.0.0.1:9"}))
    with pytest.raises(GrafanaUnavailable):
        await loop(api, gone).look()
    await gone.close()
    (alert,) = await notified.Episodes(api.pool).open("lab-1")
    await look(api)
    assert (await api.get("viewer", f"/alerts/{alert}")).json()["quiet_reason"]
    await api.rows("UPDATE grafana_silences SET ends_at = now()")
    await look(api)
    assert (await api.get("viewer", f"/alerts/{alert}")).json()["quiet_reason"] is None


async def test_what_somebody_looks_after_is_silenced_there_only_if_set_and_until_it_is_over(
    api: Api, grafana: Grafana
) -> None:
    theirs = await grafana.set_silence(silence())
    episodes = notified.Episodes(api.pool)
    seen, muted, _ = await episodes.open("r1", "r2", "r3")
    await api.post("operator", f"/alerts/{seen}/acknowledge", {"comment": "on it"})
    await api.post("operator", f"/alerts/{muted}/mute")
    await loop(api, grafana).look()
    assert [one.id for one in await grafana.silences()] == [theirs]

    it = loop(api, grafana, mirrors=True)
    await it.look()
    await it.look()
    ours = {one.alert_id: one for one in await grafana.silences() if one.alert_id}
    assert set(ours) == {seen, muted}
    assert ours[seen].comment.startswith("operator looks after it")
    assert Matcher("robot_id", "r1") in ours[seen].matchers
    shown = {one["alert_id"]: one for one in (await api.get("viewer", "/silences")).json()}
    assert shown[seen]["alerts"] == [seen]
    # It keeps nobody from hearing anything of ours: that is the acknowledgement's to do.
    await look(api)
    assert (await api.get("viewer", f"/alerts/{seen}")).json()["quiet_reason"] is None

    # One that is about to end is renewed, made twice it is one, of an ended alert it is gone.
    soon = datetime.now(UTC) + timedelta(minutes=5)
    await grafana.set_silence(replace(ours[muted], ends_at=soon))
    await grafana.set_silence(replace(ours[muted], id=""))
    await episodes.resolve(seen)
    await it.look()
    await it.look()
    left = [one for one in await grafana.silences() if one.alert_id]
    assert [one.alert_id for one in left] == [muted]
    assert left[0].ends_at > datetime.now(UTC) + timedelta(hours=12)

    # Switched off again.
    await loop(api, grafana).look()
    assert [one.id for one in await grafana.silences()] == [theirs]
