"""The native run as a person uses it: one stack goes up, is disturbed, goes down, is purged.

The tests of this file share one stack; each starts it where it does not run, so each can run alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from glue.environment import exported
from glue.series import Query, retention
from glue.stack import home as homes
from glue.stack import leftovers, probe
from glue.stack.home import Home
from tests.native_stack import LISTEN, LOOPBACK, Stack, until

NASTY = "Pa$word-%41 #1 'q' \"d\" \\ $HOME ${HOME} $$ ;"
"""What a shell, Compose, Grafana, Telegraf and a URL would each take apart."""
IN_GRAFANA, IN_INFLUXDB = NASTY.replace("${", "{"), NASTY.replace(" ", "_")
"""A ${ in Grafana's own settings, and a space in InfluxDB's tokens, are refused by name."""
GIVEN_ONCE = {
    **dict.fromkeys(("PGPASSWORD", "POSTGRES_PASSWORD", "GRAFANA_READER_PASSWORD"), NASTY),
    **dict.fromkeys(("MQTT_PASSWORD", "MQTT_TELEGRAF_PASSWORD", "MQTT_ROBOTS_PASSWORD"), NASTY),
    **dict.fromkeys(("GLUE_WEBHOOK_SECRET", "GLUE_ADMIN_PASSWORD", "GLUE_JWT_SECRET"), NASTY),
    **dict.fromkeys(("GF_SECURITY_ADMIN_PASSWORD", "GRAFANA_OAUTH_CLIENT_SECRET"), IN_GRAFANA),
    "GF_DATABASE_PASSWORD": "Pa$word-%41#1;",
    "INFLUXDB_TOKEN": f"tonypi:{IN_INFLUXDB}",
    "INFLUXDB_TELEGRAF_TOKEN": f"telegraf:{IN_INFLUXDB}",
    "INFLUXDB_GRAFANA_TOKEN": f"grafana:{IN_INFLUXDB}",
    "INFLUXDB_RETENTION_DAYS": "90",
    "FLEET_TZ": "Asia/Tokyo",
    "GF_SMTP_HOST": "mail.example:25",
    "GF_DATABASE_HOST": "elsewhere:5432",
}
"""To the first start alone: the tests that follow prove that it is remembered."""
OF_SOMETHING_ELSE = {
    **dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9"),
    "PGSERVICE": "elsewhere",
    "PGOPTIONS": "-c search_path=elsewhere",
    "PGSSLMODE": "verify-full",
    "PGHOSTADDR": "192.0.2.1",
}
"""What somebody's shell exports for other programs."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="tonypi-stack-"))
    folder.chmod(0o755)
    ports = [str(probe.free_port()) for _ in range(5)]
    environ = {
        "NATIVE": "1",
        **{key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ},
        **{
            key: os.environ[key]
            for key in ("GRAFANA_HOME", "INFLUXDB_VERSION")
            if key in os.environ
        },
        "TONYPI_HOME": str(folder / "home"),
        "ROBOTS": "1",
        "MQTT_BROKER_PORT": ports[0],
        "PGPORT": ports[1],
        "INFLUXDB_URL": f"http://127.0.0.1:{ports[2]}",
        "GRAFANA_URL": f"http://127.0.0.1:{ports[3]}",
        "GLUE_PORT": ports[4],
        **OF_SOMETHING_ELSE,
    }
    made = Stack(Home(folder / "home"), environ)
    yield made
    made.run("down", "--purge", "--yes")
    folder.rmdir()


@pytest.fixture
def running(stack: Stack) -> Stack:
    """The stack, with every part serving."""
    if not homes.is_running(stack.home):
        first = {} if stack.home.path.exists() else GIVEN_ONCE
        done = Stack(stack.home, stack.environ | first).run("up")
        assert done.returncode == 0, done.stdout + done.stderr
    # A part that the tests before have killed may just be starting.
    assert until(lambda: stack.run("status").returncode == 0, 60), stack.run("status").stdout
    return stack


def has_robot(stack: Stack) -> bool:
    dsn = stack.home.site(stack.environ).settings.postgres.dsn
    with psycopg.connect(dsn) as conn:
        found = conn.execute("SELECT count(*) FROM robots WHERE robot_id LIKE 'sim_%'")
        return found.fetchone() == (1,)


def kill_supervisor(stack: Stack) -> None:
    os.kill(stack.status()["supervisor"], signal.SIGKILL)
    within = leftovers.PATIENCE + 10
    assert until(lambda: not stack.processes(), within), stack.processes()


def test_a_dry_run_shows_and_makes_nothing(stack: Stack) -> None:
    shown = stack.run("up", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "postgres → influxdb → mosquitto → telegraf" in shown.stdout
    assert not stack.home.path.exists()


def test_status_before_the_first_start_says_so(stack: Stack) -> None:
    asked = stack.run("status")
    assert asked.returncode == 3
    assert "tonypi up" in asked.stdout


def test_up_starts_everything_and_shows_the_password(stack: Stack) -> None:
    done = Stack(stack.home, stack.environ | GIVEN_ONCE).run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PGSERVICE, PGSSLMODE" in done.stdout, "said, and without effect"
    assert "GF_DATABASE_HOST" in done.stdout
    secret = stack.home.site(stack.environ).settings.glue.admin_password.get_secret_value()
    assert secret in done.stdout
    assert f"http://127.0.0.1:{stack.environ['GLUE_PORT']}/docs" in done.stdout
    status = stack.status()
    assert {part["state"] for part in status["parts"].values()} == {"ready"}
    wanted = {"postgres", "influxdb", "mosquitto", "telegraf", "glue", "simulator"}
    assert wanted <= set(status["parts"])
    assert status["unknown"] == []


def test_a_second_up_changes_nothing_and_keeps_the_password_to_itself(running: Stack) -> None:
    before = running.pids()
    done = running.run("up")
    assert done.returncode == 0
    assert "running already" in done.stdout
    secret = running.home.site(running.environ).settings.glue.admin_password.get_secret_value()
    assert secret not in done.stdout
    assert running.pids() == before


def test_secrets_are_for_the_owner_alone(running: Stack) -> None:
    secret_files = [running.home.path / "stack.env", running.home.path / "logs"]
    assert [stat.S_IMODE(path.stat().st_mode) & 0o077 for path in secret_files] == [0, 0]


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root starts parts as others")
def test_started_by_root_the_parts_have_users_of_their_own(running: Stack) -> None:
    parts = running.status()["parts"]
    found = {name: os.stat(f"/proc/{part['pid']}").st_uid for name, part in parts.items()}
    assert 0 not in found.values(), found
    assert len({*found.values()}) == len(found) >= 6
    assert found == {name: pwd.getpwnam(part["user"]).pw_uid for name, part in parts.items()}
    data = running.home.path / "data"
    for name in set(found) - {"simulator"}:
        owner = (data / name).stat()
        assert (owner.st_uid, stat.S_IMODE(owner.st_mode)) == (found[name], 0o700), name


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root starts parts as others")
def test_each_user_reads_its_own_files_and_no_others(running: Stack) -> None:
    parts = running.status()["parts"]
    own = {part["user"]: {f"data/{name}"} for name, part in parts.items()}
    own["tonypi-glue"] |= {"data/notify", "reports", "run"}
    own["tonypi-simulator"] = own["nobody"] = set()
    home = running.home.path
    # By name, for nobody but root may list the home itself.
    places = [*home.iterdir(), *(home / "data").iterdir(), *(home / "run").iterdir()]
    for user, folders in own.items():
        who = pwd.getpwnam(user)
        asked = subprocess.run(
            ["find", *places, "-type", "f", "-readable"],
            **{"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        read = {str(Path(line).relative_to(home)) for line in asked.stdout.splitlines()}
        strange = {path for path in read if not any(path.startswith(f"{f}/") for f in folders)}
        assert strange == set(), user
        assert "run/supervisor.lock" not in read, "who holds it keeps the stack from starting"
        if user == "tonypi-glue":
            assert {"run/state.json", "data/notify/contacts.json"} <= read


def test_the_glue_and_who_calls_tonypi_share_the_reports(running: Stack) -> None:
    made = running.run("reports", "build", "performance", "--last", "1h", "--json")
    assert made.returncode == 0, made.stderr
    report = json.loads(made.stdout)
    settings = running.home.site(running.environ).settings
    login = {"username": "admin", "password": NASTY}
    url = f"http://127.0.0.1:{settings.glue.port}/api/v1"
    with httpx.Client(trust_env=False, timeout=20) as client:
        token = client.post(f"{url}/auth/login", json=login).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        # Its own, in the same folder of the same month.
        an_hour = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T01:00:00Z"}
        job = client.post(f"{url}/reports", json={"type": "performance"} | an_hour).json()

        def state() -> str:
            return str(client.get(f"{url}/reports/jobs/{job['job_id']}").json()["state"])

        assert until(lambda: state() in ("done", "failed"), 30)
        assert state() == "done", running.run("logs", "glue").stdout
        fetched = client.get(f"{url}/reports/{report['id']}/file")
        assert fetched.content[:4] == b"%PDF"
        assert client.delete(f"{url}/reports/{report['id']}").status_code == 204
    assert not Path(report["file"]).exists()


def test_nothing_listens_beyond_loopback(running: Stack) -> None:
    listening: dict[str, str] = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN:
                listening[fields[9]] = fields[1].split(":")[0]
    ours = set()
    for pid in running.processes():
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = os.readlink(descriptor)
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                ours.add(target[8:-1])
    addresses = {listening[inode] for inode in ours & set(listening)}
    assert len(ours & set(listening)) >= 4
    assert addresses <= LOOPBACK


def test_the_simulated_robot_is_registered(running: Stack) -> None:
    assert until(lambda: has_robot(running), 30)


def test_a_killed_part_comes_back(running: Stack) -> None:
    killed = running.pids()["telegraf"]
    os.kill(killed, signal.SIGKILL)

    def back() -> bool:
        part = running.status()["parts"]["telegraf"]
        return part["state"] == "ready" and part["pid"] != killed and part["restarts"] == 1

    assert until(back, 20)
    told = running.run("logs").stdout
    assert '"part.backing_off"' in told
    assert "killed by signal 9" in told


def test_status_tells_when_a_part_does_not_answer(running: Stack) -> None:
    pid = running.pids()["glue"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert until(lambda: running.run("status").returncode == 4, 20)
        assert running.status()["parts"]["glue"]["state"] == "unresponsive"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert until(lambda: running.run("status").returncode == 0, 20)


def test_no_orphan_after_the_supervisor_is_killed(running: Stack) -> None:
    assert set(running.pids().values()) <= running.processes()
    kill_supervisor(running)
    assert running.run("status").returncode == 3


def test_up_after_a_kill_finds_its_data(running: Stack) -> None:
    assert until(lambda: has_robot(running), 30)
    kill_supervisor(running)
    # As an earlier release left them, which ran the glue as root.
    old = running.home.path / "reports" / "old"
    if root := os.geteuid() == 0:
        old.mkdir(exist_ok=True)
        (running.home.path / "data" / "notify" / "contacts.json").chmod(0o600)
        for name in ("reports", "data/notify", "data/notify/contacts.json"):
            os.chown(running.home.path / name, 0, 0)
    done = running.run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert has_robot(running)
    if root:
        notify = running.home.path / "data" / "notify"
        owners = {path.stat().st_uid for path in (old, old.parent, notify, *notify.iterdir())}
        assert owners == {pwd.getpwnam("tonypi-glue").pw_uid}


def test_what_was_given_to_the_first_start_is_remembered(running: Stack) -> None:
    settings = running.home.site(running.environ).settings
    kept = exported(settings) | settings.grafanas_own
    once = {"INFLUXDB_RETENTION_DAYS"}
    assert {name: kept.get(name) for name in set(GIVEN_ONCE) - once} == {
        name: value for name, value in GIVEN_ONCE.items() if name not in once
    }
    # The bucket itself remembers how long it keeps points.
    assert settings.influx.retention is None
    kept_s = 90 * 86400
    assert asyncio.run(retention.keep(settings.influx)) == retention.Kept(kept_s, kept_s)
    assert settings.influx.kept_days == 90
    shorter = Stack(running.home, running.environ | {"INFLUXDB_RETENTION_DAYS": "7"})
    told = shorter.run("up", "--dry-run").stdout
    assert "shortens the history from 90 days" in told, "before anything is deleted"


def test_every_program_takes_its_secrets_as_they_are(running: Stack) -> None:
    """Telegraf wrote what the simulator sent, through a broker that asks for passwords; Grafana
    reads both of its data sources."""
    settings = running.home.site(running.environ).settings

    async def points() -> int:
        async with Query(settings.influx) as query:
            found = await query.query("SELECT count(cpu_percent) FROM performance")
        return int(found[0].last("count")) if found else 0

    assert until(lambda: asyncio.run(points()) > 0, 30), running.run("logs", "telegraf").stdout
    assert (
        "allow_anonymous false"
        in (running.home.path / "data" / "mosquitto" / "mosquitto.conf").read_text()
    )
    if "grafana" not in running.status()["parts"]:
        pytest.skip("there is no Grafana on this machine")
    login = (settings.grafana.admin_user, settings.grafana.admin_password.get_secret_value())
    with httpx.Client(base_url=settings.grafana.url, auth=login, trust_env=False) as client:
        for uid in ("postgres", "influxdb"):
            health = client.get(f"/api/datasources/uid/{uid}/health", timeout=30)
            assert health.json()["status"] == "OK", health.text
        in_force = client.get("/api/admin/settings").json()
    assert in_force["smtp"]["host"] == GIVEN_ONCE["GF_SMTP_HOST"]
    assert in_force["database"]["host"] != GIVEN_ONCE["GF_DATABASE_HOST"]


def test_purge_asks_first(running: Stack) -> None:
    refused = running.run("down", "--purge")
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    assert running.run("status").returncode == 0


def test_down_stops_everything_and_keeps_the_data(running: Stack) -> None:
    assert running.run("down").returncode == 0
    assert running.processes() == set()
    assert (running.home.path / "data" / "postgres" / "cluster" / "PG_VERSION").exists()
    ended = json.loads((running.home.log("supervisor")).read_text().splitlines()[-1])
    assert ended["event"] == "supervisor.stopped"
    assert "killed" not in running.home.log("postgres").read_text().splitlines()[-1]


def test_purge_removes_all(stack: Stack) -> None:
    assert stack.run("down", "--purge", "--yes").returncode == 0
    assert not stack.home.path.exists()
