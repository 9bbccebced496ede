"""Processes that make reports are killed, stopped and doubled: each job makes one report."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from psycopg.rows import dict_row

from glue import store
from glue.core.report.request import Request
from glue.settings import Postgres
from glue.store import report_jobs
from tests.notified import until

ROOT = Path(__file__).resolve().parents[2]


class Series:
    """An InfluxDB without series, which answers only while ``open`` is set."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.asked = threading.Event()
        gate, asked = self.open, self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                asked.set()
                gate.wait(60)
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Length", "14")
                    self.end_headers()
                    self.wfile.write(b'{"results":[]}')

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def series() -> Iterator[Series]:
    made = Series()
    yield made
    made.open.set()
    made.server.shutdown()
    made.server.server_close()


@pytest_asyncio.fixture
async def pool(database: Postgres) -> AsyncIterator[store.Pool]:
    async with store.open_pool(database) as opened:
        async with store.transaction(opened) as conn:
            await conn.execute(
                "INSERT INTO robots (robot_id, created_at) VALUES ('r1', '2026-01-01')"
            )
        yield opened


class Workers:
    """Processes with the loops of reports."""

    def __init__(self, database: Postgres, series: Series, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "TONYPI_HOME": str(folder),
            "DATABASE_URL": database.dsn,
            "INFLUXDB_URL": series.url,
            "INFLUXDB_TOKEN": "user:password",
            "GLUE_REPORTS_FOLDER": str(folder / "reports"),
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.faults.report_process"]
        with (self.folder / "log").open("ab") as log:
            self.started.append(
                subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log)
            )
        return self.started[-1]

    @staticmethod
    def child(of: subprocess.Popen[bytes]) -> int | None:
        """The process that makes a report for it."""
        found = Path(f"/proc/{of.pid}/task/{of.pid}/children").read_text().split()
        return int(found[0]) if found else None


@pytest.fixture
def workers(database: Postgres, series: Series, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(database, series, tmp_path)
    yield made
    for process in made.started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


async def add(pool: store.Pool, kind: str = "performance") -> int:
    since, until_ = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)
    request = Request.model_validate({"kind": kind, "since": since, "until": until_})
    async with store.transaction(pool) as conn:
        job_id = await report_jobs.add(conn, request, "olga")
    assert job_id is not None
    return job_id


async def rows(pool: store.Pool, query: str) -> list[dict[str, Any]]:
    async with store.transaction(pool) as conn, conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query)  # type: ignore[arg-type]
        return await cursor.fetchall() if cursor.description else []


async def states(pool: store.Pool) -> list[tuple[str, int]]:
    found = await rows(pool, "SELECT state, attempts FROM report_jobs ORDER BY id")
    return [(row["state"], row["attempts"]) for row in found]


async def is_(pool: store.Pool, wanted: list[tuple[str, int]]) -> None:
    async def reached() -> bool:
        return await states(pool) == wanted

    try:
        await until(reached, 90)
    except (AssertionError, TimeoutError):
        raise AssertionError(f"{await states(pool)} is not {wanted}") from None


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_a_killed_glue_takes_its_report_with_it_and_the_next_one_makes_it(
    pool: store.Pool, workers: Workers, series: Series
) -> None:
    await add(pool)
    first = workers.start()
    await until(series.asked.is_set, 90)
    child = workers.child(first)
    assert child is not None
    first.send_signal(signal.SIGKILL)
    first.wait()
    await until(lambda: gone(child), 10)
    assert await states(pool) == [("running", 1)]
    await rows(pool, "UPDATE report_jobs SET lease_until = now()")
    series.open.set()
    workers.start()
    await is_(pool, [("done", 2)])
    assert len(await rows(pool, "SELECT id FROM reports")) == 1


async def test_a_stopped_glue_gives_its_job_back_at_once(
    pool: store.Pool, workers: Workers, series: Series
) -> None:
    await add(pool)
    first = workers.start()
    await until(series.asked.is_set, 90)
    first.terminate()
    assert first.wait(20) == 0
    assert await states(pool) == [("queued", 0)]


async def test_a_cancelled_job_ends_its_process(
    pool: store.Pool, workers: Workers, series: Series
) -> None:
    job_id = await add(pool)
    glue = workers.start()
    await until(series.asked.is_set, 90)
    child = workers.child(glue)
    assert child is not None
    async with store.transaction(pool) as conn:
        assert await report_jobs.cancel(conn, job_id, "olga")
    await until(lambda: gone(child), 10)
    assert await states(pool) == [("cancelled", 1)]
    # The next one is taken up.
    await add(pool, "job")
    await is_(pool, [("cancelled", 1), ("done", 1)])


async def test_a_report_that_ends_its_process_again_and_again_is_given_up(
    pool: store.Pool, workers: Workers, series: Series
) -> None:
    await add(pool)
    glue = workers.start()
    for _ in range(report_jobs.TRIES):
        await until(series.asked.is_set, 90)
        series.asked.clear()
        child = workers.child(glue)
        assert child is not None
        os.kill(child, signal.SIGKILL)
        await until(lambda pid=child: gone(pid), 10)
        await rows(pool, "UPDATE report_jobs SET lease_until = now()")
    await is_(pool, [("failed", report_jobs.TRIES)])
    (row,) = await rows(pool, "SELECT error FROM report_jobs")
    assert "ended 3 times" in row["error"]


async def test_two_glues_make_each_report_once(pool: store.Pool, workers: Workers) -> None:
    for _ in range(4):
        await add(pool, "job")
    workers.start()
    workers.start()
    await is_(pool, [("done", 1)] * 4)
    assert len(await rows(pool, "SELECT id FROM reports")) == 4
    files = list((workers.folder / "reports").rglob("*.pdf"))
    assert len(files) == 4
