"""Receivers of notifications that the tests start, and episodes that happen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from glue import store
from glue.core import sealing
from glue.core.episodes import Change, Episode, Observation
from glue.messengers import apprise
from glue.settings import Settings
from glue.store import alerts, notifications

KEY = "0123456789abcdef0123456789abcdef"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Web:
    """A server that keeps what is posted to it. ``status`` is what it answers; ``gate``, and
    ``delay`` seconds, are waited for before the answer, after the message was kept."""

    port: int
    got: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    gate: threading.Event | None = None
    delay: float = 0.0

    @property
    def url(self) -> str:
        return f"json://bot:s3cretpassword@127.0.0.1:{self.port}/hook"

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.got]


@contextlib.contextmanager
def web(port: int = 0) -> Iterator[Web]:
    """A running :class:`Web`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = kept.status
            if status < 300:
                kept.got.append(json.loads(body))
            if kept.gate is not None:
                kept.gate.wait(20)
            time.sleep(kept.delay)
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    kept = Web(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield kept
    finally:
        if kept.gate is not None:
            kept.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mail:
    """A mail server's box: (subject, body)."""

    port: int = 0
    got: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=glue@example.org&to=ops@example.org"

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        text = mail.get_body(("plain",))
        assert text is not None
        self.got.append((str(mail["subject"]), text.get_content()))
        return "250 kept"


@contextlib.contextmanager
def mail(port: int, box: Mail | None = None) -> Iterator[Mail]:
    """A running mail server; ``box`` as an earlier one left it."""
    box = box or Mail(port)
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield box
    finally:
        server.stop()


async def add_target(pool: store.Pool, name: str, url: str, **more: Any) -> int:
    """A target as the API makes it; gives its id."""
    address = apprise.parse(url, {"json", "mailto"})
    values = {
        "name": name,
        "scheme": address.scheme,
        "masked": address.masked,
        "sealed": sealing.seal(KEY, url),
        "title_template": None,
        "body_template": None,
        "enabled": True,
        "created_by": "test",
        **more,
    }
    async with store.transaction(pool) as conn:
        made = await notifications.add_target(conn, values)
    assert made is not None
    return made.id


async def add_route(pool: store.Pool, targets: list[int], name: str = "all", **more: Any) -> int:
    """A route that takes everything, without waiting; gives its id."""
    values = {
        "name": name,
        "position": 1,
        "enabled": True,
        "severities": [],
        "types": [],
        "metrics": [],
        "robots": [],
        "groups": [],
        "hours": None,
        "quiet_hours": None,
        "targets": targets,
        "escalate_after": None,
        "escalate_to": [],
        "repeat_every": None,
        "send_resolved": True,
        "group_wait": 0.0,
        "group_interval": 0.0,
        "go_on": False,
        **more,
    }
    async with store.transaction(pool) as conn:
        made = await notifications.add_route(conn, values)
    assert made is not None
    return int(made["id"])


def told_to(settings: Settings, url: str) -> None:
    """Everything is told to ``url`` from now on, by whatever notifies with ``settings``."""

    async def add() -> None:
        key = settings.notify.secret_key.get_secret_value()
        async with store.open_pool(settings.postgres) as pool:
            target = await add_target(pool, "receiver", url, sealed=sealing.seal(key, url))
            await add_route(pool, [target], "everything")

    asyncio.run(add())


class Episodes:
    """``await episodes.open("r1")``: what the intake of alerts writes."""

    def __init__(self, pool: store.Pool) -> None:
        self._pool = pool
        self._open: dict[int, Episode] = {}

    async def open(
        self, *robots: str, metric: str = "temperature", severity: str = "warning"
    ) -> list[int]:
        """One episode for each robot, in one transaction; gives the ids."""
        now = datetime.now(UTC)
        async with store.transaction(self._pool) as conn:
            ids = await alerts.new_ids(conn, len(robots))
            changes = []
            for alert_id, robot in zip(ids, robots, strict=True):
                episode = Episode(alert_id, metric, robot, severity, now)
                self._open[alert_id] = episode
                changes.append(Change("opened", episode, now, severity, _seen(episode, 71.5, 70)))
            await alerts.write(conn, changes, [])
        return ids

    async def raise_(self, alert_id: int) -> None:
        now = datetime.now(UTC)
        was = self._open[alert_id]
        episode = Episode(was.id, was.metric, was.robot_id, "critical", was.starts_at)
        self._open[alert_id] = episode
        async with store.transaction(self._pool) as conn:
            change = Change("raised", episode, now, "critical", _seen(episode, 82, 80))
            await alerts.write(conn, [change], [])

    async def resolve(self, *ids: int) -> None:
        now = datetime.now(UTC)
        changes = []
        for alert_id in ids:
            was = self._open.pop(alert_id)
            over = Episode(
                was.id, was.metric, was.robot_id, was.severity, was.starts_at, now, "recovered"
            )
            changes.append(Change("resolved", over, now, was.severity, _seen(over, 60, 70)))
        async with store.transaction(self._pool) as conn:
            await alerts.write(conn, changes, [])


def _seen(episode: Episode, value: float, limit: float) -> Observation:
    who = episode.robot_id or "stack"
    return Observation(
        episode.metric,
        episode.robot_id,
        episode.severity,
        True,
        episode.starts_at,
        datetime.now(UTC),
        "push",
        value=value,
        limit=limit,
        alert_type="temperature",
        title=f"{who}: {episode.metric} too high",
    )


async def until(true: Callable[[], Any], seconds: float = 15) -> None:
    """Wait for it; fails when it does not come."""
    ends = time.monotonic() + seconds
    while True:
        found = true()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < ends, "it did not come"
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def working(settings: Settings, pool: store.Pool, **more: Any) -> AsyncIterator[Any]:
    """The worker's loops, running."""
    from glue.changes import Changes
    from glue.notify.worker import Worker

    changes = Changes(settings.postgres.dsn)
    worker = Worker(settings, pool, **more)
    tasks = [asyncio.create_task(changes.run()), asyncio.create_task(worker.run(changes))]
    try:
        yield worker
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
