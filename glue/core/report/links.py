"""Links from a report's sections to the dashboards that show the same time and robot."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from glue.core.report.content import Link
from glue.core.report.request import Request

FLEET, ROBOT = "tonypi-fleet", "tonypi-robot"


def dashboards(request: Request, grafana: str) -> Mapping[str, list[Link]]:
    """By section; empty without Grafana (``grafana`` is its root as browsers reach it)."""
    if not grafana:
        return {}
    around = {
        "from": str(round(request.since.timestamp() * 1000)),
        "to": str(round(request.until.timestamp() * 1000)),
        "timezone": request.zone,
    }
    if request.scope == "robot":
        asked = around | {"var-robot": request.robots[0]}
        link = Link(text="Open this robot in Grafana", url=_url(grafana, ROBOT, asked))
    else:
        link = Link(text="Open the fleet in Grafana", url=_url(grafana, FLEET, around))
    return {section: [link] for section in request.chosen}


def _url(grafana: str, dashboard: str, asked: Mapping[str, str]) -> str:
    return f"{grafana}/d/{dashboard}?{urlencode(asked)}"
