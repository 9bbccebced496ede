"""Messages into events or reasons: what integration tests would be slow to vary."""

import json
from datetime import UTC, datetime

import pytest

from glue.core.events import Envelope, Refusal, Status, envelope, events
from glue.core.payload import DEEPEST
from glue.core.robot_time import RobotClocks

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def read(topic, payload):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    said = envelope(topic, raw)
    assert isinstance(said, Envelope), said
    return events(said, RobotClocks(), NOW)


def reason(topic, payload):
    said = envelope(topic, payload)
    assert isinstance(said, Refusal), said
    return said.family, said.reason


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("tonypi/job/r1", b"", ("job", "not_json")),
        ("tonypi/job/r1", b'{"status":', ("job", "not_json")),
        ("tonypi/job/r1", b'"online"', ("job", "wrong_type")),
        ("tonypi/job/r1", b"x" * 70_000, ("job", "too_big")),
        ("tonypi/battery", b"{}", ("battery", "missing_id")),
        ("tonypi/battery", b'{"robot_id": null}', ("battery", "missing_id")),
        ("tonypi/battery", b'{"robot_id": 7}', ("battery", "bad_id")),
        ("tonypi/job/a b", b"{}", ("job", "bad_id")),
        ("tonypi/job/r1/x", b"{}", ("job", "bad_id")),
        ("tonypi/job/r1\n", b"{}", ("job", "bad_id")),
        ("tonypi/telepathy/r1", b"{}", ("unknown", "unknown_topic")),
        ("tonypi/commands/r1", b"{}", ("unknown", "unknown_topic")),
    ],
)
def test_refused_with_the_reason(topic, payload, expected):
    assert reason(topic, payload) == expected


def test_the_topics_id_wins_over_the_payloads():
    said = envelope("tonypi/status/r1", b'{"robot_id": "r2"}')
    assert isinstance(said, Envelope)
    assert said.robot_id == "r1"


def test_numbers_that_no_database_takes_are_left_out():
    payload = b'{"status": "online", "system_info": {"a": NaN, "c": 1%s, "d": 2.5}}'
    ((status,), refused) = read("tonypi/status/r1", payload % (b"0" * 400))
    assert isinstance(status, Status)
    assert status.system_info == {"a": None, "c": None, "d": 2.5}
    assert refused == []


def test_only_what_is_nested_too_deep_is_left_out():
    nested = 1
    for depth in range(1, 50):
        nested = {"x": nested}
        ((status,), refused) = read("tonypi/status/r1", {"status": "online", "system_info": nested})
        assert (status.status, refused) == ("online", [])
        assert json.dumps(status.system_info).count("x") == min(depth, DEEPEST - 1)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://192.0.2.1:8080/?action=stream", True),
        ("rtsp://cam.local/1", True),
        ("javascript:alert(1)", False),
        ("http://", False),
        ('http://a/"onload=', False),
        ("http://a/" + "b" * 250, False),
        ("http://[::1", False),
    ],
)
def test_a_camera_url_must_be_one_that_a_dashboard_may_link_to(url, kept):
    ((status,), refused) = read("tonypi/status/r1", {"status": "online", "camera_url": url})
    assert (status.camera_url == url, len(refused)) == (kept, 0 if kept else 1)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("fe80::1%wlan0", "fe80::1"),
        ("localhost", None),
        ("999.1.1.1", None),
    ],
)
def test_an_ip_address_is_checked(said, kept):
    ((status,), _) = read("tonypi/status/r1", {"status": "online", "ip_address": said})
    assert status.ip_address == kept


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *(("online", "online"), ("OFFLINE", "offline"), (" Error\n", "error")),
        *((word, "online") for word in ("busy", "charging", "maintenance", "离线", 7, "x" * 60)),
        *(("", None), (" ", None), (None, None)),
    ],
)
def test_any_word_for_a_status_is_one(word, status):
    ((made,), refused) = read("tonypi/status/r1", {"status": word, "ip_address": "192.0.2.1"})
    assert (made.status, made.ip_address, refused) == (status, "192.0.2.1", [])
    assert made.reported_status == (str(word).strip()[:50] if status else None)


@pytest.mark.parametrize("key", ["percent", "progress_percent", "percent_complete"])
def test_jobs_say_percent_under_several_names(key):
    ((job,), refused) = read("tonypi/job/r1", {"status": "Working", key: 42})
    assert (job.percent, job.at, refused) == (42.0, NOW, [])
    ((job,), refused) = read("tonypi/job/r1", {"status": "Working", key: 101.6})
    assert (job.percent, refused) == (100.0, [])
    ((job,), (no,)) = read("tonypi/job/r1", {"status": "working", key: 420})
    assert (job.percent, no.reason) == (None, "out_of_range")


def test_a_job_needs_a_known_word():
    made, (no,) = read("tonypi/job/r1", {"status": "dreaming"})
    assert (made, no.reason) == ([], "out_of_range")


def test_log_levels_become_ours():
    for said, level in (("warn", "WARNING"), ("Fatal", "CRITICAL"), ("debug", "INFO"), (7, "INFO")):
        ((line,), _) = read("tonypi/logs/r1", {"message": "x", "level": said})
        assert line.level == level
