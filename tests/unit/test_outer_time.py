"""A query over a query says its time in the outermost too: without that InfluxDB opens every shard
that it has, and a rule or a panel of 15 minutes reads a week."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from glue.core.rule import SeriesReading
from glue.core.rules import RULES
from grafana.build.power import WITH_ITS_FIRST_WINDOW
from grafana.build.queries import AROUND
from tests.panel_queries import DASHBOARDS


def queries() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        if isinstance(rule.reading, SeriesReading):
            yield rule.uid, rule.reading.influxql
    for uid, dashboard in DASHBOARDS.items():
        for variable in dashboard["templating"]["list"]:
            if variable.get("datasource", {}).get("uid") == "influxdb":
                yield f"{uid} {variable['name']}", variable["query"]
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                if target["datasource"]["uid"] == "influxdb":
                    yield f"{uid} {panel['id']} {target['refId']}", target["query"]


def outermost(query: str) -> str:
    """``query`` without what stands in the parentheses of its ``FROM``."""
    begin = query.index("FROM (") + len("FROM (")
    depth, end = 1, begin
    while depth:
        depth += {"(": 1, ")": -1}.get(query[end], 0)
        end += 1
    return query[:begin] + query[end - 1 :]


NESTED = [(name, query) for name, query in queries() if "FROM (" in query]


def test_there_are_such_queries_of_rules_and_of_panels() -> None:
    names = {name for name, _ in NESTED}
    assert {"tonypi-servo-temp-critical", "tonypi-motion 50 Falls"} <= names


def ids(value: str) -> str | None:
    """A query is no name: it changes."""
    return None if "SELECT" not in value else "query"


@pytest.mark.parametrize(("name", "query"), NESTED, ids=ids)
def test_the_outermost_query_says_its_time(name: str, query: str) -> None:
    outer = outermost(query)
    assert "$timeFilter" in outer or "time >= " in outer, query
    if "GROUP BY time(" in query and "GROUP BY time(" not in outer:
        # InfluxDB 1.12.4 answers nothing where the first window begins before the outer range.
        assert any(wider in outer for wider in (AROUND, WITH_ITS_FIRST_WINDOW)), query
