"""What the dashboards' queries take: ``python -m tests.bench.dashboards [robots]``.

A fleet of 2,000 over seven days, written straight into InfluxDB and PostgreSQL. One robot is as
dense as a TonyPi sends. The others are thinner, as printed: all that a fleet sends in a week would
be 20 thousand million points. Every query of every panel and every hidden variable is asked with
the rights of Grafana's data sources, three times, over 15 minutes, 6 hours and 7 days; the median
counts, and a panel takes what its slowest query takes. ``INFLUXDB_VERSION`` chooses the InfluxDB.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
from pydantic import SecretStr

from glue.series import admin
from glue.settings import Settings
from glue.stack.parts import influxdb
from glue.store import accounts
from tests import panel_queries, programs
from tests.bench import dashboards_fleet as fleet
from tests.panel_queries import DASHBOARDS, Looking

RANGES = {"15 min": 900, "6 h": 6 * 3600, "7 d": 7 * 86_400}
TIMES = 3
SLOW_MS = 1000
Ask = Callable[[str], None]


def main(robots: int) -> None:
    ground = programs.lay_ground()
    try:
        ground.start(influxdb.part(ground.site()))
        influx = ground.settings().influx
        tokens = admin.prepare(influx)
        ground.environ["INFLUXDB_TOKEN"] = tokens.admin
        cluster = programs.migrated_cluster(ground)
        with cluster.fresh() as made:
            settings = ground.settings(PGDATABASE=made.database)
            accounts.prepare(settings.postgres, SecretStr(""))
            until = int(time.time())
            began = time.monotonic()
            points = fleet.fill_influxdb(settings.influx, robots, until)
            rows = fleet.fill_postgresql(made.dsn, robots)
            print(
                f"InfluxDB {admin.version(influx.url)}: {robots} robots, {points / 1e6:.1f} million"
                f" points, {rows / 1e6:.2f} million rows, in {time.monotonic() - began:.0f} s"
            )
            print(fleet.DENSITY)
            _measure(settings, tokens.grafana, until)
    finally:
        ground.clear()


def _measure(settings: Settings, token: str, until: int) -> None:
    own = settings.postgres
    reader = own.model_copy(update={"user": "grafana_reader", "password": own.reader_password})
    with (
        httpx.Client(
            base_url=settings.influx.url, headers={"Authorization": f"Token {token}"}, timeout=120
        ) as client,
        psycopg.connect(reader.dsn, autocommit=True) as conn,
    ):

        def influxql(query: str) -> list[Any]:
            answer = client.get(
                "/query", params={"db": settings.influx.bucket, "q": query, "epoch": "ms"}
            )
            answer.raise_for_status()
            (result,) = answer.json()["results"]
            assert "error" not in result, (result, query)
            return list(result.get("series", []))

        def sql(query: str) -> list[Any]:
            return list(conn.execute(query.encode()).fetchall())

        print("| dashboard | " + " | ".join(RANGES) + " |")
        print("|---|" + "---|" * len(RANGES))
        for uid in DASHBOARDS:
            cells = []
            for seconds in RANGES.values():
                slowest = max(_panels(uid, until - seconds, until, influxql, sql))
                mark = " **slow**" if slowest[0] > SLOW_MS else ""
                cells.append(f"{slowest[0]:.0f} ms ({slowest[1]}){mark}")
            print(f"| {DASHBOARDS[uid]['title']} | " + " | ".join(cells) + " |", flush=True)


def _panels(
    uid: str,
    since: int,
    until: int,
    influxql: Callable[[str], list[Any]],
    sql: Callable[[str], list[Any]],
) -> Iterator[tuple[float, str]]:
    """(milliseconds, name) of each variable and panel."""
    values: dict[str, str | list[str]] = {"robot": fleet.DENSE, "level": "INFO", "search": ""}
    if any(v["name"] == "chosen" for v in DASHBOARDS[uid]["templating"]["list"]):
        values["robot"] = "'*'"
    looking = Looking(since, until, values)
    for variable in DASHBOARDS[uid]["templating"]["list"]:
        if variable["type"] != "query":
            continue
        query = panel_queries.filled(variable["query"], looking)
        if variable["datasource"]["uid"] == "influxdb":
            took, found = _timed(influxql, query)
            values[variable["name"]] = [row[1] for s in found for row in s["values"]]
        else:
            took, found = _timed(sql, query)
            if variable.get("hide") and found:
                values[variable["name"]] = str(found[0][0])
        yield took, f"variable {variable['name']}"
    for panel in DASHBOARDS[uid]["panels"]:
        interval = panel_queries.interval(panel, looking)
        took_each = [0.0]
        for target in panel.get("targets", []):
            query = panel_queries.filled(target.get("query") or target["rawSql"], looking, interval)
            ask = influxql if target["datasource"]["uid"] == "influxdb" else sql
            took_each.append(_timed(ask, query)[0])
        yield max(took_each), panel["title"]


def _timed(ask: Callable[[str], list[Any]], query: str) -> tuple[float, list[Any]]:
    took = []
    found: list[Any] = []
    for _ in range(TIMES):
        began = time.monotonic()
        found = ask(query)
        took.append((time.monotonic() - began) * 1000)
        if took[-1] > 10 * SLOW_MS:
            break
    return statistics.median(took), found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
