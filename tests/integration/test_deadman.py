"""Signs of life to services outside."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from glue import store
from glue.notify.deadman import DeadMan
from glue.store import heartbeats
from tests.line import Line


@contextlib.contextmanager
def outside():
    """A service that is pinged: (its address, what was asked as (path, body), status to answer)."""
    asked, status = [], [200]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.path, body.decode()))
            self.send_response(status[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked, status
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def service():
    with outside() as running:
        yield running


@pytest.fixture
async def line(database):
    async with Line(database.host, database.port) as line:
        yield line


@pytest.fixture
def watched(settings_for, database, line, service):
    url = service[0]
    return settings_for(
        PGDATABASE=database.database,
        PGPORT=str(line.port),
        HEARTBEAT_URL=f"{url}/glue-s3cret",
        HEARTBEAT_FAIL_URL=f"{url}/glue-s3cret/fail",
        HEARTBEAT_GRAFANA_URL=f"{url}/grafana",
        NOTIFY_TIMEOUT="2",
    )


@pytest.fixture
async def pool(watched):
    async with store.open_pool(watched.postgres) as pool:
        yield pool


async def beats(pool, evaluator: str) -> None:
    """As the loops leave them when all is well."""
    async with store.transaction(pool) as conn:
        cursor = await conn.execute("SELECT now()")
        ((now,),) = await cursor.fetchall()
        for name in ("events", "pull", "standby", "limits"):
            await heartbeats.beat(conn, name, now, {})
        await heartbeats.beat(conn, "evaluator", now, {"evaluator": evaluator})


async def test_both_are_told_while_all_is_well(watched, pool, service):
    await beats(pool, "grafana")
    assert await DeadMan(watched, pool).beat() == {"glue": "", "grafana": ""}
    assert service[1] == [("/glue-s3cret", ""), ("/grafana", "")]


async def test_grafanas_is_silent_while_the_standby_evaluates(watched, pool, service):
    await beats(pool, "standby")
    found = await DeadMan(watched, pool).beat()
    assert found == {"glue": "", "grafana": "standby is in charge"}
    assert [path for path, _ in service[1]] == ["/glue-s3cret"]


async def test_a_stuck_loop_and_postgresql_away_are_told_to_the_address_for_failures(
    watched, pool, service, line
):
    await beats(pool, "grafana")
    async with store.transaction(pool) as conn:
        await conn.execute(
            "UPDATE heartbeats SET beat_at = beat_at - interval '10 min' WHERE name = 'events'"
        )
    deadman = DeadMan(watched, pool)
    await deadman.beat()
    await line.cut()
    await deadman.beat()
    assert [path for path, _ in service[1]] == ["/glue-s3cret/fail"] * 2
    assert "events last ran" in service[1][0][1]
    assert "PostgreSQL" in service[1][1][1]
    await line.mend()


async def test_a_service_that_fails_is_told_without_its_secret(watched, pool, service, capsys):
    await beats(pool, "grafana")
    service[2][0] = 500
    found = await DeadMan(watched, pool).beat()
    assert found["glue"] == "127.0.0.1 answered 500"
    assert "s3cret" not in f"{found} {capsys.readouterr()}"


async def test_without_an_address_nothing_is_asked(settings_for, database, pool):
    settings = settings_for(PGDATABASE=database.database)
    assert await DeadMan(settings, pool).beat() == {}
