"""What fresh connections cost Grafana: ``python -m tests.bench.reader_pool [queries]``.

Data sources of Grafana's PostgreSQL role keep no idle connections, so that nothing of a person's
session reaches anybody else's. Two data sources that differ in that alone are asked the rules'
limit queries through Grafana's API, one after the other, in turns; printed are the medians, and
what follows for all rules a cycle. Real PostgreSQL and Grafana.
"""

from __future__ import annotations

import statistics
import sys
import time

import httpx
from pydantic import SecretStr

from glue.core.rules import RULES
from glue.store import accounts
from tests import programs

IDLE = {"pooled": 12, "fresh": 0}


def main(queries: int) -> None:
    ground = programs.lay_ground()
    try:
        programs.running_influxdb(ground)
        cluster = programs.migrated_cluster(ground)
        made = cluster.create("fleet")
        settings = ground.settings(PGDATABASE=made.database)
        accounts.prepare(settings.postgres, SecretStr(""))
        programs.running_grafana(ground, settings)
        grafana = settings.grafana
        auth = (grafana.admin_user, grafana.admin_password.get_secret_value())
        with httpx.Client(base_url=grafana.url, auth=auth, timeout=60, trust_env=False) as client:
            _measure(client, settings.postgres, queries)
    finally:
        ground.clear()


def _measure(client: httpx.Client, postgres, queries: int) -> None:  # type: ignore[no-untyped-def]
    for uid, idle in IDLE.items():
        data = {"database": postgres.database, "sslmode": "disable", "postgresVersion": 1500}
        source = {
            "name": uid,
            "uid": uid,
            "type": "postgres",
            "access": "proxy",
            "url": f"{postgres.host}:{postgres.port}",
            "user": accounts.READER,
            "jsonData": {**data, "maxOpenConns": 6, "maxIdleConns": idle},
            "secureJsonData": {"password": postgres.reader_password.get_secret_value()},
        }
        client.post("/api/datasources", json=source).raise_for_status()
    took: dict[str, list[float]] = {uid: [] for uid in IDLE}
    asked = [sql for rule in RULES for sql in (rule.limit_sql, rule.recovery_sql)]
    for number in range(queries):
        for uid, times in took.items():
            query = {
                "refId": "A",
                "datasource": {"uid": uid, "type": "postgres"},
                "rawSql": asked[number % len(asked)],
                "rawQuery": True,
                "format": "table",
            }
            body = {"from": "now-1h", "to": "now", "queries": [query]}
            began = time.monotonic()
            client.post("/api/ds/query", json=body).raise_for_status()
            times.append((time.monotonic() - began) * 1000)
    medians = {uid: statistics.median(times) for uid, times in took.items()}
    for uid, median in medians.items():
        slow = statistics.quantiles(took[uid], n=20)[-1]
        print(f"{uid:7} median {median:6.1f} ms   95 % below {slow:6.1f} ms   of {queries}")
    more = medians["fresh"] - medians["pooled"]
    print(f"{len(asked)} queries a cycle of all rules: {more * len(asked):.0f} ms more in a row")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
