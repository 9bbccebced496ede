"""What the dashboards are called, and where Grafana shows them."""

from __future__ import annotations

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


REPORTS = {"tonypi-jobs": "job", "tonypi-power": "battery"} | dict.fromkeys(
    ("tonypi-servos", "tonypi-motion", "tonypi-logs", "tonypi-pipeline"), "system"
)
"""The type of report that is nearest to a dashboard, where it is not ``performance``."""


def address(uid: str) -> str:
    """Where Grafana shows the dashboard."""
    return f"/d/{uid}/{SET[uid].lower()}"
