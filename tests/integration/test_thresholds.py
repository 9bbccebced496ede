"""Limits as people write them: what is taken, what is refused and in which words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import AsyncConnection

from glue.settings import Postgres
from glue.store import limits, thresholds


@pytest.fixture
async def conn(database: Postgres) -> AsyncIterator[AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(database.dsn) as conn:
        yield conn


async def test_a_row_is_written_replaced_and_reset(conn: AsyncConnection) -> None:
    put = await thresholds.put(
        conn, "tonypi_01", "cpu", warning=40, critical=50, warning_recovery=30
    )
    assert await thresholds.one(conn, "tonypi_01", "cpu") == put
    [limit] = await limits.in_force(conn, "tonypi_01", "cpu")
    assert limit == limits.Limit("tonypi_01", "cpu", 40, 30, 50, 45, "robot", True, True)
    replaced = await thresholds.put(conn, "tonypi_01", "cpu", warning=None, critical=95)
    assert (replaced.warning, replaced.warning_recovery, replaced.critical) == (None, None, 95)
    assert await thresholds.reset(conn, "tonypi_01", "cpu")
    assert not await thresholds.reset(conn, "tonypi_01", "cpu")
    [limit] = await limits.in_force(conn, "tonypi_01", "cpu")
    assert (limit.warning, limit.source) == (70, "global")


async def test_the_global_row_is_written_and_reset_to_the_default(conn: AsyncConnection) -> None:
    await thresholds.put(conn, None, "battery", warning=33, critical=22)
    rows = await thresholds.listed(conn)
    assert [(r.metric, r.warning) for r in rows if r.metric == "battery"] == [("battery", 33)]
    assert len(rows) == 5
    assert await thresholds.reset(conn, None, "battery")
    [limit] = await limits.in_force(conn, "tonypi_01", "battery")
    assert (limit.warning, limit.source) == (20, "default")


async def test_switched_off_limits_are_configured_and_not_in_force(conn: AsyncConnection) -> None:
    await thresholds.put(conn, "tonypi_01", "cpu", warning=40, critical=50, enabled=False)
    assert await limits.in_force(conn, "tonypi_01", "cpu") == []
    [limit] = await limits.configured(conn, "tonypi_01", "cpu")
    assert (limit.enabled, limit.watched, limit.warning) == (False, True, 40)
    assert len(await limits.in_force(conn)) == 4


@pytest.mark.parametrize(
    ("metric", "row", "said"),
    [
        ("cpu", {"warning": 80, "critical": 60}, "critical 60 is not above warning 80 of cpu"),
        ("battery", {"warning": 5, "critical": 9}, "critical 9 is not below warning 5 of battery"),
        (
            "cpu",
            {"warning": 95, "critical": None},
            "warning 95 is on the wrong side of critical 90",
        ),
        (
            "cpu",
            {"warning": None, "critical": 60},
            "critical 60 is on the wrong side of warning 70",
        ),
        ("cpu", {"warning": 50, "critical": 101}, "strictly between 0 and 100 %"),
        ("cpu", {"warning": float("nan"), "critical": None}, "strictly between 0 and 100 %"),
        ("battery", {"warning": 99, "critical": 10}, "2 to the safe side unless given"),
        ("cpu", {"warning": 50, "critical": 60, "warning_recovery": 55}, "strictly lower"),
        ("cpu", {"warning": None, "critical": 90, "warning_recovery": 5}, "give both"),
    ],
)
async def test_nonsense_is_refused_in_words_and_the_transaction_goes_on(
    conn: AsyncConnection, metric: str, row: dict[str, float | None], said: str
) -> None:
    before = await thresholds.listed(conn)
    with pytest.raises(thresholds.InvalidThreshold, match=said) as refused:
        await thresholds.put(conn, "tonypi_01", metric, **row)  # type: ignore[arg-type]
    assert refused.value.constraint.startswith("alert_thresholds_")
    assert await thresholds.listed(conn) == before


async def test_unknown_names_are_said(conn: AsyncConnection) -> None:
    with pytest.raises(thresholds.UnknownMetric, match="'mood' is no metric"):
        await thresholds.put(conn, None, "mood", warning=1, critical=2)
    with pytest.raises(thresholds.UnknownRobot, match="no robot 'nobody'"):
        await thresholds.put(conn, "nobody", "cpu", warning=50, critical=60)
