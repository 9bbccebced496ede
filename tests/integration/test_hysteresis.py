"""Grafana calls normal what has not passed its recovery limit: the record keeps it open."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from glue.core.grafana_alerts import read_post
from tests.integration.test_alert_intake import (  # noqa: F401
    add_robot,
    intake,
    observed,
    pool,
    rows,
    series,
    write_servos,
)
from tests.posts import rule_url


def posted(robot, status, value, starts, **more):
    """One alert of ours in a post of Grafana's; the limits are 60 and 57."""
    alert = {
        "status": status,
        "labels": {"metric": "servo_temp", "severity": "warning", "robot_id": robot},
        "annotations": {},
        "startsAt": starts.isoformat(),
        "endsAt": (starts + timedelta(seconds=30)).isoformat(),
        "values": {"R": value, "W": 60, "L": 57, "M": (value - 60) / 3},
        "fingerprint": "f1",
        "generatorURL": rule_url("tonypi-servo-temp-warning"),
        **more,
    }
    return read_post({"alerts": [alert]}, datetime.now(UTC))


async def take(intake, post):  # noqa: F811
    return await intake.take(post.observations, post.vanished)


@pytest.mark.parametrize(
    ("value", "resolved"), [(61, False), (58, False), (57, False), (56.9, True), (40, True)]
)
async def test_a_posted_end_counts_only_beyond_the_recovery_limit(
    intake,  # noqa: F811
    rows,  # noqa: F811
    value,
    resolved,
):
    start = datetime.now(UTC) - timedelta(seconds=60)
    await take(intake, posted("r_band", "firing", 66, start))
    await take(intake, posted("r_band", "resolved", value, start))
    assert [a["resolved"] for a in rows()] == [resolved]


async def test_a_series_that_vanished_ends_whatever_it_said_last(
    settings,
    intake,  # noqa: F811
    rows,  # noqa: F811
):
    add_robot(settings, "r_lost")
    start = datetime.now(UTC) - timedelta(seconds=60)
    await take(intake, posted("r_lost", "firing", 66, start))
    gone = {"grafana_state_reason": "MissingSeries"}
    await take(intake, posted("r_lost", "resolved", 66, start, annotations=gone))
    assert [a["resolve_reason"] for a in rows()] == ["no data"]


async def test_an_end_whose_opening_was_lost_is_recorded(intake, rows):  # noqa: F811
    start = datetime.now(UTC) - timedelta(seconds=60)
    await take(intake, posted("r_late", "resolved", 58, start))
    assert [a["resolved"] for a in rows()] == [True]


async def test_what_the_state_calls_normal_is_held_while_its_reading_is_in_the_band(
    settings,
    intake,  # noqa: F811
):
    add_robot(settings, "in_band", "cooled", "silent", "off")
    write_servos(settings, "in_band", servo_1=58.0, servo_2=40.0)
    write_servos(settings, "cooled", servo_1=56.0)
    write_servos(settings, "off", servo_1=70.0)
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute(
            "INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold,"
            " critical_threshold, enabled) VALUES ('off', 'servo_temp', 60, 75, false)"
        )
    robots = ("in_band", "cooled", "silent", "off")
    ended = [observed(robot, firing=False, origin="pull") for robot in robots]
    over = await intake.hold.over(ended)
    assert sorted(o.robot_id for o in over) == ["cooled", "off", "silent"]
    write_servos(settings, "in_band", servo_1=50.0)
    assert await intake.hold.over(ended[:1]) == ended[:1]


async def test_another_peoples_rule_ends_when_grafana_says_so(intake):  # noqa: F811
    ended = [observed("r1", firing=False, metric="rule:theirs", origin="pull")]
    assert await intake.hold.over(ended) == ended
