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


def address(uid: str) -> str:
    """Where Grafana shows the dashboard."""
    return f"/d/{uid}/{SET[uid].lower()}"
