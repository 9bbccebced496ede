"""A dead man's switch: signs of life to services outside, which call people when they stop.

One says that the glue works: PostgreSQL is there, events arrive, and Grafana or the standby
evaluator judges the limits. The other says that Grafana itself evaluates the rules. Who is dead
sends nothing, so nothing has to be detected here.
"""

from __future__ import annotations

import asyncio

import structlog

from glue import store
from glue.core import freshness
from glue.messengers.ping import ping
from glue.settings import Settings
from glue.store import pulse

log = structlog.get_logger()

ANSWER_S = 6.0
"""PostgreSQL's time to answer."""


class DeadMan:
    """``await deadman.run()`` until cancelled. Where no address is set it sends nothing."""

    def __init__(self, settings: Settings, pool: store.Pool) -> None:
        self._settings = settings
        self._pool = pool
        self._said: dict[str, str] = {}

    async def run(self) -> None:
        """One beat after the other, until cancelled."""
        notify = self._settings.notify
        while True:
            await self.beat()
            await asyncio.sleep(notify.heartbeat_every)

    async def beat(self) -> dict[str, str]:
        """One sign of life for each address that is set. Gives what was wrong, '' where nothing:
        with what is watched (then nothing is sent but to the address for failures), or with the
        service that is told."""
        notify = self._settings.notify
        urls = (notify.heartbeat_url, notify.grafana_heartbeat_url)
        if not any(url.get_secret_value() for url in urls):
            return {}
        glue, grafana = await self._troubles()
        return {
            "glue": await self._tell(
                "glue",
                notify.heartbeat_url.get_secret_value(),
                notify.heartbeat_fail_url.get_secret_value(),
                glue,
            ),
            "grafana": await self._tell(
                "grafana", notify.grafana_heartbeat_url.get_secret_value(), "", grafana
            ),
        }

    async def _troubles(self) -> tuple[str, str]:
        """What is wrong with the glue's work, and with Grafana's."""
        try:
            ages, in_charge = await store.within(ANSWER_S, self._pulse())
        except store.StoreUnavailable as error:
            return str(error), str(error)
        checks = freshness.verdicts(ages, freshness.allowed_ages(self._settings, in_charge))
        wrong = "; ".join(f"{name} {said}" for name, said in checks.items() if said != "ok")
        away = "" if in_charge == "grafana" else f"{in_charge or 'nobody yet'} is in charge"
        return wrong, wrong or away

    async def _pulse(self) -> tuple[dict[str, float], str | None]:
        async with store.transaction(self._pool) as conn:
            return await pulse.beat_ages(conn), await pulse.in_charge(conn)

    async def _tell(self, name: str, url: str, fail_url: str, trouble: str) -> str:
        if not url:
            return ""
        timeout = self._settings.notify.timeout
        if trouble:
            if fail_url:
                await ping(fail_url, timeout, trouble)
            self._say(name, f"withheld: {trouble}")
            return trouble
        wrong = await ping(url, timeout)
        self._say(name, wrong)
        return wrong

    def _say(self, name: str, trouble: str) -> None:
        # Once, not at every beat.
        if bool(trouble) != bool(self._said.get(name)):
            if trouble:
                log.warning("heartbeat.not_sent", of=name, why=trouble)
            else:
                log.info("heartbeat.sent_again", of=name)
        self._said[name] = trouble
