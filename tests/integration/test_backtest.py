"""Backtests over series whose answer is known, on every InfluxDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from glue import store
from glue.backtest import history, preview, suggest
from glue.backtest.history import Span
from glue.core.backtest import Past, Row, pair
from glue.core.limit_rules import READINGS
from glue.core.metrics import METRICS
from glue.core.rule import WINDOW
from glue.series import Query
from glue.settings import Influx, Settings
from tests.conftest import SettingsFor
from tests.influx import found, write_points
from tests.integration.test_series import fresh_bucket
from tests.programs import Cluster

STEP = 10
assert found


def line(measurement: str, robot: str, at: int, tags: str = "", **fields: float | bool) -> str:
    told = ",".join(f"{k}={str(v).lower()}" for k, v in fields.items())
    return f"{measurement},robot_id={robot}{tags} {told} {at}"


@dataclass
class Past24:
    """A fleet's last day: settings, the record, and when the hour that we know begins."""

    settings: Settings
    pool: store.Pool
    begin: datetime

    def at(self, second: int) -> datetime:
        return self.begin + timedelta(seconds=second)

    def write(self, lines: list[str]) -> None:
        write_points(self.settings.influx, lines)

    def second(self, n: int) -> int:
        return int(self.begin.timestamp()) + n

    async def rows(self, query: str, **named: Any) -> None:
        async with store.transaction(self.pool) as conn:
            await conn.execute(query, named)  # type: ignore[arg-type]

    async def preview(self, name: str, *limits: float, robot: str | None = None) -> Any:
        metric = METRICS[name]
        asked = preview.ranged(self.settings, 7, self.at(0), self.at(3600))
        return await preview.preview(
            self.settings, self.pool, metric, pair(metric, *limits), asked, robot
        )


@pytest_asyncio.fixture
async def past(
    each_influx: Influx, postgres: Cluster, settings_for: SettingsFor
) -> AsyncIterator[Past24]:
    bucket = fresh_bucket(each_influx)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    with postgres.fresh() as database:
        settings = settings_for(PGDATABASE=database.database).model_copy(update={"influx": bucket})
        async with store.open_pool(settings.postgres) as pool:
            made = Past24(settings, pool, hour)
            await made.rows("INSERT INTO robots (robot_id) VALUES ('r1'), ('r.2'), ('quiet')")
            yield made


def a_known_hour(past: Past24) -> list[str]:
    """r1 is busy for two spells, once beyond 90; r.2 never; both send every 10 s."""
    written = []
    for n in range(0, 3600, STEP):
        busy = 80.0 if 600 <= n < 900 else 95.0 if 1800 <= n < 2100 else 20.0
        at = past.second(n)
        written.append(line("performance", "r1", at, cpu_percent=busy, cpu_temperature=50))
        written.append(line("performance", "r.2", at, cpu_percent=40.0, cpu_temperature=50))
        written.append(line("performance", "stranger", at, cpu_percent=99.0))
    return written


async def test_the_episodes_that_limits_would_have_made_beside_those_that_happened(
    past: Past24,
) -> None:
    past.write(a_known_hour(past))
    await past.rows(
        "INSERT INTO alerts (robot_id, metric, alert_type, severity, title, starts_at, resolved,"
        " resolved_at, resolve_reason, value) VALUES ('r1', 'cpu', 'performance', 'warning', 'x',"
        " %(began)s, true, %(ended)s, 'recovered', 81), ('r1', 'memory', 'performance', 'warning',"
        " 'x', %(began)s, true, %(ended)s, 'recovered', 81)",
        began=past.at(640),
        ended=past.at(910),
    )
    seen = await past.preview("cpu", 70, 90, robot="r1")
    # Seen at the end of the window of its point, raised after the pending 30 s.
    assert seen.would.listed == [
        Past("r1", "critical", past.at(1840), past.at(2110), "recovered", 95, 95),
        Past("r1", "warning", past.at(640), past.at(910), "recovered", 80, 80),
    ]
    assert (seen.would.episodes, seen.would.warning, seen.would.critical) == (2, 1, 1)
    assert seen.would.seconds == 540
    assert [p.starts_at for p in seen.happened.listed] == [past.at(640)]
    assert (seen.heard, seen.notes) == (1, [])
    assert (await past.preview("cpu", 96, 98, robot="r1")).would.episodes == 0


async def test_the_pending_period_is_that_of_the_settings(past: Past24) -> None:
    past.write(a_known_hour(past))
    patient = past.settings.rules.model_copy(update={"pending_cpu": 120})
    past.settings = past.settings.model_copy(update={"rules": patient})
    seen = await past.preview("cpu", 70, 90, robot="r1")
    assert [p.starts_at for p in seen.would.listed] == [past.at(1930), past.at(730)]
    impatient = past.settings.rules.model_copy(update={"pending_cpu": 0})
    past.settings = past.settings.model_copy(update={"rules": impatient})
    seen = await past.preview("cpu", 70, 90, robot="r1")
    assert [p.starts_at for p in seen.would.listed] == [past.at(1810), past.at(610)]


async def test_the_fleets_limits_reach_who_has_none_of_its_own(past: Past24) -> None:
    past.write(a_known_hour(past))
    seen = await past.preview("cpu", 35, 90)
    # r.2 was above 35 all the time: what began before begins with the range.
    assert seen.would.by_robot == {"r1": 2, "r.2": 1}
    (all_along,) = [p for p in seen.would.listed if p.robot_id == "r.2"]
    assert (all_along.starts_at, all_along.ended_at) == (past.at(40), None)
    assert (seen.robots, seen.heard) == (4, 2)
    await past.rows(
        "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
        " critical_threshold, enabled) VALUES ('r1', 'cpu', 50, 60, true),"
        " ('quiet', 'cpu', 50, 60, false)"
    )
    seen = await past.preview("cpu", 35, 90)
    assert (seen.would.by_robot, seen.robots) == ({"r.2": 1}, 2)
    assert len(seen.notes) == 2


async def test_nothing_to_look_at_is_said(past: Past24) -> None:
    seen = await past.preview("cpu", 70, 90, robot="quiet")
    assert (seen.heard, seen.would.episodes) == (0, 0)
    assert seen.notes == ["no readings of cpu load from robot quiet in that time"]
    with pytest.raises(preview.UnknownRobot):
        await past.preview("cpu", 70, 90, robot="nobody")
    with pytest.raises(preview.BacktestRefused, match="not above"):
        await past.preview("cpu", 90, 70, robot="r1")
    with pytest.raises(preview.BacktestRefused, match="strictly between 0 and 100"):
        await past.preview("cpu", 90, 100, robot="r1")


async def test_beyond_retention_is_said_and_not_looked_at(past: Past24) -> None:
    now = datetime.now(UTC)
    asked = preview.ranged(past.settings, 7, timedelta(days=30))
    assert "keeps 7 days" in asked.notes[0]
    assert abs(asked.since - (now - timedelta(days=7))) < timedelta(minutes=1)
    with pytest.raises(preview.BacktestRefused, match="nothing is left"):
        preview.ranged(past.settings, 7, timedelta(days=2), now - timedelta(days=8))
    with pytest.raises(preview.BacktestRefused, match="31 days"):
        preview.ranged(past.settings, 7, timedelta(days=40))
    with pytest.raises(preview.BacktestRefused, match="not before until"):
        preview.ranged(past.settings, 7, now + timedelta(hours=1))


def a_mixed_hour(past: Past24) -> list[str]:
    """Servos that speak one after the other, one of which falls silent while hot; a battery that
    is charged in between; gaps."""
    written = []
    for n in range(0, 3600, STEP):
        at = past.second(n)
        turn = n // STEP % 3 + 1
        if turn != 2 or n < 1200:
            hot = 70.0 if turn == 2 and n > 600 else 40.0 + turn
            written.append(line("servos", "r1", at, f",servo_id=servo_{turn}", temperature=hot))
        for servo in (1, 2, 3):
            hot = 80.0 if servo == 3 and 900 <= n < 1500 else 45.0
            tag = f",servo_id=servo_{servo}"
            written.append(line("servos", "r.2", at + 3, tag, temperature=hot))
        if n % 30 == 0 and not 2400 <= n < 3000:
            charging = 1200 <= n < 1800
            left = 15.0 if 600 <= n < 2100 else 60.0
            written.append(line("battery", "r1", at + 7, percentage=left, charging=charging))
    return written


@pytest.mark.parametrize(
    ("name", "sparse"), [("servo_temp", False), ("battery", False), ("battery", True)]
)
async def test_what_is_replayed_is_what_the_rules_read(
    past: Past24, name: str, sparse: bool
) -> None:
    past.write(a_mixed_hour(past))
    metric = METRICS[name]
    span = Span(past.second(900) * 1000, past.second(3600) * 1000, 60_000)
    async with Query(past.settings.influx) as series:
        heard = await history.peaks(series, metric, span)
        rows: dict[str, list[Row]] = {robot_id: [] for robot_id in heard}
        plan = history.of_all(span.read, span.every, sorted(heard))
        found = history.batches(series, metric, plan, span.every, heard, sparse)
        async for batch in found:
            assert set(batch.uneven) <= {"r1"}
            for robot_id, told in batch.rows.items():
                rows[robot_id] += told
        for now in range(span.first, span.last + 1, span.every):
            when = f"time >= {now - WINDOW * 1000}ms AND time < {now}ms"
            asked = READINGS[name].influxql.replace("$timeFilter", when)
            expected = {s.tags["robot_id"]: s.rows[-1][1] for s in await series.query(asked)}
            for robot_id, of_robot in rows.items():
                told = [
                    v for b, v in of_robot if b + span.every <= now and now - b <= WINDOW * 1000
                ]
                if name == "servo_temp" and robot_id == "r1" and now >= past.second(1260) * 1000:
                    continue  # a silent part; below
                assert (told[-1] if told else None) == expected.get(robot_id), (robot_id, now)


async def test_parts_that_speak_in_turn_count_by_their_newest_reading(past: Past24) -> None:
    past.write(a_mixed_hour(past))
    seen = await past.preview("servo_temp", 60, 75)
    alternating, together = sorted(seen.would.listed, key=lambda p: p.robot_id, reverse=True)
    # Its last hot reading, at 1180, is read until fifteen minutes later; the others go on.
    assert alternating == Past("r1", "warning", past.at(620), past.at(2090), "recovered", 70, 70)
    assert together == Past("r.2", "critical", past.at(910), past.at(1510), "recovered", 80, 80)


async def test_a_battery_that_charges_is_nobodys_concern(past: Past24) -> None:
    past.write(a_mixed_hour(past))
    seen = await past.preview("battery", 20, 10, robot="r1")
    assert [(p.starts_at, p.ended_at, p.reason) for p in reversed(seen.would.listed)] == [
        (past.at(610), past.at(1220), "charging"),
        (past.at(1810), past.at(2110), "recovered"),
    ]


async def test_limits_are_suggested_from_the_robots_own_past(past: Past24) -> None:
    metric = METRICS["temperature"]
    past.write(
        [
            line("performance", "r1", past.second(n * 10), cpu_temperature=50 + n % 10)
            for n in range(6 * 60 * 3)
        ]
    )
    asked = preview.ranged(past.settings, 7, timedelta(hours=4))
    seen = await suggest.suggest(past.settings, past.pool, metric, asked, "r1")
    assert seen.limits == pair(metric, 62, 68)
    assert (seen.furthest, seen.would.episodes, seen.notes) == (59, 0, [])
    assert seen.shares[0.99] == 59
    seen = await suggest.suggest(past.settings, past.pool, metric, asked, "quiet")
    assert (seen.limits, seen.heard) == (None, 0)
    assert seen.notes == ["no readings of cpu temperature from robot quiet in that time"]
