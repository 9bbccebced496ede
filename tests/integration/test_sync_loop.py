"""The glue keeps Grafana in step by itself: real processes, nobody calls apply."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from glue.changes import Changes
from glue.stack import probe
from glue.store import lock
from glue.sync.report import HEARTBEAT
from tests.alert_stack import running_glue
from tests.sync import Synced

PERIOD = 1.0
PEOPLE = 9


@pytest.fixture
def glue(synced: Synced, ground: Any, mosquitto: Any) -> Iterator[Synced]:
    """The glue, which looks every second."""
    with running_glue(ground, own(ground, synced), "glue-sync"):
        yield synced


def own(ground: Any, synced: Synced, **environ: Any) -> Any:
    """Settings of a glue of its own, whose Grafana is behind the proxy."""
    settings = ground.settings(
        PGDATABASE=synced.settings.postgres.database,
        GRAFANA_URL=synced.proxy.url,
        GLUE_PORT=probe.free_port(),
        GRAFANA_SYNC_INTERVAL=PERIOD,
        MQTT_GLUE_CLIENT_ID=f"glue-{probe.free_port()}",
        **environ,
    )
    return settings


def await_so(is_so: Callable[[], Any], within: float = 30.0) -> Any:
    until = time.monotonic() + within
    while not (found := is_so()):
        assert time.monotonic() < until, f"not so within {within} s"
        time.sleep(0.1)
    return found


def test_what_is_changed_by_hand_is_set_back_by_itself(glue: Synced) -> None:
    glue.add_user("kay", "viewer")
    await_so(lambda: glue.roles().get("kay") == "Viewer" and "kay" in glue.team("TonyPi viewers"))
    number = glue.user_id("kay")
    (team,) = glue.get("/teams/search", name="TonyPi viewers")["teams"]
    before = glue.get("/folders/robots/permissions")
    glue.send("PATCH", f"/orgs/1/users/{number}", {"role": "Admin"})
    glue.send("DELETE", f"/teams/{team['id']}/members/{number}")
    open_to_all = {"items": [{"role": "Viewer", "permission": 2}]}
    glue.send("POST", "/folders/robots/permissions", open_to_all)
    await_so(lambda: glue.roles()["kay"] == "Viewer")
    await_so(lambda: "kay" in glue.team("TonyPi viewers"))
    await_so(lambda: rights(glue) == sorted(map(right, before)))


def rights(glue: Synced) -> list[tuple[str, str]]:
    return sorted(map(right, glue.get("/folders/robots/permissions")))


def right(row: dict[str, Any]) -> tuple[str, str]:
    return row.get("role") or row.get("team") or row["userLogin"], row["permissionName"]


def test_a_rules_folder_that_is_deleted_twice_is_healed_twice(glue: Synced) -> None:
    def rules() -> dict[str, str]:
        found = glue.get("/v1/provisioning/alert-rules")
        return {rule["uid"]: rule["folderUID"] for rule in found if rule["provenance"] == "file"}

    there = await_so(rules)
    for _ in range(2):
        for uid in set(rules().values()):
            glue.send("DELETE", f"/folders/{uid}?forceDeleteRules=true")
        await_so(lambda: rules().keys() == there.keys())


async def test_a_reload_that_got_no_answer_is_done_again_at_once(synced: Synced) -> None:
    points = synced.checkout / "provisioning" / "alerting" / "contact_points.yml"
    text = points.read_text()
    reload = ("POST", "/api/admin/provisioning/alerting/reload")
    fault = synced.proxy.break_next("refuse", lambda *asked: asked == reload, times=2, status=503)

    def most() -> str:
        found = synced.get("/v1/provisioning/contact-points")
        return next(str(one["settings"]["maxAlerts"]) for one in found if one["name"] == "glue")

    try:
        async with looping(synced):
            points.write_text(text.replace('maxAlerts: "2000"', 'maxAlerts: "1998"'))
            await asyncio.to_thread(await_so, lambda: most() == "1998")
        assert fault.times == 0
    finally:
        points.write_text(text)
        synced.send("POST", "/admin/provisioning/alerting/reload")


async def test_who_finds_another_one_writing_comes_back_soon(synced: Synced) -> None:
    async with looping(synced, period=60.0):
        async with writing(synced):
            synced.add_user("lee", "viewer")
            await asyncio.sleep(1.0)
            assert "lee" not in synced.roles()
        await asyncio.to_thread(await_so, lambda: "lee" in synced.roles(), 5)


@asynccontextmanager
async def writing(synced: Synced) -> AsyncIterator[None]:
    """We are the one who may write to Grafana."""
    while True:
        async with lock.only_one(synced.settings.postgres.dsn, HEARTBEAT) as held:
            if held is not None:
                yield
                return
        await asyncio.sleep(0.1)


@asynccontextmanager
async def looping(synced: Synced, period: float = PERIOD) -> AsyncIterator[None]:
    """The reconciler's loop with the files of ``synced``."""
    grafana = synced.settings.grafana.model_copy(update={"sync_interval": period})
    often = Synced(
        synced.settings.model_copy(update={"grafana": grafana}),
        *(synced.proxy, synced.direct, synced.checkout),
    )
    changes = Changes(synced.settings.postgres.dsn)
    async with often.reconciler() as reconciler:
        tasks = [
            asyncio.create_task(changes.run()),
            asyncio.create_task(reconciler.run(changes)),
        ]
        try:
            while not changes.connected:
                await asyncio.sleep(0.02)
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def writer(synced: Synced, ground: Any, names: tuple[str, ...]) -> str:
    """Which of the processes has the lock now."""
    with psycopg.connect(synced.settings.postgres.dsn) as conn:
        found = conn.execute(
            "SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()"
        ).fetchall()
    ports = {f"{port:04X}" for (port,) in found}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].rpartition(":")[2] in ports}
    for name in names:
        files = Path(f"/proc/{ground.running[name][1].pid}/fd").iterdir()
        if sockets & {os.readlink(one) for one in files}:
            return name
    raise AssertionError(f"nobody has the lock: {found}")


def test_of_two_glues_one_is_killed_in_the_middle_and_nothing_is_there_twice(
    synced: Synced, ground, mosquitto
) -> None:
    names = {f"pair{n}" for n in range(PEOPLE)}
    turn = iter(range(10_000))
    killed: list[str] = []

    def kill(method: str, path: str) -> bool:
        if method not in ("GET", "HEAD") and next(turn) == 4 and not killed:
            killed.append(writer(synced, ground, ("glue-one", "glue-two")))
            ground.running[killed[0]][1].kill()
        return False

    with (
        running_glue(ground, own(ground, synced), "glue-one"),
        running_glue(ground, own(ground, synced), "glue-two"),
    ):
        # The glue's own first users come first.
        await_so(lambda: synced.team("TonyPi admins") >= {"admin"})
        time.sleep(2 * PERIOD)
        synced.proxy.forget()
        synced.proxy.break_next("refuse", kill)
        for n, name in enumerate(sorted(names)):
            synced.add_user(name, ("viewer", "operator", "admin")[n % 3])
        await_so(lambda: names <= synced.roles().keys(), within=60)
        await_so(lambda: synced.team("TonyPi admins") >= {"pair2", "pair5", "pair8"})
        assert killed
        time.sleep(2 * PERIOD)
        made = [path for _, path in synced.proxy.writes if path == "/api/admin/users"]
        # The one whose answer the killed one did not hear is looked for, not asked for again.
        assert len(made) in (PEOPLE, PEOPLE + 1)
        synced.proxy.forget()
        time.sleep(3 * PERIOD)
        assert synced.proxy.seen, "the other one goes on looking"
        assert synced.proxy.writes == []
    people = Counter(one["login"] for one in synced.get("/orgs/1/users"))
    teams = Counter(one["name"] for one in synced.get("/teams/search")["teams"])
    assert {name: people[name] for name in names} == dict.fromkeys(names, 1)
    assert set(teams.values()) == {1}
