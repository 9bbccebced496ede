"""Panels' queries as Grafana would send them, for tests and benches that ask without Grafana.

Only what our dashboards use of Grafana's variables and macros is known here; anything else is an
error, so that a query is never asked in a shape that Grafana would not give it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from glue.settings import PROJECT

DASHBOARDS: dict[str, dict[str, Any]] = {
    json.loads(path.read_text())["uid"]: json.loads(path.read_text())
    for path in sorted((PROJECT / "grafana" / "dashboards").glob("*.json"))
}
NICE = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600)
"""Seconds that Grafana rounds an interval to; beyond the last a day."""
POINTS = 800
"""Of a chart that says no other number: about as many as its pixels on a wide screen."""


def influxql() -> dict[str, str]:
    """Every InfluxQL query of all dashboards, with Grafana's variables: by dashboard and variable,
    or dashboard, panel and refId."""
    found = {}
    for uid, dashboard in DASHBOARDS.items():
        for variable in dashboard["templating"]["list"]:
            if variable.get("datasource", {}).get("uid") == "influxdb":
                found[f"{uid} {variable['name']}"] = variable["query"]
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                if target["datasource"]["uid"] == "influxdb":
                    found[f"{uid} {panel['id']} {target['refId']}"] = target["query"]
    return found


@dataclass(frozen=True)
class Looking:
    """What is looked at: a time range in Unix seconds, and the variables by name."""

    since: int
    until: int
    variables: Mapping[str, str | list[str]]


def escaped(text: str) -> str:
    """As Grafana's format ``regex``."""
    return re.sub(r"[\\^$*+?.()|[\]{}/]", r"\\\g<0>", text)


def least_interval(panel: Mapping[str, Any], unless_said: str = "1s") -> int:
    """Seconds below which the panel's windows never are."""
    least = str(panel.get("interval") or unless_said)
    return int(least[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[least[-1]]


def interval(panel: Mapping[str, Any], looking: Looking) -> int:
    """Seconds of ``$__interval``."""
    seconds = least_interval(panel)
    exact = (looking.until - looking.since) / int(panel.get("maxDataPoints") or POINTS)
    rounded = min(NICE, key=lambda one: abs(math.log(one / max(exact, 1))))
    return max(seconds, rounded if exact < NICE[-1] * 1.5 else 86_400)


def filled(query: str, looking: Looking, seconds: int = 10) -> str:
    """``query`` with its variables and macros replaced."""
    since, until = looking.since, looking.until
    for name, value in {
        "$timeFilter": f"time >= {since}000ms and time <= {until}000ms",
        "${__from}": f"{since}000",
        "${__to}": f"{until}000",
        "$__timeFrom()": _literal(since),
        "$__timeTo()": _literal(until),
        "$__interval": f"{seconds}s",
    }.items():
        query = query.replace(name, value)
    query = re.sub(r"\$\{(\w+):(\w+)\}", lambda m: _formatted(looking.variables[m[1]], m[2]), query)
    between = f"BETWEEN {_literal(since)} AND {_literal(until)}"
    # As Grafana does: the first closing parenthesis ends a macro.
    query = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 {between}", query)
    query = re.sub(
        r"\$__timeGroup\(([^,)]*), *(\d+)s\)",
        r"floor(extract(epoch from \1)/\2)*\2",
        query,
    )
    left = re.search(r"\$(?!/)\S+", query)
    assert left is None, f"a variable or macro that is not known here: {left}"
    return query


def _literal(second: int) -> str:
    return "'" + datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") + "'"


def _formatted(value: str | list[str], how: str) -> str:
    if how == "raw":
        assert isinstance(value, str)
        return value
    if how == "sqlstring":
        assert isinstance(value, str)
        # The value of All comes as it was written.
        return value if value.startswith("'") else "'" + value.replace("'", "''") + "'"
    many = [value] if isinstance(value, str) else value
    if how == "csv":
        return ",".join(many)
    assert how == "regex", how
    return escaped(value) if isinstance(value, str) else f"({'|'.join(map(escaped, many))})"
