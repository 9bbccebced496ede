"""What panels ask: InfluxQL for the robots' series, SQL for what the views of PostgreSQL say.

The builder package has no query types for these two sources, hence the two here. Variables are
written so that every robot id works: ``:regex`` escapes dots and slashes (Grafana's default for
InfluxDB escapes them inside of quotes too, where ``robot.1`` then matches nothing), ``:sqlstring``
quotes for SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from glue.core.metrics import METRICS
from glue.core.rule import AHEAD, WINDOW
from glue.core.rules import RULES

from .names import address

INFLUXDB = DataSourceRef("influxdb", "influxdb")
POSTGRES = DataSourceRef("postgres", "postgres")
MIXED = DataSourceRef("datasource", "-- Mixed --")

THIS_ROBOT = '"robot_id" =~ /^${robot:regex}$/'
THIS_ROBOT_SQL = "robot_id = ${robot:sqlstring}"
ANY_ROBOT_SQL = "${robot:sqlstring} IN (robot_id, '*')"
"""The robot that is chosen, or every row where all are. PostgreSQL still uses a robot's index."""

IN_USE = "registration = 'accepted' AND is_active"
"""SQL for the robots that count."""

LIVE = "state NOT IN ('silent', 'offline', 'never seen')"
"""SQL for the robots that are heard: the readings of others are old."""

COUNTED = "COLLATE grafana.natural_order"
"""SQL behind the name of a robot that is ordered by: tonypi_2 before tonypi_10."""

# Two robots may have one name; then the id tells them apart.
NAME_SQL = (
    "CASE WHEN count(*) OVER (PARTITION BY name) > 1"
    " THEN name || ' (' || robot_id || ')' ELSE name END"
)

RANGE = f"time >= ${{__from}}ms AND time <= ${{__to}}ms + {AHEAD}s"
"""As ``$timeFilter``, and the minute that a robot's clock may be ahead and still be believed.
Charts cannot show that minute, tables and figures can."""
NEWEST = f"time >= ${{__to}}ms - {WINDOW}s AND time <= ${{__to}}ms + {AHEAD}s"
"""The time of "newest reading", which is that of the alert rules: what is older would look as if it
were of now. It is short for InfluxDB's sake, too, which opens every block of a time for each of
thousands of series."""

AROUND = "time >= ${__from}ms - 1h AND time <= ${__to}ms + 1h"
"""For the outermost ``SELECT`` over windows of time. Without a time there InfluxDB opens every
shard that it has; with the very range it says nothing, where the first window begins before."""


WHOLE = "time($__interval, ${__to}ms)"
"""To group by where an unfinished interval would tell less than there is: windows end where the
time range does, so that the last is a whole one."""


@dataclass
class InfluxQL(Builder[Dataquery], Dataquery):
    """One InfluxQL query. As a table it gives one frame with the tags as columns."""

    ref_id: str
    query: str
    as_: Literal["table", "time_series"] = "table"
    alias: str = ""

    def build(self) -> InfluxQL:
        return self

    def to_json(self) -> dict[str, object]:
        return {
            "refId": self.ref_id,
            "datasource": INFLUXDB,
            "rawQuery": True,
            "query": self.query,
            "resultFormat": self.as_,
            **({"alias": self.alias} if self.alias else {}),
        }


@dataclass
class SQL(Builder[Dataquery], Dataquery):
    """One query of the schema ``grafana``. Column names are what people read."""

    ref_id: str
    query: str
    as_: Literal["table", "time_series"] = "table"

    def build(self) -> SQL:
        return self

    def to_json(self) -> dict[str, object]:
        return {
            "refId": self.ref_id,
            "datasource": POSTGRES,
            "rawQuery": True,
            "editorMode": "code",
            "rawSql": trimmed(self.query),
            "format": self.as_,
        }


def trimmed(query: str) -> str:
    """``query`` without the indentation it has in Python."""
    lines = [line.strip() for line in query.strip().splitlines()]
    return "\n".join(lines)


Reducer = Literal["min", "max", "last"]
"""Of a window of readings: no mean, which hides peaks, draws no path and is 0 of what swings."""


def over_time(
    ref_id: str,
    measurement: str,
    fields: dict[str, str],
    reducer: Reducer,
    *,
    group_by: str = "",
    alias: str = "$col",
    only: str = "",
) -> InfluxQL:
    """Series of this robot: ``fields`` as title to field, one ``reducer`` a window; ``only`` is a
    further condition.

    Empty windows stay empty, so that a gap in the data is a gap in the chart.
    """
    columns = ", ".join(f'{reducer}("{field}") AS "{title}"' for title, field in fields.items())
    tag = f', "{group_by}"' if group_by else ""
    condition = f"{only} AND " if only else ""
    return InfluxQL(
        ref_id,
        f'SELECT {columns} FROM "{measurement}" WHERE {THIS_ROBOT} AND {condition}$timeFilter'
        f" GROUP BY time($__interval){tag} fill(null)",
        "time_series",
        alias,
    )


def sql_text(text: str) -> str:
    """``text`` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def limit_lines(ref_id: str, metric: str) -> SQL:
    """The limits in force as two level lines over the whole range, asked anew at each refresh."""
    return SQL(
        ref_id,
        f"""
        SELECT edge.t AS "time", warning AS "Warning limit", critical AS "Critical limit"
        FROM grafana.limits
        CROSS JOIN (VALUES ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) AS edge(t)
        WHERE metric = '{metric}' AND {THIS_ROBOT_SQL}
        ORDER BY 1
        """,
        "time_series",
    )


def limit_steps(ref_id: str, metric: str) -> SQL:
    """The limits in force as one row, for :func:`.look.coloured_by_limits`. From low to high, as
    Grafana takes the columns for steps and looks no further than the first that is not reached."""
    upwards = ("critical", "warning")
    if METRICS[metric].direction == "high":
        upwards = ("warning", "critical")
    return SQL(
        ref_id,
        f"""
        SELECT -1e9 AS floor, {", ".join(upwards)} FROM grafana.limits
        WHERE {THIS_ROBOT_SQL} AND metric = '{metric}'
        """,
    )


def unit_sql(column: str) -> str:
    """SQL for the unit of an alert's value, with the blank before it."""
    units: dict[str, list[str]] = {}
    for rule in RULES:
        if rule.metric not in units.setdefault(rule.unit, []):
            units[rule.unit].append(rule.metric)
    cases = " ".join(
        f"WHEN {column} IN ({', '.join(repr(m) for m in metrics)}) THEN ' {unit}'"
        for unit, metrics in units.items()
    )
    return f"CASE {cases} ELSE '' END"


def severest_first() -> str:
    """SQL to order by."""
    return "array_position(ARRAY['critical', 'warning', 'info'], severity::text)"


def alert_sql() -> str:
    """SQL for an alert's title without the robot's id, beside which it stands anyway."""
    return (
        "CASE WHEN starts_with(title, robot_id || ': ')"
        " THEN upper(substr(title, length(robot_id) + 3, 1))"
        " || substr(title, length(robot_id) + 4) ELSE title END"
    )


def alert_link_sql(began: str) -> str:
    """SQL for the address of an alert's robot, from ten minutes before it ``began``: they are what
    explains an alert. An alert of the stack leads to the pipeline."""
    return (
        f"CASE WHEN a.robot_id IS NULL THEN '{address('tonypi-pipeline')}?' ELSE"
        f" '{address('tonypi-robot')}?var-robot=' || a.robot_id || '&' END || 'from=' ||"
        f" floor(extract(epoch FROM {began}) * 1000 - 600000) || '&to=now'"
    )
