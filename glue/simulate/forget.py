"""Removing simulated robots without a trace: rows in PostgreSQL, series in InfluxDB.

Series go first: a robot whose points are there but whose row is not would be registered again.
A simulator that runs meanwhile brings its robots back.
"""

from __future__ import annotations

from glue import store
from glue.series import deletion
from glue.settings import Settings
from glue.store import robots

PREFIX = "sim_"


class _DryRun(Exception):
    """Ends the transaction without a commit."""


async def forget(settings: Settings, *, dry_run: bool = False) -> dict[str, int]:
    """What was removed (with ``dry_run``: what would be), by kind.

    Raises :class:`glue.series.SeriesError`, :class:`glue.store.StoreUnavailable`.
    """
    if dry_run:
        ids = await deletion.robots_with_series(settings.influx, PREFIX)
    else:
        ids = await deletion.forget(settings.influx, PREFIX)
    removed: dict[str, int] = {}
    async with store.open_pool(settings.postgres) as pool:
        try:
            async with store.transaction(pool) as conn:
                removed = await robots.forget(conn, PREFIX)
                if dry_run:
                    raise _DryRun
        except _DryRun:
            pass
    return {**removed, "robots with series": len(ids)}
