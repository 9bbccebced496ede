"""Alerts drawn over a robot's charts: from opening to end, in the colour of their severity."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, DataSourceRef

from .look import INFO, SEVERITY
from .queries import POSTGRES, SQL, THIS_ROBOT_SQL


class _Queried(AnnotationQuery):
    """The builder package's annotation has no place for a query of PostgreSQL."""

    query: SQL

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "target": self.query}


@dataclass(frozen=True)
class Alerts(Builder[AnnotationQuery]):
    """Alerts of ``severity`` that touch the time range; an open one reaches to now."""

    severity: str

    def build(self) -> AnnotationQuery:
        shown = _Queried(
            name=f"{self.severity.capitalize()} alerts",
            datasource=POSTGRES,
            enable=True,
            icon_color=SEVERITY[self.severity],
        )
        shown.query = SQL("Anno", self._query())
        return shown

    def _query(self) -> str:
        return f"""
        SELECT coalesce(starts_at, created_at) AS "time", coalesce(resolved_at, now()) AS "timeend",
        title AS "text", severity || ',' || alert_type || ',' || state AS "tags"
        FROM grafana.alerts
        WHERE {THIS_ROBOT_SQL} AND severity = '{self.severity}'
        AND coalesce(starts_at, created_at) <= $__timeTo()
        AND coalesce(resolved_at, now()) >= $__timeFrom()
        ORDER BY 1 DESC LIMIT 200
        """


def every_rule() -> db.AnnotationQuery:
    """Grafana's own marks, switched off but there to be switched on: it adds them unasked, and
    they tell of a rule's changes for all robots, not of the robot that is looked at."""
    return (
        db.AnnotationQuery()
        .name("Notes, and rule states of all robots")
        .datasource(DataSourceRef("grafana", "-- Grafana --"))
        .built_in(1)
        .type("dashboard")
        .enable(False)
        .icon_color(INFO)
    )
