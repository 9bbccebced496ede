"""Alerts drawn over the chart of their metric: from opening to end, in their severity's colour."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationPanelFilter,
    AnnotationQuery,
    DataSourceRef,
)

from glue.core.fleet_changes import FLEET, TAG
from glue.core.metrics import METRICS, Severity
from glue.core.rules import BY_KEY

from .look import INFO, SEVERITY
from .queries import POSTGRES, SQL, THIS_ROBOT_SQL


class _Queried(AnnotationQuery):
    """The builder package's annotation has no place for a query of PostgreSQL."""

    query: SQL

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "target": self.query}


@dataclass(frozen=True)
class Alerts(Builder[AnnotationQuery]):
    """Alerts of a metric that touch the time range, by their highest severity; an open one reaches
    to now.

    One query a metric and severity: Grafana knows a colour and panels for a query, not for a row.
    ``panels`` are the numbers of those that they are drawn over; unless given, the rule's own.
    ``source`` leaves those that are of this part of the robot, or of none.
    """

    metric: str
    severity: Severity
    panels: tuple[int, ...] = ()
    source: str | None = None

    def build(self) -> AnnotationQuery:
        rule = (BY_KEY[self.metric, self.severity].panel,)
        shown = _Queried(
            name=" ".join(filter(None, (METRICS[self.metric].title, self.source, self.severity))),
            datasource=POSTGRES,
            enable=True,
            hide=True,
            filter_val=AnnotationPanelFilter(ids=list(self.panels or rule)),
            icon_color=SEVERITY[self.severity],
        )
        shown.query = SQL("Anno", self._query())
        return shown

    def _query(self) -> str:
        of = f" AND coalesce(source, '{self.source}') = '{self.source}'" if self.source else ""
        return f"""
        SELECT coalesce(starts_at, created_at) AS "time", coalesce(resolved_at, now()) AS "timeend",
        title AS "text", worst_severity || ',' || state AS "tags"
        FROM grafana.alerts
        WHERE {THIS_ROBOT_SQL} AND metric = '{self.metric}'
        AND worst_severity = '{self.severity}'{of}
        AND coalesce(starts_at, created_at) <= $__timeTo()
        AND coalesce(resolved_at, now()) >= $__timeFrom()
        ORDER BY 1 DESC LIMIT 200
        """


def changes(*robots: str) -> db.AnnotationQuery:
    """What people changed: limits, maintenance, whether a robot is watched. The glue writes these
    marks into Grafana. ``robots``: of these alone, and of the whole fleet; none: of all."""
    tags = [*(f"robot:{robot}" for robot in robots), FLEET] if robots else [TAG]
    return (
        db.AnnotationQuery()
        .name("Changes")
        .datasource(DataSourceRef("grafana", "-- Grafana --"))
        .target(db.AnnotationTarget().limit(100).match_any(bool(robots)).tags(tags).type("tags"))
        .enable(True)
        .icon_color(INFO)
    )


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
