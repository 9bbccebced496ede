"""How long limits of many robots take: ``python -m tests.bench.bulk_limits [robots changed]``.

Every metric of each changed robot, in a fleet of 2,000, in one transaction: for the first time,
then again with other values, then reset. Prints seconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import psycopg

from glue.core.metrics import METRICS
from glue.store import thresholds
from tests import programs

FLEET = 2000


def main(changed: int) -> None:
    ground = programs.lay_ground()
    try:
        cluster = programs.migrated_cluster(ground)
        with cluster.fresh() as made:
            asyncio.run(_measure(made.dsn, changed))
    finally:
        ground.clear()


async def _measure(dsn: str, changed: int) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        await conn.execute(
            "INSERT INTO robots (robot_id) SELECT 'r' || n FROM generate_series(1, %s) n", (FLEET,)
        )
        await conn.commit()
        for what, shift in (("set", 1.0), ("changed", 2.0)):
            began = time.monotonic()
            assert not await thresholds.put_many(conn, _rows(changed, shift))
            await conn.commit()
            print(f"{changed} robots, {len(METRICS)} metrics each, {what}: {_since(began)}")
        began = time.monotonic()
        pairs = [(row["robot_id"], row["metric"]) for row in _rows(changed, 0)]
        assert await thresholds.reset_many(conn, pairs) == len(pairs)
        await conn.commit()
        print(f"{changed} robots, {len(METRICS)} metrics each, reset: {_since(began)}")


def _rows(robots: int, shift: float) -> list[dict[str, Any]]:
    return [
        {
            "robot_id": f"r{n}",
            "metric": metric.name,
            "warning": metric.warning + shift,
            "critical": metric.critical + shift,
            "warning_recovery": None,
            "critical_recovery": None,
            "enabled": None,
        }
        for n in range(1, robots + 1)
        for metric in METRICS.values()
    ]


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.2f} s"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
