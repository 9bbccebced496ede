"""Grafana that fails, hangs, is killed; two that write at once: in the end all is there, once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import pytest

from glue.grafana import GrafanaDenied, GrafanaError, GrafanaUnavailable
from glue.sync.reconciler import Busy, Reconciler
from tests.sync import Synced

PEOPLE = 6


def is_write(method: str, _: str) -> bool:
    return method != "GET"


def crowd(synced: Synced, prefix: str) -> set[str]:
    """Adds people of every role, and changes that become marks."""
    names = {f"{prefix}{n}" for n in range(PEOPLE)}
    for n, name in enumerate(sorted(names)):
        synced.add_user(name, ("viewer", "operator", "admin")[n % 3])
    for n in range(3):
        robot = f"{prefix}-r{n}"
        synced.row("INSERT INTO robots (robot_id) VALUES (%s) ON CONFLICT DO NOTHING", robot)
        synced.row("UPDATE robots SET status = 'maintenance' WHERE robot_id = %s", robot)
    return names


async def keep_trying(reconciler: Reconciler, tries: int = 60) -> None:
    """As the loop does, until in step."""
    for _ in range(tries):
        with contextlib.suppress(GrafanaError, Busy):
            outcome = await reconciler.apply()
            if not outcome.left.drift:
                return
        await asyncio.sleep(0.02)
    pytest.fail(f"not in step after {tries} tries")


def ledger(synced: Synced, prefix: str) -> dict[str, Counter[str]]:
    """What Grafana has of ours, counted by name: nothing may be there twice."""
    people = [one["login"] for one in synced.get("/orgs/1/users")]
    marks = synced.get("/annotations", tags="maintenance", limit=500)
    return {
        "people": Counter(one for one in people if one.startswith(prefix)),
        "teams": Counter(one["name"] for one in synced.get("/teams/search")["teams"]),
        "marks": Counter(one["text"] for one in marks if prefix in one["text"]),
    }


def in_order(synced: Synced, prefix: str, names: set[str]) -> None:
    found = ledger(synced, prefix)
    assert set(found["people"]) == names
    assert len(found["marks"]) == 3
    for kind, counted in found.items():
        assert set(counted.values()) == {1}, (kind, counted)


@pytest.mark.parametrize("status", [500, 409])
async def test_answers_that_are_errors(synced: Synced, status: int) -> None:
    """A third of the writes is refused."""
    prefix = f"e{status}x"
    names = crowd(synced, prefix)
    turn = iter(range(10_000))
    synced.proxy.break_next(
        "refuse", lambda m, p: is_write(m, p) and next(turn) % 3 == 1, times=8, status=status
    )
    async with synced.reconciler() as reconciler:
        await keep_trying(reconciler)
    in_order(synced, prefix, names)


async def test_answers_that_are_lost(synced: Synced) -> None:
    """Grafana wrote it and nobody was told."""
    names = crowd(synced, "lost")
    turn = iter(range(10_000))
    synced.proxy.break_next("lose", lambda m, p: is_write(m, p) and next(turn) % 4 == 1, times=6)
    async with synced.reconciler() as reconciler:
        await keep_trying(reconciler)
    in_order(synced, "lost", names)
    made = [path for method, path in synced.proxy.writes if path == "/api/admin/users"]
    assert len(made) == PEOPLE, "no account was asked for twice"


async def test_a_wrong_password_is_said_and_nothing_is_written(synced: Synced) -> None:
    crowd(synced, "denied")
    synced.proxy.break_next("refuse", lambda *_: True, times=1000, status=401)
    async with synced.reconciler() as reconciler:
        with pytest.raises(GrafanaDenied, match="GF_SECURITY_ADMIN_PASSWORD"):
            await reconciler.apply()
    assert synced.proxy.writes == []


async def test_two_at_once_write_nothing_twice(synced: Synced) -> None:
    names = crowd(synced, "two")
    async with synced.reconciler() as one, synced.reconciler() as other:
        await asyncio.gather(keep_trying(one, 400), keep_trying(other, 400))
    in_order(synced, "two", names)
    posts = Counter(one for one in synced.proxy.writes if one[1].startswith("/api/orgs/1/users/"))
    assert not posts or max(posts.values()) == 1, posts
    made = [path for _, path in synced.proxy.writes if path == "/api/admin/users"]
    assert len(made) == PEOPLE


async def test_grafana_killed_in_the_middle(synced: Synced, ground) -> None:
    names = crowd(synced, "kill")
    part, process = ground.running["grafana-sync"]
    turn = iter(range(10_000))

    def kill(method: str, path: str) -> bool:
        if is_write(method, path) and next(turn) == 4:
            process.kill()
        return False

    fault = synced.proxy.break_next("refuse", kill)
    async with synced.reconciler() as reconciler:
        with pytest.raises(GrafanaUnavailable):
            await reconciler.apply()
        fault.times = 0
        ground.stop("grafana-sync")
        ground.start(part)
        await keep_trying(reconciler)
    in_order(synced, "kill", names)
