"""What all dashboards share: their names, the links between them, time, refresh, tooltips."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.models import dashboard as d

SET = {
    "tonypi-fleet": "Fleet",
    "tonypi-robot": "Robot",
    "tonypi-servos": "Servos",
    "tonypi-motion": "Motion",
    "tonypi-power": "Power",
    "tonypi-jobs": "Jobs",
    "tonypi-alerts": "Alerts",
    "tonypi-logs": "Logs",
    "tonypi-pipeline": "Pipeline",
}
"""Titles by uid, in the order in which they are offered."""


def address(uid: str) -> str:
    """Where Grafana shows the dashboard."""
    return f"/d/{uid}/{SET[uid].lower()}"


def board(uid: str, description: str, *, since: str = "now-15m") -> db.Dashboard:
    """A dashboard of the set, without panels. ``since`` counts for who comes without a time; the
    links to the others take time and robot along."""
    made = (
        db.Dashboard(SET[uid])
        .uid(uid)
        .description(description)
        .tags(["tonypi"])
        .readonly()
        .tooltip(d.DashboardCursorSync.CROSSHAIR)
        .time(since, "now")
        .refresh("10s" if since == "now-15m" else "1m")
        .timezone("browser")
    )
    for other in SET:
        if other != uid:
            made.link(_link(other))
    return made


def _link(uid: str) -> db.DashboardLink:
    return (
        db.DashboardLink(SET[uid])
        .type(d.DashboardLinkType.LINK)
        .url(address(uid))
        .icon("dashboard")
        .tooltip(f"{SET[uid]}, at this time and for this robot")
        .keep_time(True)
        .include_vars(True)
    )
