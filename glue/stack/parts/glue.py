"""The glue itself and its simulated robots, as programs beside the others."""

from __future__ import annotations

import compileall
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

from glue.environment import exported
from glue.stack import home as homes
from glue.stack import lan, probe, process, public, users
from glue.stack.part import Part, Site

SOURCES = ("glue", "grafana", "postgres", "provisioning", "telegraf")
"""What the glue reads of a checkout."""
OF_OTHERS = frozenset(
    (
        *("POSTGRES_PASSWORD", "GRAFANA_READER_PASSWORD", "GF_DATABASE_PASSWORD"),
        *("INFLUXDB_TELEGRAF_TOKEN", "INFLUXDB_GRAFANA_TOKEN", "GRAFANA_METRICS_PASSWORD"),
        *("MQTT_TELEGRAF_PASSWORD", "MQTT_SIMULATOR_PASSWORD", "MQTT_ROBOTS_PASSWORD"),
    )
)
"""Secrets that the glue's process has no use for: of the other programs, and of the supervisor."""


def part(site: Site) -> Part:
    """``tonypi serve``: API, webhook, events, evaluator."""
    glue = site.settings.glue
    url = f"http://{lan.near(glue.host)}:{glue.port}"
    who = _user(site, users.GLUE, glue.port)
    if who.name and (obstacle := _keeps_out(site)):
        who = users.Choice(None, obstacle)
    own = {name: text for name, text in exported(site.settings).items() if name not in OF_OTHERS}
    return Part(
        name="glue",
        command=(sys.executable, "-m", "glue.cli", "serve"),
        # An empty GRAFANA_URL says that there is none; unset would mean the usual one.
        env=own
        | {"TONYPI_HOME": str(site.home), "GRAFANA_URL": site.grafana_url}
        # As Grafana is told, which sends browsers here and takes them back.
        | {
            "GLUE_PUBLIC_URL": public.glue(site.settings),
            "GRAFANA_PUBLIC_URL": public.grafana(site.settings) if site.grafana_url else "",
        },
        cwd=site.checkout,
        user=who.name,
        root_because=who.obstacle,
        shown=who.shown,
        folders=_folders(site),
        prepare=lambda: _prepare(site, who.name),
        depends=("postgres", "influxdb", "mosquitto"),
        ready=lambda: probe.answers(f"{url}/healthz"),
        # Short: while it hangs there is no emergency stop.
        hung_after=30,
        port=glue.port,
        ready_within=60,
        url=f"{url}/docs",
    )


def robots(site: Site, number: int) -> Part:
    """``tonypi simulate``: robots that are not there. Of all secrets they have their own login."""
    who = _user(site, users.SIMULATOR, sources=("glue", "telegraf"))
    return Part(
        name="simulator",
        command=(
            *(sys.executable, "-m", "glue.cli", "simulate"),
            *("--robots", str(number), "--scenario", "mixed"),
        ),
        env=exported(site.settings, secrets=False)
        | lan.login(site.settings, lan.SIMULATOR)
        | {"TONYPI_HOME": str(site.home)},
        cwd=site.checkout,
        user=who.name,
        root_because=who.obstacle,
        shown=who.shown,
        depends=("mosquitto", "glue"),
    )


def _user(site: Site, name: str, port: int = 0, sources: Sequence[str] = SOURCES) -> users.Choice:
    folders = [site.checkout / folder for folder in sources]
    pythons = (Path(sys.prefix), Path(sys.base_prefix))
    return users.choose(name, _reads(folders), port, (*folders, *pythons))


def _reads(sources: list[Path]) -> Iterator[Path]:
    """What Python and the glue read. Of packages the first level: each is installed whole."""
    yield Path(sys.executable)
    yield Path(sys.prefix, "bin")
    yield Path(sysconfig.get_path("stdlib"))
    yield from Path(sysconfig.get_path("purelib")).iterdir()
    yield from users.below(*sources)
    certificates = (os.environ.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    yield from (Path(path) for path in certificates if path and Path(path).exists())


def _folders(site: Site) -> tuple[Path, ...]:
    """The glue's own, where root starts it: else they are made when they are first needed."""
    if os.geteuid() != 0:
        return ()
    reports = site.settings.reports_folder
    ours = (reports,) if reports.is_relative_to(site.home) else ()
    return (site.data("glue"), site.data("notify"), *ours)


def _keeps_out(site: Site) -> str:
    """Why the glue's user cannot keep reports; empty where it can. A folder elsewhere is who made
    it's, and is not handed over."""
    reports = site.settings.reports_folder
    if reports.is_relative_to(site.home) or users.may_write(users.GLUE, site.checkout / reports):
        return ""
    return (
        f"GLUE_REPORTS_FOLDER={reports} is not {users.GLUE}'s to write; give it the folder and what"
        f" is in it (`useradd --system {users.GLUE}` makes the user before the first start)"
    )


def _prepare(site: Site, user: str | None) -> None:
    """What root does for the glue's user, who may read what the supervisor records, and could not
    write Python's compiled files."""
    if who := process.identity(user):
        homes.let_read(site.home, who.gid)
        compileall.compile_dir(site.checkout / "glue", quiet=2)
