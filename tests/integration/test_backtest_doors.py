"""Backtests as people ask for them: through the API, and at the command line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio
import typer
from typer.testing import CliRunner

from glue.cli import thresholds
from glue.settings import Influx, Postgres
from tests.api import Api, is_problem, served
from tests.conftest import SettingsFor
from tests.influx import write_points
from tests.integration.test_series import fresh_bucket

LIMITS = {"metric": "cpu", "warning": 70, "critical": 90}
Tonypi = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def busy(influx: Influx) -> Influx:
    """A bucket in which tonypi_01 was busy for five minutes, two hours ago."""
    bucket = fresh_bucket(influx)
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    lines = [
        f"performance,robot_id=tonypi_01 cpu_percent={80 if 600 <= n < 900 else 30}"
        f" {int(begin.timestamp()) + n}"
        for n in range(0, 3600, 10)
    ]
    write_points(bucket, lines)
    return bucket


@pytest_asyncio.fixture
async def past(busy: Influx, database: Postgres, settings_for: SettingsFor) -> AsyncIterator[Api]:
    settings = settings_for(PGDATABASE=database.database)
    async with served(settings.model_copy(update={"influx": busy})) as api:
        yield api


async def test_limits_are_tried_through_the_api(past: Api) -> None:
    answer = await past.post("operator", "/thresholds/preview", LIMITS)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["would"]["episodes"], body["would"]["warning"]) == (1, 1)
    assert body["happened"]["episodes"] == 0
    assert body["limits"]["warning_recovery"] == 65
    assert body["by_robot"] == [{"robot_id": "tonypi_01", "would": 1, "happened": 0}]
    (one,) = body["would_episodes"]
    assert (one["reason"], one["value"], one["worst"]) == ("recovered", 80, 80)
    answer = await past.post(
        "operator", "/thresholds/preview", {**LIMITS, "warning": 85, "robot_id": "tonypi_01"}
    )
    assert answer.json()["would"]["episodes"] == 0
    # Nothing was set.
    (cpu, *_) = (await past.get("viewer", "/thresholds")).json()
    assert cpu["set"]["warning"] == 70


KEEPS = """
INSERT INTO heartbeats (name, beat_at, details)
VALUES ('retention', now(), '{"bucket_days": %s}')
ON CONFLICT (name) DO UPDATE SET details = excluded.details
"""


@pytest.mark.parametrize(("found", "notes"), [(30, 0), (0, 0), (10, 1)])
async def test_as_far_back_as_the_bucket_was_found_to_keep_points(
    past: Api, found: int, notes: int
) -> None:
    """Whoever made the bucket; 0 is for ever."""
    await past.rows(KEEPS % found)
    answer = await past.post("operator", "/thresholds/preview", {**LIMITS, "since": "20d"})
    assert len(answer.json()["notes"]) == notes, answer.text
    answer = await past.get("operator", "/thresholds/suggestions", metric="cpu", since="20d")
    said = [note for note in answer.json()["notes"] if "InfluxDB keeps 10 days" in note]
    assert len(said) == notes, answer.text


async def test_limits_are_suggested_through_the_api(past: Api) -> None:
    answer = await past.get("operator", "/thresholds/suggestions", metric="cpu")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    # One reading in twelve is 80: usual. Beyond it no episode is left.
    assert body["limits"] == {
        "warning": 85,
        "critical": 95,
        "warning_recovery": 80,
        "critical_recovery": 90,
    }
    assert body["percentiles"] == {"50": 30, "95": 80, "99": 80, "99.9": 80}
    assert (body["would"]["episodes"], body["heard"]) == (0, 1)
    body = (await past.get("operator", "/thresholds/suggestions", metric="battery")).json()
    assert (body["limits"], body["would"]) == (None, None)
    assert "no readings of battery charge" in body["notes"][0]


NO_SENSE: list[tuple[dict[str, Any], int, str]] = [
    ({"warning": 95}, 422, "not above"),
    ({"warning_recovery": 75}, 422, "not below its limit"),
    ({"critical": 100}, 422, "strictly between"),
    ({"critical": 1e308}, 422, "strictly between"),
    ({"metric": "mood"}, 422, "metric"),
    ({"robot_id": "nobody"}, 404, "nobody"),
    ({"since": "2026-01-01T00:00:00"}, 422, "since"),
    ({"since": "1970-01-01T00:00:00Z"}, 422, "31 days"),
    ({"until": "1970-01-01T00:00:00Z"}, 422, "nothing is left"),
    ({"since": "2999-12-31T23:59:59+14:00"}, 422, "not before until"),
    ({"more": 1}, 422, "more"),
]


async def test_what_makes_no_sense_is_refused(past: Api) -> None:
    for change, status, says in NO_SENSE:
        answer = await past.post("operator", "/thresholds/preview", {**LIMITS, **change})
        assert is_problem(answer, status)
        assert says in answer.json()["detail"], answer.text
    path = "/thresholds/suggestions"
    assert is_problem(await past.get("operator", path), 422)
    assert is_problem(await past.get("operator", path, metric="cpu", robot_id="nobody"), 404)
    assert is_problem(await past.get("viewer", path, metric="cpu"), 403)
    assert is_problem(await past.post("viewer", "/thresholds/preview", LIMITS), 403)


async def test_without_influxdb_it_says_so(
    busy: Influx, database: Postgres, settings_for: SettingsFor
) -> None:
    away = busy.model_copy(update={"url": "http://127.0.0.1:9"})
    settings = settings_for(PGDATABASE=database.database).model_copy(update={"influx": away})
    async with served(settings) as api:
        answer = await api.post("operator", "/thresholds/preview", LIMITS)
        assert is_problem(answer, 503)
        assert answer.json()["type"].endswith("series-unavailable")


@pytest.fixture
def tonypi(
    busy: Influx,
    database: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Tonypi:
    for name, value in {
        "TONYPI_HOME": str(tmp_path),
        "DATABASE_URL": database.dsn,
        "INFLUXDB_URL": busy.url,
        "INFLUXDB_TOKEN": busy.token.get_secret_value(),
        "INFLUXDB_ORG": busy.org,
        "INFLUXDB_BUCKET": busy.bucket,
    }.items():
        monkeypatch.setenv(name, value)
    root = typer.Typer()
    thresholds.register(root)

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(root, ["thresholds", *words])
        return result.exit_code, result.output

    return run


TRIED = ("preview", "--metric", "cpu", "--warning", "70", "--critical", "90")
ONE = ("--robot", "tonypi_01")


def test_limits_are_tried_at_the_command_line(tonypi: Tonypi) -> None:
    code, said = tonypi(*TRIED, *ONE, "--since", "24h", "--json")
    assert code == 0, said
    assert json.loads(said)["would"]["episodes"] == 1
    code, said = tonypi(*TRIED, "--fleet")
    assert code == 0, said
    assert "1 episodes (0 critical, 1 warning) of 1 robots" in said
    assert "80 %" in said
    code, said = tonypi(*TRIED, *ONE, "--since", "30d")
    assert (code, "keeps 7 days" in said) == (0, True)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((*TRIED, "--fleet", *ONE), 2, "either"),
        (TRIED, 2, "either"),
        ((*TRIED[:-1], "60", *ONE), 2, "not above"),
        ((*TRIED, *ONE, "--since", "last week"), 2, "is no time"),
        ((*TRIED, *ONE, "--since", "999999999d"), 2, "is no time"),
        ((*TRIED, "--robot", "nobody"), 1, "no robot nobody"),
        ((*TRIED, *ONE, "--since", "10m"), 3, "no readings"),
        (("suggest", *ONE, "--metric", "battery"), 3, "no readings"),
        (("suggest", *ONE, "--metric", "mood"), 2, "none of"),
        (("reset", "--metric", "cpu", *ONE), 1, "no limits"),
        (("set", "--metric", "cpu", *ONE, "--warning", "95"), 2, "give both"),
        (("set", "--metric", "cpu", "--robot", "nobody", "--warning", "60"), 1, "nobody"),
    ],
)
def test_exit_codes(tonypi: Tonypi, words: tuple[str, ...], code: int, says: str) -> None:
    assert (code, True) == ((done := tonypi(*words))[0], says in done[1]), done


def test_without_influxdb_the_command_fails(
    tonypi: Tonypi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFLUXDB_URL", "http://127.0.0.1:9")
    code, said = tonypi(*TRIED, *ONE)
    assert (code, "does not answer" in said) == (1, True)


def test_suggested_limits_are_set_looked_at_and_reset(tonypi: Tonypi, database: Postgres) -> None:
    code, said = tonypi("suggest", *ONE, "--json")
    assert code == 0, said
    found = {row["metric"]: row["limits"] for row in json.loads(said[: said.rindex("]") + 1])}
    assert (found["cpu"]["warning"], found["battery"]) == (85, None)
    set_so = ("--warning", "85", "--critical", "95")
    code, said = tonypi("set", "--metric", "cpu", *ONE, *set_so)
    assert code == 0, said
    assert "tonypi_01            cpu          warning     85" in tonypi("list")[1]
    code, said = tonypi("effective", *ONE, "--metric", "cpu", "--json")
    assert (code, json.loads(said)["source"]) == (0, "robot")
    with psycopg.connect(database.dsn) as conn:
        logged = conn.execute("SELECT message, robot_id FROM system_logs").fetchall()
        actor = conn.execute("SELECT actor FROM fleet_changes ORDER BY id DESC").fetchone()
    assert logged[-1] == ("tonypi thresholds: set limits of cpu for robot tonypi_01", "tonypi_01")
    assert actor == ("tonypi thresholds",)
    assert tonypi("reset", "--metric", "cpu", *ONE)[0] == 0
    assert "tonypi_01" not in tonypi("list")[1]
    assert tonypi("set", "--metric", "cpu", "--fleet", "--off")[0] == 0
    assert "switched off" in tonypi("list")[1]
