"""Flapping alerts: told once, held together, one end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue import store
from glue.core import messages
from glue.core.flapping import FlapRule
from glue.notify.router import Router
from glue.store import outbox
from tests import notified
from tests.api import Api

WITHIN = timedelta(minutes=10)


class Flapping:
    """``await it.opens()``: a warning of r1, with all that is told of it so far in ``told``."""

    def __init__(self, api: Api, target: int) -> None:
        self.api, self.target = api, target
        self.ahead = timedelta()
        self.episodes = notified.Episodes(api.pool)
        rule = FlapRule(3, WITHIN)
        self.router = Router(api.pool, lambda: datetime.now(UTC) + self.ahead, 0, lambda _: rule)

    async def look(self) -> None:
        for _ in range(2):
            await self.router.route()
            await self.router.watch()

    async def opens(self, severity: str = "warning") -> int:
        (alert,) = await self.episodes.open("r1", severity=severity)
        await self.look()
        return alert

    async def ends(self, alert: int) -> None:
        await self.episodes.resolve(alert)
        await self.look()

    async def begins(self) -> int:
        """Two that are told as ever, and the third that makes it a flap."""
        for _ in range(2):
            await self.ends(await self.opens())
        return await self.opens()

    async def told(self) -> list[tuple[str, int]]:
        rows = await self.api.rows(
            "SELECT occasion, alert_id FROM notification_outbox WHERE state <> 'suppressed'"
            " ORDER BY id"
        )
        return [(row["occasion"], row["alert_id"]) for row in rows]

    async def alert(self, alert: int) -> Any:
        return (await self.api.get("viewer", f"/alerts/{alert}")).json()


@pytest.fixture
async def it(api: Api) -> Flapping:
    target = await notified.add_target(api.pool, "ops", "json://127.0.0.1:9/hook")
    await notified.add_route(api.pool, [target])
    return Flapping(api, target)


ORDINARY = [(occasion, alert) for alert in (1, 2) for occasion in ("opened", "resolved")]


async def test_it_is_told_once_held_together_and_has_one_end(api: Api, it: Flapping) -> None:
    third = await it.begins()
    for _ in range(4):
        await it.ends(third)
        third = await it.opens()
    await it.ends(third)
    assert await it.told() == [*ORDINARY, ("opened", 3)]
    for one in (3, 4, 7):
        said = await it.alert(one)
        assert said["flapping"] and [e["kind"] for e in said["timeline"]].count("flapping") == 1
    flap = (await it.alert(3))["flap_id"]
    together = (await api.get("viewer", "/alerts", flap_id=flap)).json()["items"]
    assert sorted(one["id"] for one in together) == [3, 4, 5, 6, 7]
    it.ahead = WITHIN / 2
    await it.look()
    assert await it.told() == [*ORDINARY, ("opened", 3), ("resolved", 3)]
    assert not (await it.alert(7))["flapping"]
    # A day later it is an alert as any other.
    it.ahead = timedelta(days=1)
    await api.rows("UPDATE alerts SET starts_at = starts_at - interval '1 day'")
    await it.ends(await it.opens())
    assert (await it.told())[6:] == [("opened", 8), ("resolved", 8)]


async def test_the_message_says_so(api: Api, it: Flapping) -> None:
    await it.ends(await it.begins())
    it.ahead = WITHIN
    await it.look()
    (row,) = await api.rows(
        "SELECT max(id) AS resolved, min(id) AS opened FROM notification_outbox"
        " WHERE alert_id = 3 AND state <> 'suppressed'"
    )
    async with store.transaction(api.pool) as conn:
        begun = await outbox.happened(conn, [row["opened"]])
        over = await outbox.happened(conn, [row["resolved"]])
    places = messages.Places("", "UTC", "")
    message = messages.compose(begun, places)
    assert message.title == "Flapping, warning, over by now: r1: temperature too high"
    assert "opened 3 times" in message.body
    message = messages.compose(over, places)
    assert message.title == "Resolved: r1: temperature too high"
    assert "(flaps no more)" in message.body


async def test_one_that_stays_open_settles_into_an_alert_as_any_other(
    api: Api, it: Flapping
) -> None:
    await it.ends(await it.begins())
    fourth = await it.opens()
    assert (await it.alert(fourth))["quiet_reason"] == "flapping"
    it.ahead = WITHIN / 2
    await it.look()
    assert sorted((await it.told())[5:]) == [("opened", 4), ("resolved", 3)]
    assert (await it.alert(fourth))["quiet_reason"] is None
    await it.ends(fourth)
    assert (await it.told())[7:] == [("resolved", 4)]


async def test_the_third_itself_may_stay_open(it: Flapping) -> None:
    third = await it.begins()
    it.ahead = WITHIN / 2
    await it.look()
    assert (await it.told())[4:] == [("opened", 3)]
    await it.ends(third)
    assert (await it.told())[5:] == [("resolved", 3)]


async def test_what_becomes_worse_is_told_nevertheless_and_has_its_end(it: Flapping) -> None:
    await it.ends(await it.begins())
    fourth = await it.opens()
    await it.episodes.raise_(fourth)
    await it.look()
    assert (await it.told())[5:] == [("raised", 4)]
    await it.ends(fourth)
    await it.ends(await it.opens("critical"))
    assert (await it.told())[6:] == []
    it.ahead = WITHIN / 2
    await it.look()
    assert sorted((await it.told())[6:]) == [("resolved", 3), ("resolved", 4)]


async def test_other_robots_and_metrics_are_told_as_ever(it: Flapping) -> None:
    await it.begins()
    await it.episodes.open("r2")
    await it.episodes.open("r1", metric="cpu")
    await it.look()
    assert (await it.told())[5:] == [("opened", 4), ("opened", 5)]


async def test_of_a_muted_one_nobody_hears_that_it_flaps_nor_that_it_settled(
    api: Api, it: Flapping
) -> None:
    await api.post("operator", "/robots", {"robot_id": "r1"})
    await api.post("operator", "/mutes", {"robots": ["r1"]})
    await it.ends(await it.begins())
    fourth = await it.opens()
    it.ahead = WITHIN / 2
    await it.look()
    assert await it.told() == []
    await api.delete("operator", "/mutes/1")
    await it.look()
    assert await it.told() == [("opened", fourth)]
