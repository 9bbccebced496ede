"""Series on every InfluxDB: the same answers to the same questions, each account its own right."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from glue.series import Query, SeriesError, admin, deletion
from glue.series.transfer import Transfer
from glue.settings import Influx
from tests import influx as influxes
from tests import series
from tests.conftest import RunningGrafana

NOT_YOURS = (401, 403, 404)


def fresh_bucket(server: Influx) -> Influx:
    """A bucket of its own, with tokens of its own."""
    asked = server.model_copy(update={"bucket": f"b_{uuid.uuid4().hex[:8]}"})
    return with_tokens(asked, admin.prepare(asked))


def with_tokens(influx: Influx, tokens: admin.Tokens) -> Influx:
    given = {"telegraf_token": tokens.telegraf, "grafana_token": tokens.grafana}
    return influx.model_copy(update={n: SecretStr(token) for n, token in given.items()})


def as_grafana(influx: Influx) -> Influx:
    """Settings with which :class:`Query` asks as Grafana does."""
    return influx.model_copy(update={"token": influx.grafana_token})


@pytest.fixture
def bucket(each_influx: Influx) -> Influx:
    return fresh_bucket(each_influx)


@pytest.fixture
def known(bucket: Influx) -> tuple[Influx, datetime]:
    """A bucket with the known series, and when they begin."""
    start = series.begin()
    series.write(bucket, start)
    return bucket, start


async def answers(influx: Influx, start: datetime) -> dict[str, Any]:
    """Every statement of rules and panels to its answer: tags, columns and rows of each series."""
    found = {}
    async with Query(as_grafana(influx)) as query:
        for statement in (*series.of_rules().values(), *series.of_panels()):
            told = await query.query(series.filled(statement, start))
            found[statement] = sorted(
                (s.name, sorted(s.tags.items()), s.columns, s.rows) for s in told
            )
    return found


async def test_rules_read_what_was_written(known: tuple[Influx, datetime]) -> None:
    influx, start = known
    seen: dict[str, dict[str, float]] = {}
    async with Query(as_grafana(influx)) as query:
        for metric, statement in series.of_rules().items():
            told = await query.query(series.filled(statement, start))
            seen[metric] = {s.tags.get("robot_id", ""): s.rows[-1][1] for s in told}
    # r1 charges, so its 36 % are nobody's concern. The worst servo is the newest worst, not the
    # hottest of the window.
    expected = {
        "cpu": {"r1": 64, "r.2": 36},
        "memory": {"r1": 74, "r.2": 46},
        "temperature": {"r1": 77, "r.2": 63},
        "battery": {"r.2": 64, "tonypi_3:a-b": 3},
        "servo_temp": {"r1": 82, "r.2": 26},
        "clock": {"r1": 90, "r.2": 0.5},
        "refused": {"": 15},
        "telegraf": {"": 39},
    }
    assert {m: seen[m] for m in seen if m in expected} == {m: expected[m] for m in seen}


@pytest.mark.skipif(len(influxes.found()) < 2, reason="only one InfluxDB on this machine")
async def test_every_statement_has_the_same_answer_everywhere(influxdbs: influxes.Servers) -> None:
    start, told = series.begin(), {}
    for version in influxes.found():
        with influxdbs.taken(version, "test_series") as server:
            influx = await asyncio.to_thread(fresh_bucket, server)
            series.write(influx, start)
            told[version] = await answers(influx, start)
    first, *others = told
    assert len(told[first]) > 25
    for statement, answer in told[first].items():
        assert answer, f"nothing was asked of anything: {statement}"
        for other in others:
            assert told[other][statement] == answer, f"{first} and {other} differ: {statement}"


async def test_the_generated_administrator_is_understood_by_both(
    each_influx: Influx, tmp_path: Path
) -> None:
    """``user:password``, which InfluxDB 2 knows by its password: where ``.env`` keeps it so."""
    alone = each_influx.token.get_secret_value().rpartition(":")[2]
    login = each_influx.model_copy(update={"token": SecretStr(f"tonypi:{alone}")})
    influx = await asyncio.to_thread(fresh_bucket, login)
    series.write(influx, series.begin())
    with Transfer(influx) as transfer, (tmp_path / "points").open("w+b") as file:
        for measurement in transfer.measurements():
            transfer.export(measurement, file, lambda count: None)
        file.seek(0)
        assert await deletion.forget(influx, "r") == ["r.2", "r1"]
        assert transfer.load(file, lambda batches: None).refused == 0
    assert await deletion.robots_with_series(influx, "") == sorted(series.ROBOTS)


async def test_forgetting_robots_takes_theirs_and_no_others(
    known: tuple[Influx, datetime],
) -> None:
    influx, _ = known
    assert await deletion.robots_with_series(influx, "") == sorted(series.ROBOTS)
    assert await deletion.forget(influx, "r.") == ["r.2"]
    assert await deletion.robots_with_series(influx, "") == ["r1", "tonypi_3:a-b"]
    async with Query(influx) as query:
        kept = await query.query('SELECT count("cpu_percent") FROM "performance" GROUP BY *')
        assert [(s.tags["robot_id"], s.last("count")) for s in kept] == [("r1", series.MINUTES)]
        assert await query.query('SELECT * FROM "servos" WHERE "robot_id" = \'r.2\'') == []
        rows = await query.query('SELECT sum("count") FROM "refused"')
        assert rows[0].last("sum") == 15
    assert await deletion.forget(influx, "r.") == []


def ways_to_read(influx: Influx) -> dict[str, Callable[[dict[str, str]], httpx.Response]]:
    """Every door that gives points or names, as a call with headers."""
    ask = {"db": influx.bucket, "q": "SELECT * FROM performance"}
    names = {"db": influx.bucket, "q": "SHOW MEASUREMENTS"}
    org, flux = {"org": influx.org}, f'from(bucket: "{influx.bucket}") |> range(start: -3d)'
    url = f"{influx.url}/query"
    return {
        "GET query": lambda h: httpx.get(url, params=ask, headers=h, timeout=60),
        "POST query": lambda h: httpx.post(url, data=ask, headers=h, timeout=60),
        "names": lambda h: httpx.get(url, params=names, headers=h, timeout=60),
        "Flux": lambda h: httpx.post(
            f"{influx.url}/api/v2/query", params=org, json={"query": flux}, headers=h, timeout=60
        ),
    }


def gave(answer: httpx.Response) -> bool:
    """Whether it holds anything of the robots."""
    return answer.is_success and ("cpu_percent" in answer.text or "performance" in answer.text)


def header(token: SecretStr) -> dict[str, str]:
    return {"Authorization": f"Token {token.get_secret_value()}"}


def test_telegraf_cannot_read_through_any_door(known: tuple[Influx, datetime]) -> None:
    influx, _ = known
    for door, ask in ways_to_read(influx).items():
        assert gave(ask(header(influx.token))), f"{door} is no door; the test would prove nothing"
        assert not gave(ask(header(influx.telegraf_token))), door


def test_grafana_cannot_write_or_delete_through_any_door(known: tuple[Influx, datetime]) -> None:
    influx, _ = known
    grafana, place = header(influx.grafana_token), {"org": influx.org, "bucket": influx.bucket}
    line = "performance,robot_id=forged cpu_percent=1"
    v2 = httpx.post(
        f"{influx.url}/api/v2/write", params=place, content=line, headers=grafana, timeout=60
    )
    db = {"db": influx.bucket}
    v1 = httpx.post(f"{influx.url}/write", params=db, content=line, headers=grafana, timeout=60)
    assert (v2.status_code in NOT_YOURS, v1.status_code in NOT_YOURS) == (True, True)
    span = {"start": "1970-01-01T00:00:00Z", "stop": "2099-01-01T00:00:00Z"}
    deleted = httpx.post(
        f"{influx.url}/api/v2/delete", params=place, json=span, headers=grafana, timeout=60
    )
    assert deleted.status_code in NOT_YOURS
    for statement in (
        "DROP MEASUREMENT performance",
        "DELETE FROM performance",
        "DROP SERIES FROM performance",
        f'DROP DATABASE "{influx.bucket}"',
        f'ALTER RETENTION POLICY "autogen" ON "{influx.bucket}" DURATION 1h',
        "CREATE USER forged WITH PASSWORD 'forged' WITH ALL PRIVILEGES",
    ):
        asked = {**db, "q": statement}
        answer = httpx.post(f"{influx.url}/query", data=asked, headers=grafana, timeout=60)
        assert answer.status_code >= 400 or "error" in answer.text, statement
    left = httpx.get(
        f"{influx.url}/query",
        params={**db, "q": 'SELECT count("cpu_percent") FROM "performance"'},
        headers=grafana,
        timeout=60,
    ).json()
    assert left["results"][0]["series"][0]["values"][0][1] == 2 * series.MINUTES


def test_accounts_of_a_bucket_are_of_that_bucket(each_influx: Influx, bucket: Influx) -> None:
    """1.x has one Telegraf and one Grafana account a server; 2.x one a bucket."""
    if each_influx.grafana_token == bucket.grafana_token:
        elsewhere = each_influx.model_copy(update={"bucket": "_internal"})
    else:
        elsewhere = each_influx
    for door, ask in ways_to_read(elsewhere).items():
        assert not gave(ask(header(bucket.grafana_token))), door
    place = {"org": elsewhere.org, "bucket": elsewhere.bucket}
    for token in (bucket.telegraf_token, bucket.grafana_token):
        refused = httpx.post(
            f"{elsewhere.url}/api/v2/write",
            params=place,
            content="a v=1",
            headers=header(token),
            timeout=60,
        )
        assert refused.status_code in NOT_YOURS


async def test_preparing_again_makes_no_new_accounts(bucket: Influx) -> None:
    before = accounts(bucket)
    again = await asyncio.to_thread(admin.prepare, bucket)
    assert with_tokens(bucket, again) == bucket
    assert accounts(bucket) == before


async def test_a_lost_token_is_replaced_and_opens_nothing_any_more(bucket: Influx) -> None:
    series.write(bucket, series.begin())
    number = len(accounts(bucket))
    lost = bucket.model_copy(
        update={
            "telegraf_token": SecretStr("telegraf:new"),
            "grafana_token": SecretStr("grafana:new"),
        }
    )
    replaced = with_tokens(lost, await asyncio.to_thread(admin.prepare, lost))
    try:
        async with Query(as_grafana(replaced)) as query:
            assert await query.query("SELECT * FROM performance")
        series.write(replaced, series.begin())
        async with Query(as_grafana(bucket)) as query:
            with pytest.raises(SeriesError):
                await query.query("SELECT * FROM performance")
        assert len(accounts(bucket)) == number
    finally:
        # 1.x has these accounts in common with the other tests.
        await asyncio.to_thread(admin.prepare, bucket)


def accounts(influx: Influx) -> list[str]:
    """Users (1.x) or tokens (2.x) that there are."""
    admins = header(influx.token)
    told = httpx.get(f"{influx.url}/api/v2/authorizations", headers=admins, timeout=60)
    if told.status_code == 200 and "authorizations" in told.text:
        return sorted(one["id"] for one in told.json()["authorizations"])
    shown = httpx.get(
        f"{influx.url}/query", params={"q": "SHOW USERS"}, headers=admins, timeout=60
    ).json()
    return sorted(name for name, _ in shown["results"][0]["series"][0]["values"])


async def test_points_outlive_a_longer_retention_and_older_ones_are_refused(
    bucket: Influx,
) -> None:
    longer = bucket.model_copy(update={"retention": 30})
    start = series.begin() - timedelta(days=8)
    with pytest.raises(httpx.HTTPStatusError):
        series.write(bucket, start)
    assert with_tokens(longer, await asyncio.to_thread(admin.prepare, longer)) == longer
    series.write(longer, start)


async def test_grafana_reads_the_same_from_every_influxdb(
    known: tuple[Influx, datetime], grafana: RunningGrafana
) -> None:
    """Grafana's own way to it: the provisioned source's shape, its token, its InfluxQL reader."""
    influx, start = known
    uid = f"series-{influx.bucket}"
    source = {
        "name": uid,
        "uid": uid,
        "type": "influxdb",
        "access": "proxy",
        "url": influx.url,
        "jsonData": {
            "dbName": influx.bucket,
            "httpMode": "GET",
            "httpHeaderName1": "Authorization",
        },
        "secureJsonData": {"httpHeaderValue1": header(influx.grafana_token)["Authorization"]},
    }
    span = {"from": _ms(start), "to": _ms(start + timedelta(minutes=series.MINUTES))}
    async with httpx.AsyncClient(base_url=grafana.url, auth=grafana.auth, timeout=30) as client:
        (await client.post("/api/datasources", json=source)).raise_for_status()
        try:
            seen = {}
            for metric, statement in series.of_rules().items():
                query = {
                    "refId": "R",
                    "datasource": {"type": "influxdb", "uid": uid},
                    "rawQuery": True,
                    "query": statement,
                    "resultFormat": "time_series",
                }
                told = await client.post("/api/ds/query", json={**span, "queries": [query]})
                told.raise_for_status()
                seen[metric] = _newest(told.json()["results"]["R"]["frames"])
            health = (await client.get(f"/api/datasources/uid/{uid}/health")).json()
        finally:
            await client.delete(f"/api/datasources/uid/{uid}")
    assert seen["battery"] == {"r.2": 64, "tonypi_3:a-b": 3}
    assert seen["servo_temp"] == {"r1": 82, "r.2": 26}
    assert seen["cpu"] == {"r1": 64, "r.2": 36}
    assert health["status"] == "OK", health


def _ms(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))


def _newest(frames: list[dict[str, Any]]) -> dict[str, float]:
    found = {}
    for frame in frames:
        labels = frame["schema"]["fields"][-1].get("labels") or {}
        if values := frame["data"]["values"]:
            found[labels.get("robot_id", "")] = values[-1][-1]
    return found


async def test_tokens_that_influxdb_2_chose_are_taken_over_by_each(each_influx: Influx) -> None:
    """A backup of a 2.x brings them; 1.x makes passwords of them."""
    brought = each_influx.model_copy(
        update={
            "bucket": f"b_{uuid.uuid4().hex[:8]}",
            "telegraf_token": SecretStr("1" * 86 + "=="),
            "grafana_token": SecretStr("2" * 86 + "=="),
        }
    )
    tokens = await asyncio.to_thread(admin.prepare, brought)
    try:
        influx = with_tokens(brought, tokens)
        series.write(influx, series.begin())
        async with Query(as_grafana(influx)) as query:
            assert await query.query("SELECT * FROM performance")
        assert await asyncio.to_thread(admin.prepare, influx) == tokens
    finally:
        # 1.x has these accounts in common with the other tests.
        await asyncio.to_thread(admin.prepare, each_influx)
