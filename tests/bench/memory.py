"""Memory and CPU of each part: ``python -m tests.bench.memory [--robots 2 100] [--minutes 3]``.

Runs ``tonypi up`` in a folder of its own with so many simulated robots, waits, and adds up each
part's processes: proportional set size from ``/proc/<pid>/smaps_rollup`` and the CPU time of the
last minute.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from glue.stack import probe

TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robots", type=int, nargs="+", default=[2, 100])
    parser.add_argument("--minutes", type=float, default=3.0)
    asked = parser.parse_args()
    for robots in asked.robots:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), robots, asked.minutes * 60)


def measure(folder: Path, robots: int, seconds: float) -> None:
    folder.chmod(0o755)
    environ = {
        **{k: os.environ[k] for k in ("PATH", "HOME", "GRAFANA_HOME") if k in os.environ},
        "TONYPI_HOME": str(folder / "home"),
        "ROBOTS": str(robots),
        "MQTT_BROKER_PORT": str(probe.free_port()),
        "PGPORT": str(probe.free_port()),
        "INFLUXDB_URL": f"http://127.0.0.1:{probe.free_port()}",
        "GRAFANA_URL": f"http://127.0.0.1:{probe.free_port()}",
        "GLUE_PORT": str(probe.free_port()),
    }

    def tonypi(*words: str) -> str:
        command = [sys.executable, "-m", "glue.cli", *words]
        return subprocess.run(
            command, env=environ, check=True, capture_output=True, text=True
        ).stdout

    tonypi("up")
    try:
        time.sleep(seconds - 60)
        parts = {n: p["pid"] for n, p in json.loads(tonypi("status", "--json"))["parts"].items()}
        before = {name: cpu(tree(pid)) for name, pid in parts.items()}
        time.sleep(60)
        print(f"{robots} robots, after {seconds:.0f} s:")
        total = 0.0
        for name, pid in parts.items():
            found = tree(pid)
            total += (memory := pss(found))
            busy = (cpu(found) - before[name]) / 60 * 100
            print(f"  {name:10} {memory:7.0f} MiB {busy:6.1f} % of a core")
        print(f"  {'all':10} {total:7.0f} MiB", flush=True)
    finally:
        tonypi("down", "--purge", "--yes")


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for child in _read(pid, f"task/{pid}/children").split():
        found += tree(int(child))
    return found


def pss(pids: list[int]) -> float:
    """MiB, shared pages counted in parts."""
    return sum(_of(_read(p, "smaps_rollup"), "Pss:") for p in pids) / 1024


def cpu(pids: list[int]) -> float:
    """Seconds of user and system time."""
    told = (_read(p, "stat").rpartition(")")[2].split()[11:13] for p in pids)
    return sum(sum(map(int, times)) for times in told) / TICKS


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):  # one that ended meanwhile, as PostgreSQL's do
        return ""


def _of(text: str, key: str) -> int:
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(key)), 0)


if __name__ == "__main__":
    main()
