"""Links from a report's sections to the dashboards that show the same time and robot."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from glue.core.report.content import Link
from glue.core.report.request import Request

OF_ROBOT = {
    "battery": "Power", "servos": "Servos", "jobs": "Jobs", "alerts": "Alerts", "logs": "Logs",
}  # fmt: skip
"""Dashboards of single sections; the others are seen on ``Robot``."""
OF_FLEET = {"jobs": "Jobs", "alerts": "Alerts", "logs": "Logs"}
"""The same for many robots, else ``Fleet``."""


def dashboards(request: Request, grafana: str) -> Mapping[str, list[Link]]:
    """By section; empty without Grafana (``grafana`` is its root as browsers reach it)."""
    if not grafana:
        return {}
    asked = {
        "from": str(round(request.since.timestamp() * 1000)),
        "to": str(round(request.until.timestamp() * 1000)),
        "timezone": request.zone,
    }
    one = request.scope == "robot"
    if one:
        asked["var-robot"] = request.robots[0]
    of, else_ = (OF_ROBOT, "Robot") if one else (OF_FLEET, "Fleet")
    return {section: [_link(grafana, of.get(section, else_), asked)] for section in request.chosen}


def _link(grafana: str, title: str, asked: Mapping[str, str]) -> Link:
    url = f"{grafana}/d/tonypi-{title.lower()}?{urlencode(asked)}"
    return Link(text=f"Open {title} in Grafana", url=url)
