"""The home folder: secrets made once and for the owner alone, ports kept, processes recognised."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from glue.environment import exported
from glue.settings import SettingsError, load
from glue.stack import facts, keeper, lan, leftovers, pidfiles, process, secrets
from glue.stack import home as homes
from glue.stack.home import Home
from glue.stack.parts import mosquitto


@pytest.fixture
def home() -> Iterator[Home]:
    # Not pytest's folder, through which no other user may pass.
    with tempfile.TemporaryDirectory(prefix="tonypi-home-") as folder:
        os.chmod(folder, 0o755)
        yield Home(Path(folder) / "home")


def test_secrets_are_made_once_and_readable_by_the_owner_alone(home: Home) -> None:
    homes.prepare(home, {})
    first = secrets.read(home.path)
    homes.prepare(home, {})
    assert secrets.read(home.path) == first
    assert stat.S_IMODE((home.path / secrets.FILE).stat().st_mode) == 0o600
    made = [first[name] for name in (*secrets.GENERATED, *secrets.INFLUX_ACCOUNTS)]
    assert len(set(made)) == len(made)
    assert min(map(len, made)) >= 32


def test_settings_read_what_was_generated(home: Home) -> None:
    homes.prepare(home, {"GLUE_PORT": "18000"})
    site = home.site({})
    assert (
        site.settings.postgres.password.get_secret_value()
        == (secrets.read(home.path)["PGPASSWORD"])
    )
    assert site.settings.glue.port == 18000
    assert site.settings.grafana.webhook_url == "http://127.0.0.1:18000/webhooks/grafana"


def test_a_taken_port_gives_way_and_the_choice_is_kept(home: Home) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        usual = dict(homes.PORTS)
        homes.PORTS["PGPORT"] = ("PostgreSQL", taken)
        try:
            remarks = homes.prepare(home, {})
        finally:
            homes.PORTS.update(usual)
    chosen = secrets.read(home.path)["PGPORT"]
    assert chosen != str(taken)
    assert any(chosen in remark and "PGPORT" in remark for remark in remarks)
    assert homes.prepare(home, {}) == []
    assert secrets.read(home.path)["PGPORT"] == chosen


def test_a_named_port_is_taken_as_it_is(home: Home) -> None:
    homes.prepare(home, {"INFLUXDB_URL": "http://127.0.0.1:28086"})
    homes.prepare(home, {"INFLUXDB_URL": "http://127.0.0.1:38086"})
    assert secrets.read(home.path)["INFLUXDB_URL"] == "http://127.0.0.1:38086"


def test_what_is_given_to_a_start_is_in_force_at_the_next(home: Home) -> None:
    first = {"FLEET_TZ": "Asia/Tokyo", "GF_SMTP_PASSWORD": "Pa$word '1'", "PGDATABASE": "fleet"}
    homes.prepare(home, first | {"TONYPI_HOME": "/elsewhere", "GLUE_DEMO": "1"})
    homes.prepare(home, {})
    settings = home.site({}).settings
    assert (settings.fleet.tz, settings.postgres.database) == ("Asia/Tokyo", "fleet")
    assert settings.grafanas_own == {"GF_SMTP_PASSWORD": "Pa$word '1'"}
    assert not settings.glue.demo
    homes.prepare(home, {"FLEET_TZ": "UTC"})
    assert home.site({}).settings.fleet.tz == "UTC"
    known = secrets.read(home.path)
    named = ("GF_SMTP_PASSWORD", "PGDATABASE")
    assert facts.remembered(known, {"FLEET_TZ": "UTC"}) == named, "said at each start"


def test_options_of_a_database_url_are_in_force_until_another_is_given(home: Home) -> None:
    where = "postgresql://ada:s3cret@localhost:5433/fleet"
    homes.prepare(home, {"DATABASE_URL": f"{where}?sslmode=verify-full"})
    homes.prepare(home, {"PGDATABASE": "robots"})
    expected = "postgresql://ada:s3cret@localhost:5433/robots?sslmode=verify-full"
    assert home.site({}).settings.postgres.dsn == expected
    homes.prepare(home, {"DATABASE_URL": where})
    assert home.site({}).settings.postgres.dsn == where


def test_a_password_given_for_the_broker_is_asked_for_on_loopback_too(home: Home) -> None:
    homes.prepare(home, {})
    assert not lan.asks(home.site({}).settings)
    homes.prepare(home, {"MQTT_PASSWORD": "Pa$word"})
    homes.prepare(home, {})
    settings = home.site({}).settings
    assert lan.asks(settings) and not lan.is_open(settings.stack.bind)
    assert (settings.broker.username, settings.broker.password.get_secret_value()) == (
        "glue",
        "Pa$word",
    )
    config = "".join(mosquitto.part(home.site({})).files.values())
    assert "allow_anonymous false" in config and "user robots" in config
    homes.prepare(home, {"MQTT_REQUIRE_PASSWORD": "false"})
    assert not lan.asks(home.site({}).settings)


@pytest.mark.parametrize(
    "named",
    [
        {"MQTT_USERNAME": "robots"},  # as docs/docker.md has it, where it is the robots'
        {"MQTT_USERNAME": "telegraf"},
        {"MQTT_USERNAME": "simulator"},
        {"MQTT_USERNAME": "fleet", "MQTT_ROBOTS_USERNAME": "fleet"},
        {"MQTT_ROBOTS_USERNAME": "glue"},
        {"MQTT_ROBOTS_USERNAME": "telegraf"},
    ],
)
def test_two_users_of_the_broker_never_have_one_name(named: dict[str, str], home: Home) -> None:
    """The rights of one would be the other's: robots might give commands."""
    for opened in ({"MQTT_PASSWORD": "p"}, {"TONYPI_BIND": "0.0.0.0"}):
        with pytest.raises(homes.HomeUnusable, match=f"^{next(iter(named))}="):
            homes.prepare(home, named | opened)
        assert secrets.read(home.path) == {}
    with pytest.raises(homes.HomeUnusable):
        homes.prepare(home, named, "0.0.0.0")
    homes.prepare(home, named)  # on loopback nobody is asked for a name


def test_a_name_of_robots_that_a_password_file_cannot_hold_is_refused() -> None:
    with pytest.raises(SettingsError, match="MQTT_ROBOTS_USERNAME"):
        load({"MQTT_ROBOTS_USERNAME": "a:b"})


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"PGHOST": "db.example"}, "PGHOST (or DATABASE_URL)"),
        ({"DATABASE_URL": "postgres://db.example/robots"}, "PGHOST (or DATABASE_URL)"),
        ({"INFLUXDB_URL": "http://series.example:8086"}, "INFLUXDB_URL"),
        ({"MQTT_BROKER_HOST": "mqtt://broker.example"}, "MQTT_BROKER_HOST"),
        ({"PGHOST": "localhost", "INFLUXDB_URL": "http://localhost:8086/"}, None),
    ],
)
def test_a_system_elsewhere_is_named_where_one_of_our_own_would_start(
    environ: dict[str, str], named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = facts.elsewhere(exported(load({"TONYPI_HOME": str(tmp_path)} | environ)))
    assert found == ((named,) if named else ())


def test_purge_leaves_what_is_not_ours(home: Home) -> None:
    homes.prepare(home, {})
    (home.path / "mine.txt").write_text("kept")
    homes.purge(home)
    assert [path.name for path in home.path.iterdir()] == ["mine.txt"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
def test_a_home_that_postgres_cannot_reach_is_refused(home: Home) -> None:
    home.path.mkdir()
    home.path.chmod(0o700)
    with pytest.raises(homes.HomeUnusable, match="TONYPI_HOME"):
        homes.prepare(Home(home.path / "inner"), {})


def test_a_lock_tells_whether_a_supervisor_lives(home: Home) -> None:
    homes.prepare(home, {})
    assert not homes.is_running(home)
    with homes.hold_lock(home) as taken:
        assert taken
        assert homes.is_running(home)
    assert not homes.is_running(home)


def test_a_number_used_again_is_not_mistaken_for_our_program(home: Home) -> None:
    homes.prepare(home, {})
    pidfile = home.pidfile("telegraf")
    pidfile.write_text(f"{os.getpid()} 1\n")
    assert pidfiles.recall(pidfile) is None
    assert leftovers.end(home) == []
    assert not pidfile.exists()


def test_a_leftover_is_ended(home: Home) -> None:
    homes.prepare(home, {})
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        pidfiles.remember(home.pidfile("telegraf"), sleeper.pid)
        assert leftovers.end(home) == ["telegraf"]
        assert sleeper.wait(5) != 0


def test_back_off_doubles_and_is_bounded() -> None:
    assert [keeper.back_off(n) for n in (1, 2, 3, 4, 20)] == [0.5, 1, 2, 4, 30]


def test_a_big_log_is_set_aside_and_the_one_before_replaced(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    for mark in (b"1", b"2"):
        log.write_bytes(mark * (process.LOG_BYTES + 1))
        process.turn(log)
    assert not log.exists()
    assert (tmp_path / "part.log.1").read_bytes()[:1] == b"2"


def test_every_set_setting_is_exported_and_can_be_read_back(tmp_path: Path) -> None:
    given = {
        "TONYPI_HOME": str(tmp_path),
        "FLEET_ROBOT_TZ": '{"r1": "Asia/Tokyo"}',
        "PGPASSWORD": "s3cret",
        "FLEET_SILENT_AFTER": "42.5",
    }
    settings = load(given)
    assert load(exported(settings)) == settings
    assert exported(settings)["PGPASSWORD"] == "s3cret"


def test_a_log_that_grows_while_its_program_runs_is_turned(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "LOG_BYTES", 100)
    log = tmp_path / "part.log"
    with log.open("ab") as output:
        output.write(b"x" * 101)
        output.flush()
        process.turn_running(log)
        output.write(b"later")
        output.flush()
    assert (tmp_path / "part.log.1").stat().st_size == 101
    assert log.read_bytes() == b"later"
