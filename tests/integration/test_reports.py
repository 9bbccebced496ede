"""Reports made of real series and records whose answers are known, on every InfluxDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from glue import store
from glue.core.report.compose import compose
from glue.core.report.content import Content, Figure
from glue.core.report.request import Request
from glue.reports import gather, keeping
from glue.reports.making import Lost, make
from glue.settings import Influx, Settings
from glue.store import report_jobs, report_reads
from tests.conftest import SettingsFor
from tests.influx import write_points
from tests.integration.test_series import fresh_bucket
from tests.programs import Cluster

EVERY = 60
"""Seconds between two readings."""


@dataclass
class Fleet:
    """r1 and r.2 sent readings yesterday; ``day`` is its begin, in UTC."""

    settings: Settings
    pool: store.Pool
    day: datetime

    def request(self, kind: str = "custom", days: int = 1, **more: Any) -> Request:
        sections = [
            "availability",
            "load",
            "temperature",
            "servos",
            "battery",
            "jobs",
            "alerts",
            "logs",
        ]
        values = {
            "kind": kind,
            "since": self.day,
            "until": self.day + timedelta(days=days),
            "sections": sections if kind == "custom" else [],
        }
        return Request.model_validate(values | more)

    async def content(self, request: Request, now: datetime | None = None) -> Content:
        async def told(_: float, what: str) -> None:
            assert what

        at = now or datetime.now(UTC)
        return compose(await gather.gather(self.settings, self.pool, request, at, told))

    async def rows(self, query: str, **named: Any) -> None:
        async with store.transaction(self.pool) as conn:
            await conn.execute(query, named)  # type: ignore[arg-type]

    async def job(self, request: Request) -> report_jobs.Lease:
        async with store.transaction(self.pool) as conn:
            job_id = await report_jobs.add(conn, request, "olga")
            held = await report_jobs.lease(conn, job_id)
        assert held is not None
        return held

    async def row(self, job_id: int) -> dict[str, Any]:
        async with store.transaction(self.pool) as conn:
            found = await report_jobs.one(conn, job_id)
        assert found is not None
        return found


async def quiet(_: float, __: str) -> None:
    return None


def figures(content: Content) -> dict[str, Figure]:
    return {one.key: one for section in content.sections for one in section.figures}


def lines(day: datetime) -> list[str]:
    """r1: 12 hours at 20 %, 12 at 40 %; r.2 the first 6 hours at 80 %. A servo of r1 reaches 70 °C
    once. r1's battery goes from 100 to 40 in ten hours, and is charged in two."""
    written = []
    begin = int(day.timestamp())
    for second in range(0, 86_400, EVERY):
        at = begin + second
        cpu = 20.0 if second < 43_200 else 40.0
        written.append(
            f"performance,robot_id=r1 cpu_percent={cpu},memory_percent=50,disk_percent=10,"
            f"cpu_temperature=50 {at}"
        )
        if second < 21_600:
            written.append(
                f"performance,robot_id=r.2 cpu_percent=80,memory_percent=60,disk_percent=20,"
                f"cpu_temperature=72 {at}"
            )
        warm = 70.0 if second == 3600 else 40.0
        written.append(f"servos,robot_id=r1,servo_id=servo_2 temperature={warm} {at}")
        hours = second / 3600
        charge = 100 - 6 * hours if hours <= 10 else min(40 + 30 * (hours - 10), 100)
        charging = str(hours > 10).lower()
        written.append(
            f"battery,robot_id=r1 percentage={charge},voltage=11,charging={charging} {at}"
        )
    return written


@pytest_asyncio.fixture
async def fleet(
    each_influx: Influx, postgres: Cluster, settings_for: SettingsFor, tmp_path: Path
) -> AsyncIterator[Fleet]:
    bucket = fresh_bucket(each_influx)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = today - timedelta(days=1)
    write_points(bucket, lines(day))
    with postgres.fresh() as database:
        named = {"PGDATABASE": database.database, "GLUE_REPORTS_FOLDER": str(tmp_path / "reports")}
        settings = settings_for(**named).model_copy(update={"influx": bucket})
        async with store.open_pool(settings.postgres) as pool:
            made = Fleet(settings, pool, day)
            # The first robot is as old as the template: of the day before, around midnight.
            await made.rows("UPDATE robots SET created_at = now()")
            await made.rows(
                "INSERT INTO robots (robot_id, name, created_at) VALUES ('r1', 'Ada', %(at)s),"
                " ('r.2', '机器人', %(at)s), ('quiet', NULL, %(at)s)",
                at=day - timedelta(days=30),
            )
            yield made


async def test_what_is_read_of_a_fleet_is_what_was_sent(fleet: Fleet) -> None:
    content = await fleet.content(fleet.request())
    found = {key: one.value for key, one in figures(content).items()}
    assert found["cpu.mean"] == pytest.approx((1440 * 30 + 360 * 80) / 1800)
    assert found["cpu.high"] == 80 and found["disk.high"] == 20
    assert found["servo_temp.high"] == 70
    assert found["availability.percent"] == pytest.approx((100 + 25 + 0) / 3)
    assert found["availability.robots"] == 2
    assert found["battery.low"] == 40
    assert found["battery.cycles"] == pytest.approx(0.6, abs=0.02)
    assert found["battery.hours"] == pytest.approx(1000 / 60, rel=0.03)
    assert content.scope.kind == "fleet" and content.scope.count == 3
    servos = next(s for s in content.sections if s.key == "servos")
    assert "servo_2 of Ada (r1): 70.0 °C" in servos.text[0]
    load = next(s for s in content.sections if s.key == "load")
    assert [row[0] for row in load.tables[0].rows] == ["r.2", "r1"]
    points = [v for _, v in load.charts[0].lines[0].points if v is not None]  # type: ignore[union-attr]
    assert max(points) == pytest.approx(50) and min(points) == pytest.approx(20, abs=20.1)
    heard = next(s for s in content.sections if s.key == "availability")
    assert "Never heard: quiet." in heard.text


async def test_a_report_of_one_robot_and_of_a_group_is_of_those_alone(fleet: Fleet) -> None:
    one = figures(await fleet.content(fleet.request("performance", robots=["r1"])))
    assert one["cpu.mean"].value == pytest.approx(30)
    group = await fleet.content(fleet.request("performance", robots=["r.2", "quiet", "ghost"]))
    assert figures(group)["cpu.mean"].value == pytest.approx(80)
    assert group.missing == ["ghost is not registered, and left out."]


async def test_a_report_of_a_group_is_of_who_is_in_it_then(fleet: Fleet) -> None:
    asked = fleet.request("performance", group="hall-2")
    with pytest.raises(gather.EmptyGroup):
        await fleet.content(asked)
    await fleet.rows("UPDATE robots SET groups = '{\"hall-2\"}' WHERE robot_id = 'r.2'")
    content = await fleet.content(asked)
    assert (content.scope.kind, content.scope.title) == ("group", "hall-2, 1 robot")
    assert figures(content)["cpu.mean"].value == pytest.approx(80)
    held = await fleet.job(fleet.request("job", group="nobody"))
    assert await make(fleet.settings, fleet.pool, held, quiet) is None
    assert "no robot is in the group nobody" in (await fleet.row(held.id))["error"]


async def test_days_are_local_days(fleet: Fleet) -> None:
    # In Kathmandu (UTC+5:45) the day began earlier, and its first hours had no readings.
    since = fleet.day - timedelta(hours=5, minutes=45)
    asked = fleet.request(
        robots=["r1"], since=since, until=since + timedelta(days=1), zone="Asia/Kathmandu"
    )
    found = figures(await fleet.content(asked))
    assert found["availability.percent"].value == pytest.approx(100 * (24 - 5.75) / 24, abs=0.5)


async def test_the_day_before_is_compared_and_an_empty_one_is_named(fleet: Fleet) -> None:
    asked = fleet.request("performance", days=2, robots=["r1"])
    asked = asked.model_copy(
        update={"since": fleet.day - timedelta(days=1), "until": fleet.day + timedelta(days=1)}
    )
    content = await fleet.content(asked)
    day = fleet.day - timedelta(days=1)
    assert f"No robot sent anything on {day.day} {day:%b}." in content.missing
    found = figures(content)
    assert found["availability.percent"].value == pytest.approx(50)
    assert found["availability.percent"].before in (0, None)


async def test_records_are_counted_by_robot_day_task_and_reason(fleet: Fleet) -> None:
    at = fleet.day + timedelta(hours=1)
    await fleet.rows(
        "INSERT INTO jobs (robot_id, start_time, end_time, status, task_name, items_done, reason,"
        " percent_complete, details) VALUES"
        " ('r1', %(at)s, %(end)s, 'completed', 'sort', 10, NULL, 100,"
        "  '{\"estimated_duration\": 300}'),"
        " ('r.2', %(at)s, %(end)s, 'failed', 'sort', 2, 'lost', 20, '{}'),"
        " ('r1', %(old)s, %(old)s, 'failed', 'sort', 0, 'lost', 0, '{}')",
        at=at,
        end=at + timedelta(minutes=10),
        old=fleet.day - timedelta(hours=1),
    )
    await fleet.rows(
        "INSERT INTO alerts (robot_id, alert_type, severity, worst_severity, title, metric,"
        " created_at, acknowledged, acknowledged_at, resolved, resolved_at) VALUES"
        " ('r1', 'servo', 'warning', 'critical', 'x', 'servo_temp', %(at)s, true, %(ack)s, true,"
        "  %(end)s),"
        " (NULL, 'system', 'warning', NULL, 'x', 'events_stopped', %(at)s, false, NULL, false,"
        "  NULL)",
        at=at,
        ack=at + timedelta(minutes=2),
        end=at + timedelta(minutes=10),
    )
    content = await fleet.content(fleet.request())
    found = figures(content)
    assert found["jobs.total"].value == 2 and found["jobs.total"].before == 1
    assert found["jobs.success"].value == 50
    assert found["jobs.estimate"].value == pytest.approx(200)
    assert found["alerts.total"].value == 2
    assert found["alerts.critical"].value == 1, "it was, though it fell before it was over"
    assert found["alerts.acknowledge"].value == pytest.approx(120)
    jobs = next(s for s in content.sections if s.key == "jobs")
    assert [t.title for t in jobs.tables] == ["Jobs by task", "Jobs by robot", "Why jobs failed"]
    one = figures(await fleet.content(fleet.request(robots=["r1"])))
    assert one["alerts.total"].value == 1


async def test_readings_of_before_come_from_an_earlier_report(fleet: Fleet) -> None:
    asked = fleet.request("performance", robots=["r1"])
    await make(fleet.settings, fleet.pool, await fleet.job(asked), quiet)
    # A day later, and InfluxDB keeps nothing of the day that is compared with.
    later = asked.model_copy(
        update={"since": asked.until, "until": asked.until + timedelta(days=1)}
    )
    gone = await fleet.content(later, now=later.until + timedelta(days=8))
    assert figures(gone)["cpu.mean"].before == pytest.approx(30)


async def test_readings_go_back_as_far_as_the_bucket_was_found_to_keep_them(fleet: Fleet) -> None:
    asked = fleet.request("performance", robots=["r1"])
    for found, days in ((None, 7), (30, 30), (0, 36_500)):
        if found is not None:
            await fleet.rows(
                "INSERT INTO heartbeats (name, beat_at, details)"
                " VALUES ('retention', now(), jsonb_build_object('bucket_days', %(found)s::int))"
                " ON CONFLICT (name) DO UPDATE SET details = excluded.details",
                found=found,
            )
        facts = await gather.gather(fleet.settings, fleet.pool, asked, asked.until, quiet)
        assert facts.kept_since == asked.until - timedelta(days=days)


async def test_an_empty_fleet_has_a_report(fleet: Fleet) -> None:
    await fleet.rows("DELETE FROM robots")
    content = await fleet.content(fleet.request())
    assert "no robots to report on" in content.summary[0]


async def test_a_job_becomes_a_report_with_its_file(fleet: Fleet) -> None:
    steps: list[tuple[float, str]] = []

    async def told(progress: float, step: str) -> None:
        steps.append((progress, step))

    held = await fleet.job(fleet.request("system"))
    report_id = await make(fleet.settings, fleet.pool, held, told)
    row = await fleet.row(held.id)
    assert (row["state"], row["report_id"], row["progress"]) == ("done", report_id, 1)
    assert [p for p, _ in steps] == sorted(p for p, _ in steps) and len(steps) >= 4
    async with store.transaction(fleet.pool) as conn:
        kept = await report_reads.one(conn, report_id or 0)
    assert kept is not None and kept["created_by"] == "olga"
    assert Content.model_validate(kept["data"]).kind == "system"
    file = keeping.file_of(fleet.settings, kept["file_path"])
    assert file is not None and file.read_bytes().startswith(b"%PDF-")


async def test_a_cancelled_job_leaves_neither_report_nor_file(fleet: Fleet) -> None:
    held = await fleet.job(fleet.request("job"))

    async def told(_: float, step: str) -> None:
        if step == "writing the PDF":
            async with store.transaction(fleet.pool) as conn:
                assert await report_jobs.cancel(conn, held.id, "olga")

    with pytest.raises(Lost):
        await make(fleet.settings, fleet.pool, held, told)
    assert (await fleet.row(held.id))["state"] == "cancelled"
    folder = fleet.settings.reports_folder
    assert [one for one in folder.rglob("*") if one.is_file()] == []
    async with store.transaction(fleet.pool) as conn:
        assert await (await conn.execute("SELECT 1 FROM reports")).fetchone() is None


async def test_while_influxdb_is_away_the_job_waits_and_then_says_why(fleet: Fleet) -> None:
    away = fleet.settings.influx.model_copy(update={"url": "http://127.0.0.1:9"})
    settings = fleet.settings.model_copy(update={"influx": away})
    held = await fleet.job(fleet.request("performance"))
    for attempt in (1, 2, 3):
        assert held.attempt == attempt
        assert await make(settings, fleet.pool, held, quiet) is None
        row = await fleet.row(held.id)
        if attempt < 3:
            assert row["state"] == "queued"
            await fleet.rows("UPDATE report_jobs SET next_try_at = now()")
            async with store.transaction(fleet.pool) as conn:
                again = await report_jobs.lease(conn)
            assert again is not None
            held = again
    assert row["state"] == "failed" and "InfluxDB" in row["error"]
    # Jobs need no readings.
    assert await make(settings, fleet.pool, await fleet.job(fleet.request("job")), quiet)


async def test_a_folder_that_cannot_be_written_is_said(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where the folder should be")
    held = await fleet.job(fleet.request("job"))
    assert await make(fleet.settings, fleet.pool, held, quiet) is None
    row = await fleet.row(held.id)
    assert row["state"] == "failed" and "cannot be written" in row["error"]


async def test_old_files_go_and_their_reports_stay(fleet: Fleet) -> None:
    report_id = await make(fleet.settings, fleet.pool, await fleet.job(fleet.request("job")), quiet)
    assert await keeping.prune(fleet.settings, fleet.pool) == 0
    await fleet.rows("UPDATE reports SET created_at = now() - interval '400 days'")
    assert await keeping.prune(fleet.settings, fleet.pool) == 1
    assert not list(fleet.settings.reports_folder.rglob("*.pdf"))
    async with store.transaction(fleet.pool) as conn:
        kept = await report_reads.one(conn, report_id or 0)
    assert kept is not None and kept["file_path"] is None and kept["data"]
