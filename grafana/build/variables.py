"""The variable ``robot``: people choose a name, queries get the id."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.models import dashboard as d

from .queries import NAME_SQL, POSTGRES, trimmed

ROBOTS = f"""
SELECT robot_id AS __value, {NAME_SQL} AS __text
FROM grafana.robots
WHERE registration <> 'refused'
ORDER BY NOT is_active, last_seen IS NULL, name, robot_id
"""


def robot() -> db.QueryVariable:
    """Asked anew when the time range moves, so that a new robot appears without a reload."""
    return (
        db.QueryVariable("robot")
        .label("Robot")
        .description("Active robots first, then those that were never seen or are not in use.")
        .datasource(POSTGRES)
        .query(trimmed(ROBOTS))
        .refresh(d.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(d.VariableSort.DISABLED)
    )
