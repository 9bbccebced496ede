"""What a Viewer can do with the data sources beyond the dashboards: read what they show, no more.

Grafana lets everybody who sees a dashboard send queries of his own through its data sources.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from glue.series import admin as bucket
from glue.store import accounts
from tests.conftest import RunningGrafana

INFLUXDB = {"uid": "influxdb", "type": "influxdb"}
POSTGRES = {"uid": "postgres", "type": "postgres"}


@pytest.fixture(scope="module")
def viewer(grafana: RunningGrafana) -> Iterator[httpx.Client]:
    # The database with the rights that `tonypi up` gives.
    accounts.prepare(grafana.settings.postgres, SecretStr(""))
    with httpx.Client(base_url=grafana.url, timeout=30, trust_env=False) as client:
        name = f"viewer-{os.getpid()}"
        made = client.post(
            "/api/admin/users", json={"login": name, "password": name}, auth=grafana.auth
        )
        assert made.status_code == 200, made.text
        client.auth = httpx.BasicAuth(name, name)
        assert [org["role"] for org in client.get("/api/user/orgs").json()] == ["Viewer"]
        yield client
        gone = client.delete(f"/api/admin/users/{made.json()['id']}", auth=grafana.auth)
        assert gone.status_code == 200


def asked(viewer: httpx.Client, query: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The error, empty when there is none, and the frames."""
    body = {"from": "now-1h", "to": "now", "queries": [{"refId": "A", "intervalMs": 1000, **query}]}
    answer = viewer.post("/api/ds/query", json=body)
    result = answer.json()["results"]["A"]
    return result.get("error", ""), result.get("frames", [])


def sql(viewer: httpx.Client, statement: str) -> tuple[str, list[dict[str, Any]]]:
    query = {"datasource": POSTGRES, "rawSql": statement, "rawQuery": True, "format": "table"}
    return asked(viewer, query)


def influxql(viewer: httpx.Client, statement: str) -> tuple[str, list[dict[str, Any]]]:
    query = {"datasource": INFLUXDB, "query": statement, "rawQuery": True, "resultFormat": "table"}
    return asked(viewer, query)


def test_a_viewer_reads_what_dashboards_show(viewer: httpx.Client, grafana: RunningGrafana) -> None:
    error, frames = sql(viewer, "SELECT robot_id FROM grafana.robots WHERE robot_id = 'tonypi_01'")
    assert (error, frames[0]["data"]["values"]) == ("", [["tonypi_01"]])
    error, frames = influxql(viewer, "SHOW DATABASES")
    assert error == ""
    assert grafana.settings.influx.bucket in frames[0]["data"]["values"][0]


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("SELECT password_hash FROM public.users", "permission denied"),
        ("SELECT * FROM users", "does not exist"),
        ("SELECT rolpassword FROM pg_authid", "permission denied"),
        ("SELECT settings FROM public.robots", "permission denied"),
        ("UPDATE grafana.robots SET name = 'mine'", "permission denied|read-only|cannot update"),
        ("INSERT INTO public.alerts (title) VALUES ('mine')", "permission denied|read-only"),
        ("DELETE FROM grafana.alerts", "permission denied|read-only|cannot delete"),
        ("CREATE TABLE mine (n int)", "permission denied|read-only"),
        ("DROP VIEW grafana.robots", "must be owner|read-only"),
        ("SET ROLE glue", "permission denied"),
        ("COPY (SELECT 1) TO PROGRAM 'true'", "permission denied|must be superuser"),
        ("SELECT pg_read_file('/etc/passwd')", "permission denied"),
        ("SELECT pg_sleep(60)", "permission denied|statement timeout"),
        ("SELECT * FROM grafana.org", "does not exist"),
        ("SELECT * FROM grafana.public.user", "cross-database"),
    ],
)
def test_a_viewer_is_refused_in_postgresql(
    viewer: httpx.Client, statement: str, refused: str
) -> None:
    error, frames = sql(viewer, statement)
    assert any(reason in error for reason in refused.split("|")), (error, frames)


def test_a_viewer_cannot_turn_to_another_database(
    viewer: httpx.Client, grafana: RunningGrafana
) -> None:
    # The name of a database is a part of the connection; whoever could choose it in a query, or
    # log in with the role's rights elsewhere, would read Grafana's own users.
    error, frames = sql(viewer, "SELECT current_database()::text, current_user::text")
    database = grafana.settings.postgres.database
    assert (error, frames[0]["data"]["values"]) == ("", [[database], ["grafana_reader"]])
    reader = grafana.settings.postgres.model_copy(
        update={"user": "grafana_reader", "password": grafana.settings.postgres.reader_password}
    )
    dsn = reader.model_copy(update={"database": "grafana"}).dsn
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(dsn)


def test_without_the_read_only_default_a_viewer_still_lacks_the_right(
    viewer: httpx.Client,
) -> None:
    # Anybody may change the settings of a session, and sessions are shared.
    for made in ("TABLE mine (n int)", "TEMP TABLE mine (n int)", "SCHEMA mine", "ROLE mine"):
        statement = f"COMMIT; SET default_transaction_read_only = off; COMMIT; CREATE {made}"
        error, frames = sql(viewer, statement)
        assert "permission denied" in error, (error, frames)
    error, frames = sql(viewer, "COMMIT; SET default_transaction_read_only = on; SELECT 1")
    assert error == ""


LEFT_BEHIND = {
    "a setting": ("SET application_name = 'mine'", "SELECT count(*) FROM pg_settings"
                  " WHERE name = 'application_name' AND setting = 'mine'"),
    "a path": ("SET search_path = 'pg_catalog'", "SELECT count(*) FROM pg_settings"
               " WHERE name = 'search_path' AND setting = 'pg_catalog'"),
    "a transaction": ("COMMIT; BEGIN; SELECT 1",
                      "SELECT (now() < clock_timestamp() - interval '1 s')::int"),
    "an error": ("COMMIT; BEGIN; SELECT 1 / 0", "SELECT 0"),
}  # fmt: skip


@pytest.mark.parametrize("uid", ["postgres", "postgres-rules"])
@pytest.mark.parametrize(("left", "seen"), LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_nothing_of_a_viewers_session_reaches_anybody_elses(
    viewer: httpx.Client, left: str, seen: str, uid: str
) -> None:
    source = {"uid": uid, "type": "postgres"}
    shape = {"datasource": source, "rawQuery": True, "format": "table"}
    # More than the pool has connections, side by side, so that each of them would be left so.
    with ThreadPoolExecutor(16) as people:
        list(people.map(lambda _: asked(viewer, {**shape, "rawSql": left}), range(32)))
        time.sleep(1.1)
        found = list(people.map(lambda _: asked(viewer, {**shape, "rawSql": seen}), range(32)))
    assert [(error, frames[0]["data"]["values"]) for error, frames in found] == [("", [[0]])] * 32


def test_dashboards_and_rules_at_once_stay_within_the_roles_connections(
    viewer: httpx.Client,
) -> None:
    """Each query has a connection of its own, and PostgreSQL counts one for a moment after it was
    closed."""

    def ask(number: int) -> str:
        uid = "postgres" if number % 3 else "postgres-rules"
        source = {"uid": uid, "type": "postgres"}
        query = {"datasource": source, "rawQuery": True, "format": "table", "rawSql": "SELECT 1"}
        return asked(viewer, query)[0]

    with ThreadPoolExecutor(30) as people:
        assert set(people.map(ask, range(300))) == {""}


@pytest.fixture(scope="module")
def private(grafana: RunningGrafana) -> None:
    """Somebody else's database on the same InfluxDB."""
    influx = grafana.settings.influx
    token = {"Authorization": f"Token {influx.token.get_secret_value()}"}
    if influx.version == "2":
        bucket.prepare(influx.model_copy(update={"bucket": "private"}))
    with httpx.Client(base_url=influx.url, headers=token, trust_env=False) as client:
        if influx.version == "1":
            client.post("/query", data={"q": "CREATE DATABASE private"}).raise_for_status()
        written = client.post("/write", params={"db": "private"}, content="secret value=1")
        assert written.status_code == 204


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize(
    "statement",
    [
        "DROP MEASUREMENT battery",
        "DROP SERIES FROM battery",
        "DELETE FROM battery",
        "DROP DATABASE robot_metrics",
        "CREATE DATABASE mine",
        "CREATE USER mine WITH PASSWORD 'mine' WITH ALL PRIVILEGES",
        "GRANT ALL ON robot_metrics TO grafana",
        "SET PASSWORD FOR grafana = 'mine'",
        "SHOW USERS",
        "DROP RETENTION POLICY autogen ON robot_metrics",
        "SELECT * INTO mine FROM battery",
        "SELECT * FROM private..secret",
        "KILL QUERY 1",
    ],
)
def test_a_viewer_is_refused_in_influxdb(
    viewer: httpx.Client, grafana: RunningGrafana, statement: str
) -> None:
    error, frames = influxql(viewer, statement)
    refused = {
        "1": "not authorized",
        # It has no words for most of these, and does not tell of buckets that one may not read.
        "2": "insufficient permissions|not implemented|database not found",
    }
    assert re.search(refused[grafana.settings.influx.version], error), (error, frames)


def test_what_a_viewer_may_plan_in_influxdb_never_runs(
    viewer: httpx.Client, grafana: RunningGrafana
) -> None:
    """InfluxDB 1.x lets a reader create a continuous query, which then writes with the server's
    own rights; so these queries are switched off in ``influxdb.conf``."""
    influx = grafana.settings.influx
    with httpx.Client(
        base_url=influx.url,
        headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
        params={"db": influx.bucket},
        trust_env=False,
    ) as admin:
        influxql(
            viewer,
            f'CREATE CONTINUOUS QUERY mine ON "{influx.bucket}" BEGIN SELECT max(value) INTO mine'
            " FROM planned GROUP BY time(1s) END",
        )
        try:
            until = time.monotonic() + 3
            while time.monotonic() < until:
                assert admin.post("/write", content="planned value=1").status_code == 204
                time.sleep(0.2)
            found = admin.get("/query", params={"q": "SELECT * FROM mine"}).json()
            assert found == {"results": [{"statement_id": 0}]}
        finally:
            plan = f'DROP CONTINUOUS QUERY mine ON "{influx.bucket}"; DROP MEASUREMENT planned'
            admin.post("/query", data={"q": plan})


def test_a_viewer_cannot_write_points_through_the_proxy(
    viewer: httpx.Client, grafana: RunningGrafana
) -> None:
    answer = viewer.post(
        "/api/datasources/proxy/uid/influxdb/write",
        params={"db": grafana.settings.influx.bucket},
        content="battery,robot_id=mine percentage=1",
    )
    assert answer.status_code == 403, answer.text
    error, frames = influxql(viewer, "SELECT * FROM battery WHERE robot_id = 'mine'")
    assert (error, frames) == ("", [])


def test_data_sources_keep_their_secrets_and_cannot_be_edited(
    viewer: httpx.Client, grafana: RunningGrafana
) -> None:
    secrets = (
        grafana.settings.postgres.reader_password.get_secret_value(),
        grafana.settings.influx.grafana_token.get_secret_value(),
    )
    for uid in ("influxdb", "postgres", "postgres-rules"):
        seen = viewer.get(f"/api/datasources/uid/{uid}").text
        there = viewer.get(f"/api/datasources/uid/{uid}", auth=grafana.auth).json()
        assert there["readOnly"]
        assert not [s for s in secrets if s in seen or s in str(there)]
        assert viewer.put(f"/api/datasources/uid/{uid}", json=there).status_code == 403
        edited = viewer.put(
            f"/api/datasources/uid/{uid}", json=there | {"url": "http://mine"}, auth=grafana.auth
        )
        assert edited.status_code == 403, edited.text
        gone = viewer.delete(f"/api/datasources/uid/{uid}", auth=grafana.auth)
        assert gone.status_code == 403, gone.text
