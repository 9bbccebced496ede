"""``python -m grafana.build [--check] [--folder DIR]``: write the dashboards, or say what is stale.

Exit codes: 0 written or current, 1 stale.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from . import alerts, fleet, jobs, logs, motion, pipeline, power, robot, servos

FOLDER = Path(__file__).resolve().parent.parent / "dashboards"
DASHBOARDS: dict[str, Callable[[], db.Dashboard]] = {
    "fleet.json": fleet.dashboard,
    "robot.json": robot.dashboard,
    "servos.json": servos.dashboard,
    "motion.json": motion.dashboard,
    "power.json": power.dashboard,
    "jobs.json": jobs.dashboard,
    "alerts.json": alerts.dashboard,
    "logs.json": logs.dashboard,
    "pipeline.json": pipeline.dashboard,
}

STALE = 1


def text(dashboard: db.Dashboard) -> str:
    """The file of ``dashboard``; the same on every machine."""
    return json.dumps(dashboard.build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path) -> dict[Path, str]:
    """The files that are not as the code says, with what they should be."""
    wanted = {folder / name: text(build()) for name, build in DASHBOARDS.items()}
    return {
        path: content
        for path, content in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tonypi dashboards build")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    chosen = parser.parse_args(arguments)
    found = stale(chosen.folder)
    for path, content in found.items():
        if chosen.check:
            print(f"{path.name} is stale; run `tonypi dashboards build`", file=sys.stderr)
        else:
            path.write_text(content, encoding="utf-8")
            print(f"wrote {path.name}")
    if not found:
        print("dashboards are up to date")
    return STALE if found and chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
