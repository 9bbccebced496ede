"""A backup and its restore as a person types them, in a home of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from glue.backup import create
from glue.stack import secrets as stack_secrets
from glue.stack.home import Home
from tests.backup import POINTS, Place, filled, run, save, tonypi

# A stack is started, stopped, started and removed, a part after the other: on a machine that does
# much else each takes long.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def source() -> Iterator[Place]:
    with filled() as made:
        yield made


@pytest.fixture(scope="module")
def saved(source: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(source, tmp_path_factory.mktemp("backup") / "saved.tar")


@pytest.fixture(scope="module")
def native() -> Iterator[dict[str, str]]:
    """The environment of a home that is not there yet; the tests below use it in their order."""
    # Not pytest's folder, through which PostgreSQL's user could not pass.
    with tempfile.TemporaryDirectory(prefix="tonypi-backup-") as made:
        Path(made).chmod(0o755)
        environ = {
            "TONYPI_HOME": str(Path(made) / "home"),
            "INFLUXDB_RETENTION_DAYS": "30",
            # Elsewhere, so that none starts here: it would only take time.
            "GRAFANA_URL": "http://grafana.invalid:3000",
            "ROBOTS": "0",
        }
        try:
            yield environ
        finally:
            run(environ, "down", "--purge", "--yes")


def test_a_new_machine_natively(source: Place, saved: Path, native: dict[str, str]) -> None:
    """Into an empty home, then out of that (stopped) home again, by what a person types."""
    home = Path(native["TONYPI_HOME"])
    tonypi(native, "restore", str(saved), expected=3)
    planned = tonypi(native, "restore", str(saved), "--plan")
    assert planned["signature"] == "no key"
    assert planned["new"] and planned["points"] == len(POINTS) + 1
    assert not home.exists()
    done = tonypi(native, "restore", str(saved), "--yes")
    assert (done["points"], done["expired"]) == (len(POINTS) + 1, 0)
    known = stack_secrets.read(home)
    for name in ("GLUE_ADMIN_PASSWORD", "GF_SECURITY_ADMIN_PASSWORD", "POSTGRES_PASSWORD"):
        assert known[name] == source.ground.environ[name]
    # The source still has its ports.
    for name in ("PGPORT", "INFLUXDB_URL"):
        assert known[name] != source.ground.environ[name]
    again = tonypi(native, "backup")
    first, second = (create.archive.verify(p) for p in (saved, Path(again["file"])))
    for role in ("glue", "grafana"):
        assert second.databases[role].rows == first.databases[role].rows
    assert {n: (m.points, m.values) for n, m in second.measurements.items()} == {
        n: (m.points, m.values) for n, m in first.measurements.items()
    }
    assert list((home / "run").glob("*.pid")) == []


def test_a_running_stack_is_stopped_and_started_again(native: dict[str, str]) -> None:
    run(native, "up")
    saved = tonypi(native, "backup")["file"]
    settings = Home(Path(native["TONYPI_HOME"])).site(native).settings
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute("INSERT INTO robots (robot_id) VALUES ('later')")
    planned = tonypi(native, "restore", saved, "--plan")
    assert planned["stops"] and planned["signature"] == "ours"
    tonypi(native, "restore", saved, "--yes")
    with psycopg.connect(settings.postgres.dsn) as conn:
        ids = {robot_id for (robot_id,) in conn.execute("SELECT robot_id FROM robots").fetchall()}
    assert "later" not in ids and "r1" in ids
    status = json.loads(run(native, "status", "--json").stdout)
    assert {part["state"] for part in status["parts"].values()} == {"ready"}
