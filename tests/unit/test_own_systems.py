"""Our own systems are asked directly, whatever proxy the environment names."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from glue.grafana import Grafana
from glue.series import Query, admin, deletion, retention
from glue.series.transfer import Transfer
from glue.settings import Settings, load
from glue.store import libpq

ASKED: list[str] = []


class Counting(BaseHTTPRequestHandler):
    def answer(self) -> None:
        ASKED.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        # Nobody answers there.
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    ASKED.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Counting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        secrets = {"GF_SECURITY_ADMIN_PASSWORD": "p", "INFLUXDB_TOKEN": "u:p"}
        yield load({"INFLUXDB_URL": url, "GRAFANA_URL": url, "TONYPI_HOME": "/nowhere", **secrets})
        server.shutdown()


def test_the_variables_of_postgresqls_library_are_somebody_elses() -> None:
    ours = dict.fromkeys(libpq.OURS, "x")
    others = dict.fromkeys(("PGSERVICE", "PGSSLMODE", "PGOPTIONS", "PGHOSTADDR", "PGPASSFILE"), "x")
    environ = {**ours, **others, "PGTZ": "UTC", "PGDATA": "/x", "HOME": "/root"}
    assert set(libpq.forget(environ)) == {*others, "PGTZ"}
    assert environ == {**ours, "PGDATA": "/x", "HOME": "/root"}


async def query(settings: Settings) -> None:
    async with Query(settings.influx) as opened:
        await opened.ping()


async def grafana(settings: Settings) -> None:
    opened = Grafana(settings.grafana)
    try:
        await opened.version()
    finally:
        await opened.close()


async def keep(settings: Settings) -> None:
    await retention.keep(settings.influx)


async def forget(settings: Settings) -> None:
    await deletion._is_1(settings.influx)


async def prepare(settings: Settings) -> None:
    await asyncio.to_thread(admin.prepare, settings.influx)


async def backup(settings: Settings) -> None:
    with Transfer(settings.influx) as transfer:
        await asyncio.to_thread(transfer._client.get, "/ping")


@pytest.mark.parametrize("ask", [query, grafana, keep, forget, prepare, backup])
async def test_no_proxy_stands_between(ask, settings: Settings) -> None:
    with suppress(Exception):
        await ask(settings)
    assert ASKED
