"""Silences of Grafana: those that people make there count here, and (a setting) what people look
after here is silenced there.

Grafana is asked every period. While it is away what was seen last holds until its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from glue import store
from glue.core import silences as core
from glue.core.silences import LookedAfter, Plan, Silence
from glue.grafana import Grafana, GrafanaError
from glue.settings import Settings
from glue.store import silences as rows

log = structlog.get_logger()

AT_ONCE = 100
"""Writes of one look; what is more waits for the next."""


class Silences:
    """``await silences.run()`` until cancelled."""

    def __init__(
        self,
        settings: Settings,
        pool: store.Pool,
        grafana: Grafana,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._grafana = grafana
        self._clock = clock
        self._every = settings.glue.pull_interval
        self._mirrors = settings.notify.mirror_silences
        self._trouble = ""

    async def run(self) -> None:
        while True:
            try:
                await self.look()
                self._say("")
            except (store.StoreUnavailable, GrafanaError) as error:
                self._say(str(error))
            await asyncio.sleep(self._every)

    async def look(self) -> list[Silence]:
        """Read Grafana's silences and write ours; gives what Grafana had. Raises ``GrafanaError``
        and ``StoreUnavailable``; another look puts right what was left."""
        now = self._clock()
        found = await self._grafana.silences()
        wanted: list[LookedAfter] = []
        async with store.transaction(self._pool) as conn:
            await rows.keep(conn, found, now)
            if self._mirrors:
                wanted = await rows.looked_after(conn)
        # Without the setting too: ours of before are ended.
        await self._write(core.plan(wanted, [one for one in found if one.alert_id], now))
        return found

    async def _write(self, plan: Plan) -> None:
        for one in plan.expire[:AT_ONCE]:
            await self._grafana.expire_silence(one)
        for silence in plan.write[:AT_ONCE]:
            await self._grafana.set_silence(silence)
        if plan.write or plan.expire:
            log.info("silences.mirrored", written=len(plan.write), expired=len(plan.expire))

    def _say(self, trouble: str) -> None:
        # Once, not at every period.
        if bool(trouble) != bool(self._trouble):
            if trouble:
                log.warning("silences.failed", reason=trouble)
            else:
                log.info("silences.work")
        self._trouble = trouble
