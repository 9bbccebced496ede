"""The glue's process: opens the systems, runs the API and the loops, closes them again.

A loop that dies takes the process with it, so that whoever supervises it starts it afresh: half a
service looks alive and is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator

import structlog
import uvicorn
from fastapi import FastAPI

from glue import console, events, reader_watch, store
from glue.alerts.intake import Intake
from glue.alerts.pull import Watch
from glue.alerts.silences import Silences
from glue.alerts.standby import Standby
from glue.api import request_timeout
from glue.api.app import create_app
from glue.api.people import first_users
from glue.commands.retained import RetainedControls
from glue.core import charge
from glue.grafana import Grafana
from glue.limit_writer import LimitWriter
from glue.notify.deadman import DeadMan
from glue.notify.fallback import Fallback
from glue.retention import Retention
from glue.series import Query
from glue.settings import PROJECT, Settings
from glue.stack.parts import mosquitto
from glue.store import pooler
from glue.sync.reconciler import Reconciler

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Serve until stopped by a signal. Raises what a loop died of."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn stops at them and then raises them once more, for whoever was there before it:
        # nobody, so that the systems below are closed in order.
        signal.signal(number, lambda *_: stopped.set())
    async with open_systems(settings, stopped) as app:
        config = uvicorn.Config(
            app,
            host=settings.glue.host,
            port=settings.glue.port,
            http=request_timeout.protocol(settings.glue.request_timeout),
            log_config=None,
            access_log=False,
            # uvicorn would believe X-Forwarded-For from loopback; GLUE_TRUSTED_PROXIES decides.
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
        if stopped.is_set():
            return
        server = _Server(config, app)
        try:
            async with asyncio.TaskGroup() as tasks:
                loops = [tasks.create_task(loop, name=name) for name, loop in _loops(app)]
                await server.serve()
                for task in loops:
                    task.cancel()
        finally:
            server.should_exit = True


class _Server(uvicorn.Server):
    """Ends the live streams when it stops: it would wait for them, and then cut them off."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.live.close()
        await super().shutdown(sockets)


@contextlib.asynccontextmanager
async def open_systems(
    settings: Settings, stopped: asyncio.Event | None = None
) -> AsyncIterator[FastAPI]:
    """The application with everything it needs in ``app.state``. Waits for PostgreSQL, until
    ``stopped``. Raises ``SettingsError`` for what cannot be served with."""
    async with contextlib.AsyncExitStack() as stack:
        pool = await stack.enter_async_context(store.open_pool(settings.postgres))
        series = await stack.enter_async_context(Query(settings.influx))
        grafana = _watched(settings) if settings.grafana.url else None
        if grafana is not None:
            stack.push_async_callback(grafana.close)
        intake = Intake(pool, series)
        watch = Watch(settings, pool, grafana, intake)
        app = create_app(settings, pool, intake=intake, watch=watch)
        app.state.series = series
        app.state.reconciler = await _reconciler(settings, pool, stack)
        app.state.silences = Silences(settings, pool, grafana) if grafana is not None else None
        app.state.standby = Standby(settings, pool, series, intake, watch)
        console.install(app)
        app.state.fallback = Fallback(settings, pool, app.state.notifier.messenger)
        await app.state.fallback.until_reachable(stopped or asyncio.Event())
        # Were it away again by now, that is met when it is used.
        with contextlib.suppress(store.StoreUnavailable), store.unavailable():
            await asyncio.to_thread(pooler.check, settings.postgres.dsn)
        await first_users.ensure(pool, settings)
        await first_users.find_documented_passwords(pool)
        yield app


def _watched(settings: Settings) -> Grafana:
    """One that does not answer within the evaluations it may miss is taken for away: the standby
    must not wait for it."""
    missed = charge.MISSED * settings.glue.evaluation_interval
    return Grafana(settings.grafana, timeout=min(10.0, max(3.0, missed)))


async def _reconciler(
    settings: Settings, pool: store.Pool, stack: contextlib.AsyncExitStack
) -> Reconciler | None:
    """With a connection to Grafana of its own, so that its requests are counted by themselves."""
    if not settings.grafana.url:
        return None
    grafana = Grafana(settings.grafana)
    stack.push_async_callback(grafana.close)
    return Reconciler(settings, pool, grafana)


def _loops(app: FastAPI):  # type: ignore[no-untyped-def]
    state = app.state
    yield "changes", state.changes.run()
    yield "live", state.live.run()
    yield "commands", state.commander.run()
    obeyed = mosquitto.model(PROJECT).robots_read
    yield "retained", RetainedControls(state.settings, state.pool, obeyed).run()
    yield "watch", state.watch.run()
    if state.reconciler is not None:
        yield "sync", state.reconciler.run(state.changes)
    if state.silences is not None:
        yield "silences", state.silences.run()
    yield "limits", LimitWriter(state.settings, state.pool).run(state.changes)
    yield "standby", state.standby.run()
    yield "reports", state.reporter.run()
    yield "notifications", state.notifier.run(state.changes)
    yield "fallback", state.fallback.run()
    yield "deadman", DeadMan(state.settings, state.pool).run()
    yield "reader-watch", reader_watch.run(state.pool, state.settings.postgres.reader_timeout)
    yield "retention", Retention(state.settings, state.pool).run()
    take = state.intake.take
    yield "events", events.run(state.settings, state.pool, state.series, state.changes, take)
