"""Limit crossed to alert row: ``python -m tests.bench.alert_latency [--interval 10] [--standby]``.

Twenty robots, quiet for a minute, cross their servo limit one after another at moments spread over
the evaluation interval. The time runs from the write of the first hot point to ``created_at`` of
the row in PostgreSQL. Real PostgreSQL, InfluxDB, Mosquitto, glue and (unless ``--standby``) Grafana
stock at 10 s, in the fast profile
below.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from datetime import UTC, datetime

from glue.series import admin
from glue.stack.parts import influxdb, mosquitto
from tests import programs
from tests.alert_stack import Feeder, running_glue

ROBOTS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--standby", action="store_true")
    parser.add_argument("--quiet", type=float, default=60.0)
    asked = parser.parse_args()
    ground = programs.lay_ground()
    try:
        took = measure(ground, asked.interval, asked.standby, asked.quiet)
    finally:
        ground.clear()
    who = "standby" if asked.standby else "Grafana"
    print(
        f"{who}, {asked.interval:g} s, {len(took)} robots: median {statistics.median(took):.1f} s,"
        f" worst {max(took):.1f} s"
    )


def measure(ground, interval: float, standby: bool, quiet: float) -> list[float]:
    cluster = programs.migrated_cluster(ground)
    ground.start(mosquitto.part(ground.site()))
    ground.start(influxdb.part(ground.site()))
    tokens = admin.prepare(ground.settings().influx)
    ground.environ |= {
        "INFLUXDB_TOKEN": tokens.admin,
        "INFLUXDB_GRAFANA_TOKEN": tokens.grafana,
        "GLUE_EVALUATION_INTERVAL": str(interval),
        "PGDATABASE": cluster.create().database,
    }
    if standby:
        ground.environ["GRAFANA_URL"] = ""
    settings = ground.settings()
    if not standby:
        programs.running_grafana(ground, settings)
    with running_glue(ground, settings) as record, Feeder(settings) as feeder:
        record.run("DELETE FROM robots")
        robots = [f"lat_{n:02}" for n in range(ROBOTS)]
        record.add_robot(*robots)
        for robot in robots:
            feeder.servo(robot, 45)
        record.await_evaluator("standby" if standby else "grafana")
        time.sleep(quiet)
        crossed: dict[str, datetime] = {}
        for robot in robots:
            before = datetime.now(UTC)
            feeder.servo(robot, 66)
            crossed[robot] = before
            time.sleep(random.uniform(0, 2 * interval / 10))
        return [
            (
                record.await_alert(robot, lambda a: True, within=60)["created_at"] - crossed[robot]
            ).total_seconds()
            for robot in robots
        ]


if __name__ == "__main__":
    main()
