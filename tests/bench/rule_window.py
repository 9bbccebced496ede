"""What a rule's window costs: ``python -m tests.bench.rule_window``.

The servo rule's InfluxQL on 2,000 robots of six servos: a week of points every two hours, and 15
minutes of points every 6 s (2.8 million), asked with windows of 60, 300 and 900 s; and of 900 s
without the time in its outermost ``SELECT``.
"""

from __future__ import annotations

import statistics
import time

import httpx

from glue.core.limit_rules import READINGS
from glue.series import admin
from glue.stack.parts import influxdb
from tests import programs

ROBOTS = 2000
WEEK = 7 * 86_400 - 3600
RULE = READINGS["servo_temp"].influxql


def main() -> None:
    ground = programs.lay_ground()
    try:
        ground.start(influxdb.part(ground.site()))
        influx = ground.settings().influx
        token = admin.prepare(influx).admin
        with httpx.Client(
            base_url=influx.url, headers={"Authorization": f"Token {token}"}, timeout=120
        ) as client:
            fill(client)
            for window in (60, 300, 900):
                took = [ask(client, RULE, window) for _ in range(5)]
                print(f"window {window} s: median {statistics.median(took):.2f} s")
            inner = RULE.replace(") WHERE $timeFilter", ")")
            took = [ask(client, inner, 900) for _ in range(5)]
            print(f"window 900 s, no time outside: median {statistics.median(took):.2f} s")
    finally:
        ground.clear()


def fill(client: httpx.Client) -> None:
    now = int(time.time())
    for second in (*range(now - WEEK, now - 900, 7200), *range(now - 900, now, 6)):
        body = "\n".join(
            f"servos,robot_id=bot_{robot},servo_id=servo_{servo}"
            f" temperature={40 + servo + robot % 10}.5 {second}"
            for robot in range(ROBOTS)
            for servo in range(1, 7)
        )
        url = "/api/v2/write?org=tonypi&bucket=robot_metrics&precision=s"
        client.post(url, content=body).raise_for_status()


def ask(client: httpx.Client, rule: str, window: int) -> float:
    when = f"time >= now() - {window}s AND time < now() + 60s"
    query = rule.replace("$timeFilter", when)
    began = time.monotonic()
    answer = client.post("/query", data={"db": "robot_metrics", "q": query})
    assert len(answer.json()["results"][0]["series"]) == ROBOTS
    return time.monotonic() - began


if __name__ == "__main__":
    main()
