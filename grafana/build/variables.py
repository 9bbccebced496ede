"""Variables: ``robot``, which people choose by name; and which robots stand worst, which nobody
chooses: a chart of ten lines then asks for ten series, however large the fleet is."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.models import dashboard as d

from glue.core.limit_rules import READINGS
from glue.core.metrics import METRICS

from .queries import COUNTED, INFLUXDB, NAME_SQL, NEWEST, POSTGRES, trimmed

ROBOTS = f"""
SELECT robot_id AS __value, {NAME_SQL} AS __text
FROM grafana.robots
WHERE registration <> 'refused'
ORDER BY NOT is_active, last_seen IS NULL, name {COUNTED}, robot_id {COUNTED}
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


def any_robot() -> db.QueryVariable:
    """``robot`` again, with all of them for a start. Grafana writes the value of All unquoted into
    a query, hence the quotes here; ``queries.ANY_ROBOT_SQL`` compares with it."""
    return (
        robot()
        .include_all(True)
        .all_value("'*'")
        .current(d.VariableOption(selected=True, text="All", value="$__all"))
    )


def _hidden(
    name: str, source: d.DataSourceRef, query: str, refresh: d.VariableRefresh
) -> db.QueryVariable:
    """A variable that nobody chooses: not shown, and in no address."""
    variable = (
        db.QueryVariable(name)
        .datasource(source)
        .query(query)
        .refresh(refresh)
        .hide(d.VariableHide.HIDE_VARIABLE)
    )
    variable.build().skip_url_sync = True
    return variable


CHOSEN = "SELECT 'var-robot=' || ${robot:sqlstring} WHERE ${robot:sqlstring} <> '*'"


def chosen() -> db.QueryVariable:
    """Hidden: what a link says of the robot; empty where all are looked at."""
    return _hidden("chosen", POSTGRES, CHOSEN, d.VariableRefresh.ON_DASHBOARD_LOAD)


REPORT = "SELECT left(url, -length('console')) || 'reports/new' FROM grafana.console"


def report() -> db.QueryVariable:
    """Hidden: where the glue asks what a report is to be about."""
    return _hidden("report", POSTGRES, REPORT, d.VariableRefresh.ON_DASHBOARD_LOAD)


def window(least: int, most: int) -> db.QueryVariable:
    """Hidden: seconds, as InfluxQL writes them, of the at most ``most`` windows of a time range."""
    seconds = f"greatest({least}, ceil((${{__to}} - ${{__from}}) / {most * 1000}.0))"
    query = f"SELECT {seconds} || 's'"
    return _hidden("window", POSTGRES, query, d.VariableRefresh.ON_TIME_RANGE_CHANGED)


WORST = 10
"""Lines in a chart of the worst: more cannot be told apart."""


def worst(metric: str) -> db.QueryVariable:
    """``worst_<metric>``: ids of the robots whose newest reading is worst, hidden, all taken."""
    reading = READINGS[metric]
    choose = "bottom" if METRICS[metric].direction == "low" else "top"
    each = ', "servo_id"' if reading.measurement == "servos" else ""
    # Grafana offers every column as a value, so the outermost has the id alone.
    query = (
        f'SELECT "robot_id" FROM (SELECT {choose}("v", "robot_id", {WORST}) FROM'
        f' (SELECT last("{reading.field}") AS "v" FROM "{reading.measurement}"'
        f' WHERE {NEWEST} GROUP BY "robot_id"{each}) WHERE {NEWEST})'
        f" WHERE {NEWEST}"
    )
    return (
        _hidden(f"worst_{metric}", INFLUXDB, query, d.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(d.VariableSort.DISABLED)
        .multi(True)
        .include_all(True)
        .current(d.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
