"""Something is away, alerts are open: ``python -m tests.bench.outages [--away 60] [--frozen 300]``.

Real programs, Grafana stock at 10 s. The glue is frozen (SIGSTOP) for ``--frozen`` seconds while
100 simulated robots go on sending. Then PostgreSQL, then InfluxDB, is away for ``--away`` seconds
with three alerts open, and again with one robot as the whole fleet. Each ends in a ledger.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time

from glue.environment import exported
from glue.stack.parts import mosquitto, telegraf
from tests import programs
from tests.alert_stack import Feeder, Record, running_glue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--away", type=float, default=60.0)
    parser.add_argument("--frozen", type=float, default=300.0)
    asked = parser.parse_args()
    ground = programs.lay_ground()
    try:
        cluster = programs.migrated_cluster(ground)
        ground.start(mosquitto.part(ground.site()))
        programs.running_influxdb(ground)
        ground.environ["PGDATABASE"] = cluster.create().database
        settings = ground.settings()
        programs.running_grafana(ground, settings)
        with running_glue(ground, settings) as record:
            frozen(ground, settings, record, asked.frozen)
            for fleet in (3, 1):
                for part in ("postgres", "influxdb"):
                    away(ground, settings, record, part, fleet, asked.away)
    finally:
        ground.clear()


def away(ground, settings, record: Record, name: str, fleet: int, seconds: float) -> None:
    robots = [f"{name}_{fleet}_{n}" for n in range(fleet)]
    record.run("DELETE FROM robots")
    record.add_robot(*robots)
    with Feeder(settings) as feeder:
        for robot in robots:
            feeder.servo(robot, 66)
        record.await_evaluator("grafana", within=120)
        before = {r: record.await_alert(r, lambda a: not a["resolved"]) for r in robots}
        part, _ = ground.running[name]
        ground.stop(name)
        time.sleep(seconds)
        ground.start(part)
        time.sleep(60)
        ok = sum(
            [(a["id"], a["starts_at"], a["resolved"]) for a in record.alerts(r)]
            == [(before[r]["id"], before[r]["starts_at"], False)]
            for r in robots
        )
        rows = sum(len(record.alerts(r)) for r in robots)
        for robot in robots:
            feeder.servo(robot, 40)
        for robot in robots:
            record.await_alert(robot, lambda a: a["resolved"], within=90)
    print(
        f"{name} away for {seconds:g} s, fleet of {fleet}: same episode, open, same start: {ok};"
        f" duplicate {rows - len(robots)}",
        flush=True,
    )


def frozen(ground, settings, record: Record, seconds: float) -> None:
    record.run("DELETE FROM robots")
    ground.start(telegraf.part(ground.site(settings)))
    simulator = subprocess.Popen(
        [sys.executable, "-m", "glue.cli", "simulate", "--robots", "100", "--scenario", "normal"],
        env=exported(settings) | {"TONYPI_HOME": str(ground.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(45)
        _, glue = ground.running["glue"]
        glue.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        glue.send_signal(signal.SIGCONT)
        time.sleep(60)
    finally:
        simulator.terminate()
        simulator.wait()
    told = record.rows("SELECT metric, count(*) FROM alerts GROUP BY metric ORDER BY metric")
    print(
        f"glue frozen for {seconds:g} s with 100 robots: "
        + (", ".join(f"{row['metric']} {row['count']}" for row in told) or "no alert"),
        flush=True,
    )


if __name__ == "__main__":
    main()
