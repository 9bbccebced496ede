"""A whole fleet that reports at once, again and again: delay, memory, losses.

    python -m tests.bench.status_storm [--robots 2000] [--seconds 30] [--flip] [--hold 15]

Every second all robots send a status in one burst, and every twentieth a numbered log line. The
glue's consumer is a process of its own. With ``--flip`` each status differs from the one before it,
so that every row is a change that listeners are told of; else they are signs of life. With
``--hold`` nothing can be written to PostgreSQL for so many seconds in the middle.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from glue.broker import Session
from glue.settings import Settings
from glue.stack.parts import mosquitto
from tests import programs

LAG = "SELECT max((system_info ->> 'sent')::float8) FROM robots"


def memory(pid: int, name: str) -> float:
    """MiB that the process has (VmRSS), or had at most (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (found,) = [line for line in lines if line.startswith(f"{name}:")]
    return int(found.split()[1]) / 1024


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as conn:
        return conn.execute(query).fetchall()  # type: ignore[arg-type]


async def burst(session: Session, number: int, robots: int, flip: bool) -> int:
    """One status of each robot; how many log lines came with it."""
    lines = 0
    for robot in range(robots):
        word = "error" if flip and number % 2 else "online"
        said = {"status": word, "system_info": {"sent": time.time(), "number": number}}
        while not session.publish(f"tonypi/status/r{robot:04d}", json.dumps(said)):
            await asyncio.sleep(0.001)
        if robot % 20 == 0:
            line = json.dumps({"message": f"{number} {robot}"})
            while not session.publish(f"tonypi/logs/r{robot:04d}", line):
                await asyncio.sleep(0.001)
            lines += 1
        if robot % 100 == 0:
            await asyncio.sleep(0)
    return lines


def hold(dsn: str, seconds: float) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("LOCK TABLE robots IN SHARE MODE")
        time.sleep(seconds)


async def storm(settings: Settings, pid: int, given: argparse.Namespace) -> None:
    robots, seconds, flip = given.robots, given.seconds, given.flip
    dsn = settings.postgres.dsn
    session = Session(settings.broker, "bench-storm")
    await session.start(wait=10)
    while not rows(dsn, "SELECT 1 FROM heartbeats WHERE listened > 0"):
        await asyncio.sleep(0.2)
    await burst(session, 0, robots, False)
    while rows(dsn, "SELECT count(*) FROM robots WHERE system_info IS NOT NULL") != [(robots,)]:
        await asyncio.sleep(0.2)
    before, used, lags, lines, stop = memory(pid, "VmRSS"), cpu(pid), [], robots // 20, False

    async def watch() -> None:
        while not stop:
            ((newest,),) = await asyncio.to_thread(rows, dsn, LAG)
            lags.append(time.time() - newest)
            await asyncio.sleep(0.25)

    watching = asyncio.create_task(watch())
    began = time.monotonic()
    holding = None
    for number in range(1, seconds + 1):
        if given.hold and number == 5:
            holding = asyncio.create_task(asyncio.to_thread(hold, dsn, given.hold))
        lines += await burst(session, number, robots, flip)
        await asyncio.sleep(max(0.0, began + number - time.monotonic()))
    if holding:
        await holding
    sent_for = time.monotonic() - began
    stop = True
    await watching
    done = f"SELECT count(*) FROM robots WHERE (system_info ->> 'number')::int = {seconds}"
    late = time.monotonic()
    while rows(dsn, done) != [(robots,)] and time.monotonic() < late + 60:
        await asyncio.sleep(0.05)
    caught_up = time.monotonic() - late
    await asyncio.sleep(0.5)
    await session.stop()
    ((kept,),) = rows(dsn, "SELECT count(DISTINCT message) FROM system_logs")
    ((all_kept,),) = rows(dsn, "SELECT count(*) FROM system_logs")
    ((behind,),) = rows(dsn, f"SELECT {robots} - count FROM ({done}) AS t(count)")
    lags.sort()
    rate = robots * seconds * 1.05 / sent_for
    what = f"{robots} robots, {seconds} bursts{', each a change' if flip else ''}"
    print(f"{what}: {rate:.0f}/s;", end=" ")
    # The newest status is up to a second old before the next burst comes.
    print(f"behind by {statistics.median(lags):.2f} s, at most {lags[-1]:.2f} s;", end=" ")
    print(f"done {caught_up:.2f} s after the last;", end=" ")
    print(f"lines: {lines - kept} of {lines} lost, {all_kept - kept} twice;", end=" ")
    print(f"robots behind: {behind};", end=" ")
    print(f"memory {before:.0f} MiB, at most {memory(pid, 'VmHWM'):.0f};", end=" ")
    print(f"CPU {100 * (cpu(pid) - used) / (time.monotonic() - began):.0f} %")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--robots", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--hold", type=float, default=0.0)
    given = parser.parse_args()
    ground = programs.lay_ground()
    try:
        ground.start(mosquitto.part(ground.site()))
        cluster = programs.migrated_cluster(ground)
        settings = ground.settings(PGDATABASE=cluster.create("bench").database)
        consumer = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.events_process"],
            env={**os.environ, **ground.environ, "PGDATABASE": "bench"},
            stdout=subprocess.DEVNULL,
        )
        try:
            asyncio.run(storm(settings, consumer.pid, given))
        finally:
            consumer.kill()
            consumer.wait()
    finally:
        ground.clear()


if __name__ == "__main__":
    main()
