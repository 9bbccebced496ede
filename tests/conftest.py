"""Fixtures: the real programs, once a run. What could not run is named in the summary.

``mosquitto``, ``influx`` and ``postgres`` give settings groups of running programs; ``database``
is a fresh migrated database for one test; ``settings`` puts them together. A test that takes
``settings`` or ``each_influx`` runs on every InfluxDB of this machine.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from xdist.scheduler import LoadFileScheduling

from glue.settings import Broker, Influx, Postgres, Settings
from glue.stack.programs import grafana_binary, version_line
from tests import influx as influxes
from tests import programs
from tests.alert_stack import fast_grafana, with_grafana, without_grafana  # noqa: F401
from tests.api import Api, served
from tests.browser import Browser, chromium
from tests.console import Console, open_console
from tests.oidc import sign_on  # noqa: F401
from tests.sync import synced, synced_grafana  # noqa: F401

RAN = pytest.StashKey[dict[str, str]]()
INFLUXES = pytest.StashKey[influxes.Servers]()
TOGETHER = {
    "stacks": {"test_backup", "test_stack", "test_stack_changes", "test_stack_influxdb"},
    "fast Grafana": {"test_alert_faults", "test_alert_way", "test_ledger"},
    "sync's Grafana": {
        *("test_sync", "test_sync_doors", "test_sync_faults", "test_sync_loop", "test_silences"),
    },
}
"""Files that share what is dear, so that it is started once; and whole stacks, which go up one
after the other."""

SettingsFor = Callable[..., Settings]
StartTelegraf = Callable[..., "subprocess.Popen[bytes]"]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RAN] = {}


class _Together(LoadFileScheduling):
    """With several workers a file's tests stay together, for they share what they started, and so
    do those of a package with a Grafana of its own, and files of ``TOGETHER``. (Not by marks: with
    pytest 9.2 xdist 3.8 loses them without a word, for it writes to an attribute that pytest reads
    no more.)"""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(str(super()._split_scope(nodeid)))
        for name, files in TOGETHER.items():
            if file.stem in files:
                return name
        return str(file.parent) if file.parent.name in ("dashboards", "containers") else str(file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    return _Together(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["ran"] = _ran(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker is done: what ran there belongs into the summary."""
    node.config.stash[RAN] |= getattr(node, "workeroutput", {}).get("ran", {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if ran := _ran(config):
        terminalreporter.section("programs that ran")
        for name, version in sorted(ran.items()):
            terminalreporter.line(f"{name}: {version}")


def _ran(config: pytest.Config) -> dict[str, str]:
    influx = config.stash[INFLUXES].summary() if INFLUXES in config.stash else {}
    return config.stash[RAN] | influx


@pytest.fixture(scope="session")
def ran(request: pytest.FixtureRequest) -> dict[str, str]:
    """For the end of the run: what ran, by name, or why it did not."""
    return request.config.stash[RAN]


@contextmanager
def browsing(
    request: pytest.FixtureRequest, folder: Path, names: Mapping[str, str] | None = None
) -> Iterator[Browser]:
    """A browser with its profile in ``folder``; without Chromium the test is skipped, and told."""
    program = chromium()
    if program is None:
        request.config.stash[RAN]["Chromium"] = "NOT RUN: not on this machine"
        pytest.skip("no Chromium on this machine")
    with Browser(program, folder, names) as started:
        request.config.stash[RAN]["Chromium"] = started.call("Browser.getVersion")["product"]
        yield started


@pytest.fixture(scope="session")
def ground() -> Iterator[programs.Ground]:
    """Folder, free ports, secrets; stops whatever was started on it."""
    laid = programs.lay_ground(folder=programs.in_memory())
    try:
        yield laid
    finally:
        laid.clear()


@pytest.fixture(scope="session")
def settings_for(ground: programs.Ground) -> SettingsFor:
    """``settings_for(PGDATABASE="x")``: Settings of this run, overridden by environment name."""
    return ground.settings


@pytest.fixture(scope="session")
def mosquitto(ground: programs.Ground, request: pytest.FixtureRequest) -> Broker:
    """A running broker: ``.host``, ``.port``."""
    from glue.stack.parts import mosquitto

    part = mosquitto.part(ground.site())
    ground.start(part)
    request.config.stash[RAN]["Mosquitto"] = version_line(Path(part.command[0]), "-h")
    return ground.settings().broker


@pytest.fixture(scope="session")
def postgres(ground: programs.Ground, request: pytest.FixtureRequest) -> programs.Cluster:
    """A running PostgreSQL with a migrated template; ``.admin_dsn``, ``.fresh()``."""
    cluster = programs.migrated_cluster(ground)
    server = ground.programs.need("postgres")
    request.config.stash[RAN]["PostgreSQL"] = version_line(server, "--version")
    return cluster


@pytest.fixture
def database(postgres: programs.Cluster) -> Iterator[Postgres]:
    """A fresh migrated database of this test: a settings group, ``.dsn`` connects to it."""
    with postgres.fresh() as made:
        yield made


@pytest_asyncio.fixture
async def api(database: Postgres, settings_for: SettingsFor) -> AsyncIterator[Api]:
    """The API over this test's database, with one user of each role."""
    async with served(settings_for(PGDATABASE=database.database)) as running:
        yield running


@pytest.fixture(scope="session")
def influxdbs(ground: programs.Ground, request: pytest.FixtureRequest) -> influxes.Servers:
    """Every InfluxDB of this machine; each starts when it is first asked for."""
    request.config.stash[INFLUXES] = servers = influxes.Servers(ground)
    return servers


@pytest.fixture(scope="session")
def influx(influxdbs: influxes.Servers) -> Influx:
    """A running InfluxDB with bucket and accounts; tokens in ``.token``, ``.telegraf_token``."""
    return influxdbs.first()


@pytest_asyncio.fixture
async def console(
    influx: Influx, database: Postgres, settings_for: SettingsFor
) -> AsyncIterator[Console]:
    """The console over this test's database; ``await console.as_("operator")`` signs in."""
    settings = settings_for(PGDATABASE=database.database)
    async with open_console(settings.model_copy(update={"influx": influx})) as opened:
        yield opened


@pytest.fixture
def each_influx(influxdbs: influxes.Servers, request: pytest.FixtureRequest) -> Iterator[Influx]:
    """Like ``influx``, one InfluxDB after the other; ``ground.settings()`` follows."""
    with influxdbs.taken(request.param, Path(str(request.path)).stem) as taken:
        yield taken


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "each_influx" in metafunc.fixturenames:
        # Without any the first asks for one, and says that there is none.
        versions = list(influxes.found()) or ["none"]
        metafunc.parametrize("each_influx", versions, indirect=True)


@pytest.fixture
def settings(
    ground: programs.Ground, mosquitto: Broker, each_influx: Influx, database: Postgres
) -> Settings:
    """Settings of running programs with this test's own database (Grafana is not started)."""
    return ground.settings(PGDATABASE=database.database)


@pytest.fixture
def telegraf(ground: programs.Ground, request: pytest.FixtureRequest) -> Iterator[StartTelegraf]:
    """``telegraf(config, env, settings=None)`` starts one; they end with the test.

    The environment has every setting under its name (broker, InfluxDB's tokens), then ``env``.
    """
    from dataclasses import replace

    from glue.stack.parts import telegraf

    started: list[str] = []
    count = itertools.count(1)

    def start(
        config: Path | None = None,
        env: Mapping[str, str] | None = None,
        settings: Settings | None = None,
    ) -> subprocess.Popen[bytes]:
        shipped = telegraf.part(ground.site(settings), config, env)
        part = replace(shipped, name=f"telegraf-{request.node.name[:40]}-{next(count)}")
        started.append(part.name)
        program = Path(part.command[0])
        request.config.stash[RAN]["Telegraf"] = version_line(program, "--version")
        return ground.start(part)

    yield start
    for name in started:
        ground.stop(name)


@dataclass(frozen=True)
class RunningGrafana:
    """Grafana with our provisioning. Its data sources read ``settings``' database and bucket."""

    url: str
    user: str
    password: str
    settings: Settings

    @property
    def auth(self) -> tuple[str, str]:
        return self.user, self.password


@pytest.fixture(scope="session")
def grafana(
    ground: programs.Ground,
    postgres: programs.Cluster,
    influx: Influx,
    request: pytest.FixtureRequest,
) -> RunningGrafana:
    """A running Grafana; its views are of the session's database ``fleet``.

    Alerts go to ``settings.glue.port``, where nobody listens unless a test does.
    """
    home = ground.programs.grafana()
    if home is None:
        request.config.stash[RAN]["Grafana"] = "NOT RUN: none in GRAFANA_HOME, the cache or PATH"
        pytest.skip("no Grafana on this machine (GRAFANA_HOME, tools cache, PATH)")
    fleet = postgres.create("fleet")
    settings = ground.settings(PGDATABASE=fleet.database)
    programs.running_grafana(ground, settings)
    binary = grafana_binary(home)
    assert binary is not None
    request.config.stash[RAN]["Grafana"] = version_line(binary, "--version")
    return RunningGrafana(
        settings.grafana.url,
        settings.grafana.admin_user,
        settings.grafana.admin_password.get_secret_value(),
        settings,
    )
