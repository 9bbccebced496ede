"""How long things are kept: log lines, commands, keys and sessions go; alerts and reports stay.

Once an hour one process of all looks, removes what is over in small transactions, and holds the
bucket's retention against its setting. What came of it is the heartbeat ``retention``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from glue import store
from glue.series import SeriesError
from glue.series import retention as bucket
from glue.settings import Settings
from glue.store import heartbeats, lock
from glue.store import retention as rows

log = structlog.get_logger()

EVERY_S = 3600.0
AGAIN_S = 300.0
"""After a failure, and when another process was at it."""
FIRST_S = 20.0
"""After the start, which has enough to do."""
AT_ONCE = 5000
"""Rows of one transaction: some 50 ms on a small machine."""
PAUSE_S = 0.05


@dataclass
class Outcome:
    """``deleted`` rows by table; ``errors`` by what failed; ``bucket`` in seconds."""

    deleted: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    bucket: bucket.Kept | None = None


class Retention:
    """Removes what is over."""

    def __init__(self, settings: Settings, pool: store.Pool) -> None:
        self._settings = settings
        self._pool = pool
        self._trouble = ""

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            outcome = None
            try:
                outcome = await self.look()
                trouble = "; ".join(outcome.errors.values()) if outcome else ""
            except store.StoreUnavailable as error:
                trouble = str(error)
            if trouble and not self._trouble:
                log.warning("retention.failed", why=trouble)
            self._trouble = trouble
            await asyncio.sleep(EVERY_S if outcome and not trouble else AGAIN_S)

    async def look(self) -> Outcome | None:
        """Remove what is over now; None when another process is at it. Raises
        ``StoreUnavailable``."""
        async with lock.only_one(self._settings.postgres.dsn, "retention") as held:
            if held is None:
                return None
            outcome = Outcome()
            for name, remove in rows.KINDS.items():
                await self._remove(name, remove, held, outcome)
            await self._keep_bucket(outcome)
            await self._beat(outcome)
        if any(outcome.deleted.values()):
            log.info("retention.removed", **{k: n for k, n in outcome.deleted.items() if n})
        return outcome

    async def _remove(
        self, name: str, remove: rows.Remove, held: lock.Held, outcome: Outcome
    ) -> None:
        days = self._settings.glue.log_retention
        outcome.deleted[name] = 0
        while True:
            try:
                async with store.transaction(self._pool) as conn:
                    gone = await remove(conn, days, AT_ONCE)
            except store.StoreUnavailable:
                raise
            except Exception as error:
                # One table that cannot be read must not fill the disk with the others.
                log.exception("retention.table_failed", table=name)
                outcome.errors[name] = f"{name}: {error}"[:300]
                return
            outcome.deleted[name] += gone
            # Fewer than AT_ONCE are not the last: live changes go by whole transactions.
            if not gone:
                return
            await held.check()
            await asyncio.sleep(PAUSE_S)

    async def _keep_bucket(self, outcome: Outcome) -> None:
        try:
            kept = await bucket.keep(self._settings.influx)
        except SeriesError as error:
            outcome.errors["bucket"] = f"bucket: {error}"[:300]
            return
        outcome.bucket = kept

    async def _beat(self, outcome: Outcome) -> None:
        details: dict[str, Any] = {
            "deleted": outcome.deleted,
            "errors": outcome.errors,
            "log_days": self._settings.glue.log_retention,
        }
        if outcome.bucket is not None:
            details["bucket_days"] = outcome.bucket.now / bucket.DAY_S
            details["bucket_days_before"] = outcome.bucket.before / bucket.DAY_S
        async with store.transaction(self._pool) as conn:
            await heartbeats.beat(conn, "retention", datetime.now(UTC), details)
