"""Grafana's API behind one adapter, the only place that knows its endpoints and versions."""

from glue.grafana.client import Grafana, GrafanaError, GrafanaUnavailable

__all__ = ["Grafana", "GrafanaError", "GrafanaUnavailable"]
