"""A fleet with a past, for pages that must stand a lot of it: odd names, alerts in every state,
refused messages, long texts, every kind of thing that a page lists (``console_data.sql``)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg

from glue.settings import Influx, Postgres
from tests.influx import write_points

OPEN = 42
"""Open alerts: nearly as many as a page of the list has."""
LONG = "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichen"
"""Nobody breaks it by hyphens."""
ROBOTS = ("a:b.c-d_e", "h1", "h2", "h10", "W" * 50)
"""In the order in which people count."""


def fill(postgres: Postgres) -> None:
    """Give an empty fleet its past."""
    sql = Path(__file__).with_suffix(".sql").read_text()
    for name, value in (("long", LONG), ("open", str(OPEN)), ("user", LONG[:50])):
        sql = sql.replace(f":{name}", value)
    with psycopg.connect(postgres.dsn) as conn:
        conn.execute(sql.encode())


def refuse(influx: Influx) -> None:
    """Count messages as refused, as Telegraf does when robots send what nobody understands."""
    now = int(datetime.now(UTC).timestamp())
    write_points(
        influx,
        [
            f"refused,topic=tonypi/battery,reason=not\\ a\\ number count=3i {now - 30}",
            f"refused,topic=tonypi/{LONG},reason=not\\ JSON count=12i {now - 60}",
        ],
    )
