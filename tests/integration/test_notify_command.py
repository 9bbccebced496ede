"""``tonypi notify``, as people type it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from glue.cli import notify
from tests import notified


@pytest.fixture
def tonypi(database, monkeypatch, tmp_path):
    for name, value in {
        "TONYPI_HOME": str(tmp_path),
        "DATABASE_URL": database.dsn,
        "GLUE_SECRET_KEY": notified.KEY,
        "NOTIFY_TIMEOUT": "2",
    }.items():
        monkeypatch.setenv(name, value)
    root = typer.Typer()
    notify.register(root)

    def run(*words, typed=""):
        # A thread of its own: the commands have an event loop of their own.
        results = []
        thread = threading.Thread(
            target=lambda: results.append(CliRunner().invoke(root, ["notify", *words], input=typed))
        )
        thread.start()
        thread.join()
        return results[0].exit_code, results[0].output

    return run


def test_targets_are_added_tried_listed_and_removed(tonypi, database):
    with notified.web() as web:
        assert tonypi("add-target", "ops", "--url", web.url, "--dry-run")[0] == 0
        assert json.loads(tonypi("targets", "--json")[1]) == []
        code, said = tonypi("add-target", "ops", typed=f"{web.url}\n")
        assert code == 0 and "s3cretpassword" not in said
        assert tonypi("add-target", "ops", "--url", web.url)[0] == 1
        code, said = tonypi("add-target", "bad", "--url", "syslog://")
        assert code == 1 and "not an address" in said
        assert tonypi("test", "ops", "--dry-run")[0] == 0 and not web.got
        assert tonypi("test", "ops") == (0, "ops: delivered\n")
        assert web.titles == ["Test message: nothing has happened"]
        assert f"tonypi notify tests at {datetime.now(UTC):%Y-%m-%d}" in web.got[0]["message"]
        web.status = 500
        code, said = tonypi("test", "ops")
        assert code == 1 and "not delivered" in said and "s3cret" not in said
        (target,) = json.loads(tonypi("targets", "--json")[1])
        assert "sealed" not in target and "s3cret" not in str(target)
        assert tonypi("remove-target", "nobody")[0] == 1
        assert tonypi("remove-target", "ops", "--dry-run")[0] == 0
        assert tonypi("remove-target", "ops")[0] == 0
        assert tonypi("targets") == (0, "")


QUEUED = """
    INSERT INTO notification_targets (name, scheme, masked, sealed, created_by)
    VALUES ('ops', 'json', 'json://h/', 'x', 'test');
    INSERT INTO notification_routes (name, position, targets) VALUES ('all', 1, '{1}');
    INSERT INTO alerts (alert_type, severity, title) VALUES ('system', 'warning', 'Odd');
    INSERT INTO alert_timeline (alert_id, kind) VALUES (1, 'opened');
    INSERT INTO notification_outbox (alert_id, transition_id, occasion, target_id, target_name,
                                     route_name, group_key, state, due_at, next_try_at, attempts)
    VALUES (1, 1, 'opened', 1, 'ops', 'all', 'k', 'given up', now(), now(), 3);
"""


def test_what_was_given_up_is_seen_and_tried_again(tonypi, database):
    with psycopg.connect(database.dsn) as conn:
        conn.execute(QUEUED)
    assert "all: ops" in tonypi("routes")[1]
    told = json.loads(tonypi("queue", "--state", "given up", "--target", "ops", "--json")[1])
    assert told["counts"] == {"given up": 1} and told["items"][0]["alert_title"] == "Odd"
    assert tonypi("queue", "--state", "lost")[0] == 2
    assert tonypi("retry")[0] == 2 and tonypi("retry", "9")[0] == 1
    assert json.loads(tonypi("retry", "--given-up", "--dry-run", "--json")[1])["ids"] == [1]
    assert "given up: 1" in tonypi("queue")[1]
    assert tonypi("retry", "1") == (0, "are tried again: 1\n")
    said = tonypi("queue")[1]
    assert "Odd" in said and "queued: 1" in said and "given up: 0" in said


def test_what_nobody_was_told_says_when_for_whom_and_why(tonypi, database):
    with psycopg.connect(database.dsn) as conn:
        conn.execute(QUEUED)
        conn.execute(
            "UPDATE notification_outbox SET state = 'suppressed', reason = 'muted by ada',"
            " created_at = '2026-01-31T08:00Z', finished_at = now()"
        )
        conn.execute(
            "INSERT INTO notification_outbox (alert_id, transition_id, occasion, target_name,"
            " route_name, group_key, state, reason, due_at, next_try_at)"
            " VALUES (1, 1, 'raised', '', '', '', 'suppressed', 'no route fits', now(), now())"
        )
    said = tonypi("queue", "--state", "suppressed")[1].splitlines()
    assert "nobody" in said[0] and "suppressed: no route fits" in said[0]
    assert "2026-01-31 08:00:00 UTC ops" in said[1] and "suppressed: muted by ada" in said[1]


def test_an_address_is_read_from_a_pipe_without_a_warning(tonypi):
    code, said = tonypi("add-target", "ops", typed="json://127.0.0.1:9/hook\n")
    assert (code, "ops" in said, "echo" in said) == (0, True, False)
