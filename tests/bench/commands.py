"""How long a command and its answer take, and how long until a whole fleet has stopped.

    python -m tests.bench.commands [--robots 2000] [--commands 200]

Simulated robots in a process of their own, sending as they always do; the API, the loop of commands
and the events' consumer in this one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from statistics import quantiles
from typing import Any

from glue.settings import Settings
from glue.stack.parts import mosquitto
from tests import programs
from tests.api import Api, served
from tests.commanding import commanding
from tests.events import consuming


async def measure(ground: programs.Ground, settings: Settings, robots: int, commands: int) -> None:
    fleet = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "glue.cli", "simulate", "--robots", str(robots)),
        *("--scenario", "normal", "--json"),
        env={**os.environ, **ground.environ},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with served(settings) as api, commanding(api), consuming(settings):
            while await online(api) < robots:
                await asyncio.sleep(0.5)
            await asyncio.sleep(15)
            took = [await stop_one(api) for _ in range(commands)]
            cuts = quantiles(took, n=100)
            print(f"{commands} commands: median {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms")
            for _ in range(3):
                began = time.monotonic()
                told = (await api.post("operator", "/emergency-stop")).json()
                seconds = time.monotonic() - began
                answered = [one for one in told["answers"] if one["success"]]
                print(
                    f"emergency stop: {len(answered)} of {robots} robots answered, "
                    f"{len(told['missing'])} missing, recorded {told['recorded']}, {seconds:.2f} s"
                )
                await asyncio.sleep(5)
    finally:
        fleet.terminate()
        await fleet.wait()


async def online(api: Api) -> int:
    (row,) = await api.rows("SELECT count(*) AS n FROM robots WHERE status = 'online'")
    return int(row["n"])


async def stop_one(api: Api) -> float:
    """Milliseconds."""
    body: dict[str, Any] = {"command": {"type": "stop"}}
    began = time.monotonic()
    answer = await api.post("operator", "/robots/sim_01/commands", body)
    assert answer.status_code == 200, answer.text
    return 1000 * (time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--robots", type=int, default=2000)
    parser.add_argument("--commands", type=int, default=200)
    given = parser.parse_args()
    ground = programs.lay_ground()
    try:
        ground.start(mosquitto.part(ground.site()))
        cluster = programs.migrated_cluster(ground)
        settings = ground.settings(PGDATABASE=cluster.create("bench").database)
        asyncio.run(measure(ground, settings, given.robots, given.commands))
    finally:
        ground.clear()


if __name__ == "__main__":
    main()
