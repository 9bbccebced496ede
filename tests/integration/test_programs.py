"""The fixtures themselves: the programs run, and each account may do its part and no more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from glue.series import admin, retention
from glue.series.query import Query
from glue.settings import Broker, Influx
from glue.stack import probe


def ask(influx: Influx, token: str, statement: str) -> httpx.Response:
    return httpx.post(
        f"{influx.url}/query",
        params={"db": influx.bucket, "q": statement},
        headers={"Authorization": f"Token {token}"},
        timeout=60,
    )


def write(influx: Influx, token: str, line: str) -> httpx.Response:
    return httpx.post(
        f"{influx.url}/api/v2/write",
        params={"org": influx.org, "bucket": influx.bucket},
        headers={"Authorization": f"Token {token}"},
        content=line,
        timeout=60,
    )


def test_the_broker_takes_connections(mosquitto: Broker) -> None:
    assert probe.accepts(mosquitto.host, mosquitto.port)


def test_telegraf_writes_and_cannot_read(each_influx: Influx) -> None:
    influx = each_influx
    token = influx.telegraf_token.get_secret_value()
    assert write(influx, token, "accounts,robot_id=r1 v=1").status_code == 204
    refused = ask(influx, token, "SELECT * FROM accounts")
    assert refused.status_code in (401, 403) or "error" in refused.text
    assert '"values"' not in refused.text


def test_grafana_reads_and_cannot_write_or_administer(each_influx: Influx) -> None:
    influx = each_influx
    write(influx, influx.token.get_secret_value(), "accounts,robot_id=r2 v=2")
    token = influx.grafana_token.get_secret_value()
    assert '"values"' in ask(influx, token, "SELECT * FROM accounts").text
    assert write(influx, token, "accounts,robot_id=r3 v=3").status_code in (401, 403)
    dropped = ask(influx, token, "DROP MEASUREMENT accounts")
    assert dropped.status_code in (401, 403, 405) or "error" in dropped.text
    assert '"values"' in ask(influx, token, "SELECT * FROM accounts").text


@pytest.mark.parametrize("path", ["vars", "requests?seconds=0", "pprof/cmdline", "pprof/all"])
def test_who_may_read_the_bucket_sees_no_insides(each_influx: Influx, path: str) -> None:
    """Viewers reach this port through Grafana's proxy of the data source."""
    for token in ("", each_influx.grafana_token.get_secret_value()):
        headers = {"Authorization": f"Token {token}"} if token else {}
        answer = httpx.get(f"{each_influx.url}/debug/{path}", headers=headers, timeout=60)
        assert answer.status_code in (401, 403, 404), answer.text[:200]


def test_nobody_reads_without_a_token(each_influx: Influx) -> None:
    influx = each_influx
    assert (
        httpx.get(f"{influx.url}/query", params={"q": "SHOW DATABASES"}, timeout=60).status_code
        == 401
    )


async def kept_for(influx: Influx) -> timedelta:
    """The bucket's retention, as InfluxDB has it."""
    if influx.version == "1":
        async with Query(influx) as query:
            answer = await query.query(f'SHOW RETENTION POLICIES ON "{influx.bucket}"')
        return timedelta(hours=int(answer[0].rows[0][1].partition("h")[0]))
    told = httpx.get(
        f"{influx.url}/api/v2/buckets",
        params={"name": influx.bucket},
        headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
        timeout=60,
    ).json()
    return timedelta(seconds=told["buckets"][0]["retentionRules"][0]["everySeconds"])


async def test_preparing_twice_keeps_accounts_and_follows_the_retention(
    each_influx: Influx,
) -> None:
    influx = each_influx
    first = await asyncio.to_thread(admin.prepare, influx)
    try:
        longer = influx.model_copy(update={"retention": 9})
        with capture_logs() as logs:
            changed = await asyncio.to_thread(admin.prepare, longer)
        # By the one that the running glue calls, too; before it is done.
        (change,) = [each for each in logs if each["event"] == "retention.bucket_set"]
        assert (change["before_s"], change["now_s"]) == (7 * 86400, 9 * 86400)
        assert changed == replace(first, kept_days=9)
        assert await kept_for(influx) == timedelta(days=9)
        # What nobody set is left as it is: a shorter one would delete points.
        assert influx.retention is None
        assert await asyncio.to_thread(admin.prepare, influx) == changed
        assert await retention.keep(influx) == retention.Kept(9 * 86400, 9 * 86400)
        assert await kept_for(influx) == timedelta(days=9)
    finally:
        await asyncio.to_thread(admin.prepare, influx.model_copy(update={"retention": 7}))


async def test_a_wrong_administrator_is_named(each_influx: Influx) -> None:
    influx = each_influx
    wrong = influx.model_copy(update={"token": type(influx.token)("tonypi:wrong")})
    with pytest.raises(admin.SeriesError, match="INFLUXDB_TOKEN"):
        await asyncio.to_thread(admin.prepare, wrong)
