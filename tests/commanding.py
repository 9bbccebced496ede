"""Robots that obey, the loop of commands, and a wire that can be cut, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from glue.broker import Session
from glue.commands import Commander
from glue.settings import Settings
from glue.simulate import commands as simulated
from glue.simulate.fleet import Fleet
from tests.api import Api, served
from tests.events import consuming, own, talking


@asynccontextmanager
async def commanding(api: Api) -> AsyncIterator[Commander]:
    """The running loop of commands of ``api``."""
    commander: Commander = api.app.state.commander
    task = asyncio.create_task(commander.run())
    await asyncio.sleep(0.05)
    try:
        assert await commander.connected(10)
        yield commander
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def simulating(settings: Settings, robots: int) -> AsyncIterator[Fleet]:
    """So many simulated robots, which obey."""
    session = Session(settings.broker, f"sim-{uuid.uuid4().hex[:8]}", simulated.TOPICS, qos=0)
    await session.start(wait=10)
    fleet = Fleet(session, settings.fleet, robots=robots, scenario="normal")
    stop = asyncio.Event()
    task = asyncio.create_task(fleet.run(stop))
    await asyncio.sleep(0.3)
    try:
        yield fleet
    finally:
        stop.set()
        await task
        await session.stop()


@asynccontextmanager
async def fleet_of(
    settings_for: Callable[..., Settings], database: Any, robots: int, **environ: Any
) -> AsyncIterator[Api]:
    """The API with commands, the events' consumer and robots that obey and are registered."""
    settings = own(settings_for, database.database, **environ)
    async with (
        served(settings) as api,
        commanding(api),
        talking(settings, database.dsn) as told,
        consuming(settings),
        simulating(settings, robots),
    ):
        await told.until(
            lambda: told.rows("SELECT count(*) FROM robots WHERE status = 'online'") == [(robots,)]
        )
        api.robots = told  # type: ignore[attr-defined]
        yield api


def command(kind: str, confirm: bool = False, **more: Any) -> dict[str, Any]:
    return {"command": {"type": kind, **more}, "confirm": confirm}


class Cuttable:
    """A TCP proxy before the broker: ``stall`` keeps bytes back, ``cut`` breaks connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stalled = asyncio.Event()
        self._stalled.set()
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self.port

    def stall(self) -> None:
        self._stalled.clear()

    async def cut(self) -> None:
        """Also what was kept back is gone."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self.server.close()

    async def freeze(self) -> None:
        """As :meth:`stall`; whoever connects anew hears nothing either."""
        self.stall()

    async def mend(self) -> None:
        self._stalled.set()
        if not self.server.is_serving():
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, back]
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._stalled.wait()
                if writer.transport.is_closing():
                    return
                writer.write(data)
            writer.close()
