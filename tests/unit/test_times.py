"""Times and durations as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from glue.api.conventions.fields import Instant, InstantToCome
from glue.core.times import BadTime, moment
from glue.settings import SettingsError, load
from glue.settings.durations import BadDuration, duration

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
"""Half past midnight of the 30th in Berlin, after a day of 23 hours."""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1d12h", 129_600),
        ("250ms", 0.25),
        (" 5m ", 300),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", " ", "h", "1x", "1h1h", "30m1h", "-1h", "1H", "1,5h", "١h"])
def test_what_is_no_duration_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadDuration, match="give one like 90s, 24h, 1h30m or 7d"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "there", "utc"),
    [
        ("24h", "2026-03-28T22:30Z", None),
        ("1h30m", "2026-03-29T21:00Z", None),
        ("now", "2026-03-29T22:30Z", None),
        ("now-6h", "2026-03-29T16:30Z", None),
        ("now+2h", "2026-03-30T00:30Z", None),
        ("now 2h", "2026-03-30T00:30Z", None),
        ("today", "2026-03-29T22:00Z", "2026-03-29T00:00Z"),
        ("yesterday", "2026-03-28T23:00Z", "2026-03-28T00:00Z"),
        ("tomorrow", "2026-03-30T22:00Z", "2026-03-30T00:00Z"),
        ("2026-03-29", "2026-03-28T23:00Z", "2026-03-29T00:00Z"),
        ("2026-03-29T08:00Z", "2026-03-29T08:00Z", None),
        ("2026-03-29 08:00+01:00", "2026-03-29T07:00Z", None),
        ("2026-03-29T08:00", "2026-03-29T06:00Z", "has no zone"),
        ("2026-03-29t08:00z", "2026-03-29T08:00Z", None),
        ("0", "1970-01-01T00:00Z", None),
        ("1767225600", "2026-01-01T00:00Z", None),
        ("1767225600.5", "2026-01-01T00:00:00.5Z", None),
        ("1767225600.", "2026-01-01T00:00Z", None),
        ("1767225600000", "2026-01-01T00:00Z", None),
        ("1767225600000000", "2026-01-01T00:00Z", None),
        # The clocks skip it: as the offset before says.
        ("2026-03-29T02:30", "2026-03-29T01:30Z", "has no zone"),
    ],
)
def test_moments(text: str, there: str, utc: str | None) -> None:
    assert moment(text, NOW, BERLIN) == datetime.fromisoformat(there)
    if utc == "has no zone":
        with pytest.raises(BadTime, match=utc):
            moment(text, NOW)
    else:
        assert moment(text, NOW) == datetime.fromisoformat(utc or there)


def test_a_duration_is_from_now_where_a_time_to_come_is_asked_for() -> None:
    assert moment("2h", NOW, ahead=True) == NOW + timedelta(hours=2)
    assert moment("now-2h", NOW, ahead=True) == NOW - timedelta(hours=2)


@pytest.mark.parametrize("kind", [Instant, InstantToCome])
@pytest.mark.parametrize("given", ["1767225600.5", 1767225600.5, 1767225600500, 1767225600500000])
def test_the_api_takes_unix_times(kind: Any, given: Any) -> None:
    found = TypeAdapter(kind).validate_python(given)
    assert found == datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC)


@pytest.mark.parametrize("given", [True, None, 1e300, float("nan"), "1767225600x", 10**400])
def test_the_api_refuses_what_is_no_time(given: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_python(given)


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "now-", "now-x", "2h ago", "24", "2026-13-01", "999999999w"),
        *("000000000", "9" * 20, "9" * 400, "1767225600.5.5", "-1767225600", "1e9", "١٧٦٧٢٢٥٦٠٠"),
    ],
)
def test_what_is_no_time_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadTime, match="give one like 24h, now-6h, today"):
        moment(text, NOW, BERLIN)


def test_settings_take_durations_in_their_unit() -> None:
    given = {"FLEET_SILENT_AFTER": "1h30m", "INFLUXDB_RETENTION_DAYS": "2w", "TONYPI_HOME": "/tmp"}
    found = load(given)
    assert (found.fleet.silent_after, found.influx.retention) == (5400, 14)
    assert load({**given, "FLEET_SILENT_AFTER": "90"}).fleet.silent_after == 90
    for name, text in (("FLEET_SILENT_AFTER", "soon"), ("INFLUXDB_RETENTION_DAYS", "36h")):
        with pytest.raises(SettingsError, match=name):
            load({**given, name: text})
