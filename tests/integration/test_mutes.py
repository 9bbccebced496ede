"""Mutes: nobody is told meanwhile, nothing is forgotten after."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue.cli import mutes
from glue.core.flapping import FlapRule
from glue.notify.router import Router
from tests import notified
from tests.api import Api, is_problem
from tests.command import command


class Clock:
    """Time that the test turns forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def router(api: Api, clock: Clock) -> Router:
    return Router(api.pool, clock)


@pytest.fixture
def episodes(api: Api) -> notified.Episodes:
    return notified.Episodes(api.pool)


@pytest.fixture
async def ops(api: Api) -> int:
    """A target that is told everything, and robots that mutes can name."""
    await api.rows("INSERT INTO robots (robot_id) VALUES ('r0'), ('r1'), ('r2')")
    target = await notified.add_target(api.pool, "ops", "json://127.0.0.1:9/hook")
    await notified.add_route(api.pool, [target])
    return target


def later(**given: float) -> str:
    return (datetime.now(UTC) + timedelta(**given)).isoformat().replace("+00:00", "Z")


async def queued(api: Api) -> list[tuple[str, str]]:
    """What is told, and why what is not told is not: (occasion, state or reason), in order."""
    rows = await api.rows("SELECT * FROM notification_outbox ORDER BY id")
    return [(r["occasion"], r["reason"] or r["state"]) for r in rows]


async def story(api: Api, alert: int) -> list[tuple[str, str | None, str | None]]:
    timeline = (await api.get("viewer", f"/alerts/{alert}")).json()["timeline"]
    timeline.sort(key=lambda one: one["id"])  # the test turns the clock
    return [(one["kind"], one["actor"], one["note"]) for one in timeline]


async def look(router: Router) -> None:
    await router.route()
    await router.watch()
    await router.route()


async def test_a_muted_alert_is_told_when_the_mute_ends_and_it_became_worse(
    api: Api, router: Router, episodes: notified.Episodes, ops: int, clock: Clock
) -> None:
    (alert,) = await episodes.open("r1")
    await look(router)
    until = later(hours=2)
    answer = await api.post("operator", f"/alerts/{alert}/mute", {"until": until, "comment": "oil"})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["muted_by"], said["muted_until"]) == ("operator", until)
    assert said["quiet_reason"] == "muted by operator"
    await episodes.raise_(alert)
    await look(router)
    # It was not tried yet: nobody needs it any more.
    assert await queued(api) == [("opened", "muted by operator"), ("raised", "muted by operator")]
    clock.ahead = timedelta(hours=3)
    await look(router)
    assert (await queued(api))[2:] == [("opened", "queued")]
    await look(router)
    assert len(await queued(api)) == 3
    await episodes.resolve(alert)
    await look(router)
    assert (await queued(api))[3:] == [("resolved", "queued")]
    told = await story(api, alert)
    assert [kind for kind, _, _ in told] == ["opened", "muted", "raised", "unmuted", "resolved"]
    assert told[1][1:] == ("operator", f"until {until[:19]}Z: oil")
    (line,) = await api.logs("api")
    assert line["message"] == f"operator muted alert {alert}"


async def test_who_heard_of_it_is_not_told_again_and_hears_of_the_end(
    api: Api, router: Router, episodes: notified.Episodes, ops: int
) -> None:
    (alert,) = await episodes.open("r1")
    await look(router)
    await api.rows("UPDATE notification_outbox SET state = 'delivered'")
    await api.post("operator", f"/alerts/{alert}/mute")
    await look(router)
    answer = await api.delete("operator", f"/alerts/{alert}/mute")
    assert answer.json()["quiet_reason"] is None
    await look(router)
    assert await queued(api) == [("opened", "delivered")]
    assert is_problem(await api.delete("operator", f"/alerts/{alert}/mute"), 409)
    await api.post("operator", f"/alerts/{alert}/mute")
    await look(router)
    await episodes.resolve(alert)
    await look(router)
    assert await queued(api) == [("opened", "delivered"), ("resolved", "queued")]
    assert is_problem(await api.post("operator", f"/alerts/{alert}/mute"), 409)
    assert is_problem(await api.post("operator", "/alerts/99/mute"), 404)


async def test_what_opened_and_ended_while_it_was_muted_is_told_to_nobody(
    api: Api, router: Router, episodes: notified.Episodes, ops: int
) -> None:
    await api.post("operator", "/mutes", {"robots": ["r*"]})
    (alert,) = await episodes.open("r1")
    await look(router)
    await episodes.resolve(alert)
    await look(router)
    (other,) = await episodes.open("r2")
    await episodes.resolve(other)  # before anybody looked
    await look(router)
    assert [reason for _, reason in await queued(api)] == ["mute 1 by operator"] * 2
    await api.delete("operator", "/mutes/1")
    await look(router)
    assert len(await queued(api)) == 2


async def test_a_critical_alert_is_not_repeated_while_it_is_muted(
    api: Api, router: Router, episodes: notified.Episodes, clock: Clock
) -> None:
    target = await notified.add_target(api.pool, "ops", "json://127.0.0.1:9/hook")
    await notified.add_route(api.pool, [target], repeat_every=60.0)
    (alert,) = await episodes.open("r1", severity="critical")
    await look(router)
    await api.rows("UPDATE notification_outbox SET state = 'delivered'")
    await api.post("operator", f"/alerts/{alert}/mute")
    clock.ahead = timedelta(minutes=5)
    await look(router)
    assert await queued(api) == [("opened", "delivered")]
    await api.delete("operator", f"/alerts/{alert}/mute")
    await look(router)
    assert await queued(api) == [("opened", "delivered"), ("repeated", "queued")]


async def test_a_standing_mute_names_robots_groups_metrics_and_types(
    api: Api, router: Router, episodes: notified.Episodes, ops: int
) -> None:
    await api.rows("INSERT INTO robots (robot_id, groups) VALUES ('g1', '{hall-2}'), ('g2', '{}')")
    body = {"groups": ["hall-*"], "metrics": ["temp*"], "comment": "new floor"}
    answer = await api.post("operator", "/mutes", body)
    assert answer.status_code == 201
    mute = answer.json()
    assert answer.headers["location"] == f"/api/v1/mutes/{mute['id']}"
    alerts = await episodes.open("g1", "g2")
    alerts += await episodes.open("", metric="events", severity="critical")
    await look(router)
    reason = f"mute {mute['id']} by operator: new floor"
    assert sorted(await queued(api)) == [("opened", reason), *[("opened", "queued")] * 2]
    assert (await story(api, alerts[0]))[1:] == [("muted", "operator", reason)]
    listed = (await api.get("viewer", "/alerts", quiet=True)).json()["items"]
    assert [one["id"] for one in listed] == alerts[:1]

    tag = {"if-match": (await api.get("viewer", f"/mutes/{mute['id']}")).headers["etag"]}
    changed = {**body, "metrics": ["cpu"], "until": later(hours=1)}
    path = f"/api/v1/mutes/{mute['id']}"
    answer = await api.call("operator", "PUT", path, json=changed, headers=tag)
    assert answer.status_code == 200, answer.text
    assert is_problem(await api.call("operator", "PUT", path, json=changed, headers=tag), 412)
    assert is_problem(await api.call("operator", "DELETE", path, headers=tag), 412)
    await look(router)
    assert (await story(api, alerts[0]))[2:] == [("unmuted", None, f"over: {reason}")]
    assert (await queued(api))[3:] == [("opened", "queued")]
    assert (await api.delete("operator", f"/mutes/{mute['id']}")).status_code == 204
    assert (await api.get("viewer", "/mutes")).json() == []
    assert is_problem(await api.get("viewer", f"/mutes/{mute['id']}"), 404)


@pytest.mark.parametrize(
    "body", [{}, {"robots": []}, {"robots": ["é"]}, {"types": ["*"], "until": "2001-01-01T00:00Z"}]
)
async def test_a_mute_of_nothing_or_of_the_past_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert is_problem(await api.post("operator", "/mutes", body), 422)


async def test_a_mute_of_its_own_and_a_standing_one_hand_over_to_each_other(
    api: Api, router: Router, episodes: notified.Episodes, ops: int
) -> None:
    await api.post("operator", "/mutes", {"robots": ["r1"]})
    (alert,) = await episodes.open("r1")
    await look(router)
    await api.post("admin", f"/alerts/{alert}/mute")
    await api.delete("operator", "/mutes/1")
    await look(router)
    await api.post("operator", "/mutes", {"robots": ["r1"]})
    await api.delete("admin", f"/alerts/{alert}/mute")
    await look(router)
    told = [reason for _, reason in await queued(api)]
    assert told == ["mute 1 by operator", "mute 2 by operator"]
    await api.delete("operator", "/mutes/2")
    await look(router)
    assert (await queued(api))[2:] == [("opened", "queued")]


RANK = {"warning": 1, "critical": 2}


@pytest.mark.parametrize("flaps", [0, 2])
@pytest.mark.parametrize("seed", range(3))
async def test_however_it_interleaves_nobody_is_told_of_the_quiet_and_all_hear_in_the_end(
    api: Api, clock: Clock, episodes: notified.Episodes, ops: int, seed: int, flaps: int
) -> None:
    """A random walk; what PostgreSQL holds is compared with a model of what people must know. With
    ``flaps`` so many openings are flapping: then there is more that they are not told."""
    dice = random.Random(seed)
    rule = FlapRule(flaps, timedelta(hours=1))
    router = Router(api.pool, clock, 0, lambda _: rule)
    there: dict[int, str] = {}
    standing: list[int] = []
    names = [f"r{n}" for n in range(3)]
    free = set(names)
    robots: dict[int, str] = {}
    for _ in range(70):
        step = dice.choice(
            ["open", "raise", "end", "mute", "unmute", "stand", "lift", "look", "open", "end"]
        )
        some = dice.choice(sorted(there)) if there else None
        match step:
            case "open" if free:
                name = free.pop()
                (made,) = await episodes.open(name)
                there[made], robots[made] = "warning", name
            case "raise" if some and there[some] == "warning":
                await episodes.raise_(some)
                there[some] = "critical"
            case "end" if some:
                await episodes.resolve(some)
                free.add(robots[some])
                del there[some]
            case "mute" if some:
                await api.post("operator", f"/alerts/{some}/mute")
            case "unmute" if some:
                await api.delete("operator", f"/alerts/{some}/mute")
            case "stand":
                made = await api.post("operator", "/mutes", {"robots": [dice.choice(names)]})
                standing.append(made.json()["id"])
            case "lift" if standing:
                await api.delete("operator", f"/mutes/{standing.pop()}")
            case "look":
                await look(router)
                await api.rows(
                    "UPDATE notification_outbox SET state = 'delivered', batch = id"
                    " WHERE state = 'queued'"
                )
                muted = await api.rows(
                    "SELECT id, robot_id, muted_by, quiet_reason FROM alerts WHERE NOT resolved"
                )
                named = {r for m in (await api.get("viewer", "/mutes")).json() for r in m["robots"]}
                for row in muted:
                    should = row["muted_by"] is not None or row["robot_id"] in named
                    found = row["quiet_reason"] not in (None, "flapping")
                    assert found == should, row
    for mute in standing:
        await api.delete("operator", f"/mutes/{mute}")
    for one in there:
        await api.delete("operator", f"/alerts/{one}/mute")
    await look(router)
    clock.ahead = timedelta(hours=1)
    await look(router)
    await look(router)
    known: dict[int, int] = {}
    over: set[int] = set()
    rows = await api.rows(
        "SELECT o.alert_id, o.occasion, t.severity FROM notification_outbox o"
        " JOIN alert_timeline t ON t.id = o.transition_id WHERE o.state <> 'suppressed'"
        " ORDER BY o.id"
    )
    for row in rows:
        alert = row["alert_id"]
        assert alert not in over, "nothing comes after the end"
        if row["occasion"] == "resolved":
            assert alert in known, "an end of what nobody heard of"
            over.add(alert)
        else:
            rank = RANK[row["severity"]]
            assert known.get(alert, 0) < rank, "told twice"
            known[alert] = rank
    flapped = await api.rows("SELECT * FROM alert_flaps")
    assert bool(flapped) == bool(flaps) and all(row["ended_at"] for row in flapped)
    assert {i: RANK[s] for i, s in there.items()} == {
        i: rank for i, rank in known.items() if i not in over
    }


async def test_the_command_does_the_same(
    api: Api, episodes: notified.Episodes, monkeypatch: Any, tmp_path: Any
) -> None:
    tonypi = command(mutes, api.settings.postgres.dsn, monkeypatch, tmp_path)
    (alert,) = await episodes.open("r1")
    assert "nothing is muted" in tonypi("mutes", "list")[1]
    assert "would mute" in tonypi("mutes", "add", "--robot", "lab-*", "--dry-run")[1]
    code, said = tonypi("mutes", "add", "--robot", "lab-*", "--until", "2h", "--comment", "oil")
    assert code == 0, said
    said = tonypi("mutes", "alert", str(alert))[1]
    assert said == f"alert {alert} is muted until it is over\n"
    listed = json.loads(tonypi("mutes", "list", "--json")[1])
    assert [one["robots"] for one in listed["mutes"]] == [["lab-*"]]
    assert [one["id"] for one in listed["alerts"]] == [alert]
    assert "by tonypi mutes: oil" in tonypi("mutes", "list")[1]
    assert [tonypi("mutes", "alert", str(alert), "--off")[0] for _ in range(2)] == [0, 1]
    assert [tonypi("mutes", "remove", "1")[0] for _ in range(2)] == [0, 1]
    assert tonypi("mutes", "add")[0] == 1
    for wrong in ("soon", "2001-01-01T00:00Z", "yesterday"):
        assert tonypi("mutes", "add", "--robot", "*", "--until", wrong)[0] == 2
