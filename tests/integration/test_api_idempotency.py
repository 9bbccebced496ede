"""Creates that are sent twice."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from glue import store
from glue.store import idempotency
from tests.api import Api, is_problem


async def comment(
    api: Api, alert: int, key: str, text: str = "looking", role: str = "operator"
) -> httpx.Response:
    return await api.call(
        role,
        "POST",
        f"/api/v1/alerts/{alert}/comments",
        json={"comment": text},
        headers={"Idempotency-Key": key},
    )


async def notes(api: Api) -> list[str]:
    rows = await api.rows("SELECT note FROM alert_timeline WHERE kind = 'commented' ORDER BY id")
    return [row["note"] for row in rows]


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


async def test_the_same_again_gives_the_first_answer(api: Api, key: str) -> None:
    alert = await api.add_alert()
    first = await comment(api, alert, key)
    assert first.status_code == 201, first.text
    assert "idempotency-replayed" not in first.headers
    await comment(api, alert, str(uuid.uuid4()), "meanwhile")
    second = await comment(api, alert, key)
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["content-type"] == first.headers["content-type"]
    assert await notes(api) == ["looking", "meanwhile"]


async def test_without_a_key_twice_is_twice(api: Api) -> None:
    alert = await api.add_alert()
    for _ in range(2):
        await api.post("operator", f"/alerts/{alert}/comments", {"comment": "looking"})
    assert await notes(api) == ["looking"] * 2


async def test_another_request_with_the_key_is_refused(api: Api, key: str) -> None:
    one, other = await api.add_alert(), await api.add_alert(metric="cpu")
    assert (await comment(api, one, key)).status_code == 201
    assert is_problem(await comment(api, one, key, "other text"), 422)
    assert is_problem(await comment(api, other, key), 422)
    assert await notes(api) == ["looking"]


async def test_everybody_has_keys_of_their_own(api: Api, key: str) -> None:
    alert = await api.add_alert()
    for role in ("operator", "admin"):
        answer = await comment(api, alert, key, role=role)
        assert answer.status_code == 201
        assert "idempotency-replayed" not in answer.headers
    assert await notes(api) == ["looking"] * 2


async def test_many_at_once_do_it_once(api: Api, key: str) -> None:
    alert = await api.add_alert()
    answers = await asyncio.gather(*(comment(api, alert, key) for _ in range(12)))
    done = [a for a in answers if a.status_code == 201]
    waiting = [a for a in answers if a.status_code == 409]
    assert len(done) + len(waiting) == 12
    assert sum("idempotency-replayed" not in a.headers for a in done) == 1
    assert all(int(a.headers["retry-after"]) > 0 for a in waiting)
    assert await notes(api) == ["looking"]


async def test_while_the_first_is_at_work_others_are_told_to_wait(api: Api, key: str) -> None:
    alert = await api.add_alert()
    async with store.transaction(api.pool) as conn:
        await conn.execute("SELECT FROM alerts WHERE id = %s FOR UPDATE", (alert,))
        first = asyncio.create_task(comment(api, alert, key))
        while not await api.rows("SELECT 1 FROM idempotency_keys"):
            await asyncio.sleep(0.05)
        answer = await comment(api, alert, key)
        assert is_problem(answer, 409)
        assert answer.json()["type"].endswith(":at-work")
        assert answer.headers["retry-after"] == "1"
    assert (await first).status_code == 201
    assert (await comment(api, alert, key)).headers["idempotency-replayed"] == "true"


async def test_what_fails_frees_the_key(api: Api, key: str) -> None:
    assert is_problem(await comment(api, 77, key), 404)
    alert = await api.add_alert(id=77)
    assert is_problem(await comment(api, alert, key, ""), 422)
    assert is_problem(await comment(api, alert, key, role="viewer"), 403)
    assert await api.rows("SELECT * FROM idempotency_keys") == []
    assert (await comment(api, alert, key)).status_code == 201


async def test_a_bug_frees_the_key(api: Api, key: str) -> None:
    alert = await api.add_alert()
    await api.rows("ALTER TABLE alert_timeline RENAME TO away")
    assert is_problem(await comment(api, alert, key), 500)
    await api.rows("ALTER TABLE away RENAME TO alert_timeline")
    assert (await comment(api, alert, key)).status_code == 201


async def test_a_killed_request_does_not_lock_the_key_for_ever(api: Api, key: str) -> None:
    alert = await api.add_alert()
    assert (await comment(api, alert, key)).status_code == 201
    # As a process leaves it that is killed before the answer is kept.
    await api.rows(
        "UPDATE idempotency_keys SET status = NULL, headers = NULL, body = NULL,"
        " created_at = now() - make_interval(secs => %(longest)s - 5)",
        longest=idempotency.LONGEST,
    )
    assert is_problem(await comment(api, alert, key), 409)
    await api.rows("UPDATE idempotency_keys SET created_at = created_at - interval '6 seconds'")
    assert (await comment(api, alert, key)).status_code == 201


async def test_a_day_later_the_key_is_new_and_old_ones_go(api: Api, key: str) -> None:
    alert = await api.add_alert()
    await comment(api, alert, key)
    await comment(api, alert, f"{key}-2")
    await api.rows(
        "UPDATE idempotency_keys SET created_at = created_at - make_interval(secs => %(keep)s)",
        keep=idempotency.KEEP,
    )
    answer = await comment(api, alert, key)
    assert "idempotency-replayed" not in answer.headers
    async with store.transaction(api.pool) as conn:
        assert await idempotency.expire(conn) == 1
    assert [row["key"] for row in await api.rows("SELECT key FROM idempotency_keys")] == [key]


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "\x7f", "ü".encode("latin-1")])
async def test_keys_that_are_none(api: Api, key: Any) -> None:
    answer = await api.call(
        "operator",
        "POST",
        f"/api/v1/alerts/{await api.add_alert()}/comments",
        json={"comment": "x"},
        headers={"Idempotency-Key": key},
    )
    assert is_problem(answer, 422)


async def test_every_create_takes_a_key(api: Api) -> None:
    """201 is what a create answers, so its route must be one that takes a key."""
    document = (await api.client.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        operation = methods.get("post")
        if operation and "201" in operation["responses"]:
            assert operation.get("x-idempotent"), path
            assert "Idempotency-Key" in {p["name"] for p in operation["parameters"]}


async def test_what_is_kept_of_a_request_does_not_tell_its_body(api: Api, key: str) -> None:
    """A body may hold a password, which a plain hash would let somebody try."""
    alert = await api.add_alert()
    first = await comment(api, alert, key)
    (row,) = await api.rows("SELECT fingerprint FROM idempotency_keys")
    told = f"POST\n/api/v1/alerts/{alert}/comments\n\napplication/json\n".encode()
    body = first.request.content
    assert bytes(row["fingerprint"]) not in {
        hashlib.sha256(told + body).digest(),
        hashlib.sha256(body).digest(),
    }
    other = api.settings.glue.model_copy(update={"jwt_secret": SecretStr("another" * 8)})
    api.settings = api.app.state.settings = api.settings.model_copy(update={"glue": other})
    assert is_problem(await comment(api, alert, key), 422)
