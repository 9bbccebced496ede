"""A query over a query says its time in the outermost too: without that InfluxDB opens every shard
that it has, and a rule or a panel of 15 minutes reads a week."""

from __future__ import annotations

import pytest

from glue.core.rule import SeriesReading
from glue.core.rules import RULES
from grafana.build.queries import AROUND
from tests.panel_queries import influxql

RULE_QUERIES = {r.uid: r.reading.influxql for r in RULES if isinstance(r.reading, SeriesReading)}


def outermost(query: str) -> str:
    """``query`` without what stands in the parentheses of its ``FROM``."""
    begin = query.index("FROM (") + len("FROM (")
    depth, end = 1, begin
    while depth:
        depth += {"(": 1, ")": -1}.get(query[end], 0)
        end += 1
    return query[:begin] + query[end - 1 :]


NESTED = [(n, query) for n, query in (RULE_QUERIES | influxql()).items() if "FROM (" in query]


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
        assert AROUND in outer, query
