"""Grafana's API behind one adapter, the only place that knows its endpoints and versions."""

from glue.grafana.accounts import Accounts
from glue.grafana.alert_history import AlertHistory
from glue.grafana.alert_state import AlertState
from glue.grafana.dashboards import Dashboards
from glue.grafana.errors import (
    GrafanaConflict,
    GrafanaDenied,
    GrafanaError,
    GrafanaMissing,
    GrafanaUnavailable,
    GrafanaUnsupported,
)
from glue.grafana.files import ProvisionedFiles
from glue.grafana.folders import Folders
from glue.grafana.marks import Marks
from glue.grafana.silences import Silences
from glue.grafana.standing import Standing
from glue.grafana.teams import Teams

__all__ = [
    "Grafana",
    "GrafanaConflict",
    "GrafanaDenied",
    "GrafanaError",
    "GrafanaMissing",
    "GrafanaUnavailable",
    "GrafanaUnsupported",
]


class Grafana(
    AlertState,
    AlertHistory,
    Standing,
    Accounts,
    Teams,
    Folders,
    Marks,
    Silences,
    Dashboards,
    ProvisionedFiles,
):
    """One Grafana: every call that we make, one class a noun."""
