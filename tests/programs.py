"""The real programs, for tests: started once a run, on free ports, in a folder of their own.

They are the parts that ``tonypi up`` runs (:mod:`glue.stack.parts`). Linux ends them with the
process that runs the tests, however that ends.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from psycopg import sql

from glue import settings as settings_module
from glue.settings import Postgres, Settings
from glue.stack import probe, process, secrets
from glue.stack.part import Part, Site
from glue.stack.programs import Programs

# A test cluster is thrown away: what a power cut may take with it does not matter.
HASTY_POSTGRES = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}
TEMPLATE = "tonypi_template"

THROWN_AWAY_WITHIN = 10.0
"""Seconds to end well, for a program whose data nobody needs. InfluxDB now and then takes 45."""


@dataclass
class Ground:
    """One run's folder, ports and secrets, and the programs that were started there."""

    home: Path
    environ: dict[str, str]
    programs: Programs
    running: dict[str, tuple[Part, subprocess.Popen[bytes]]] = field(default_factory=dict)

    def settings(self, **environ: object) -> Settings:
        """Settings of this ground; ``environ`` overrides by environment name."""
        return settings_module.load(self.environ | {k: str(v) for k, v in environ.items()})

    def site(self, settings: Settings | None = None) -> Site:
        return Site(settings or self.settings(), self.home, self.programs)

    def log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def start(self, part: Part) -> subprocess.Popen[bytes]:
        """Start ``part`` and wait until it serves."""
        started = process.start(part, self.log(part.name))
        self.running[part.name] = (part, started)
        process.await_ready(part, started, self.log(part.name))
        return started

    def stop(self, name: str, within: float = math.inf) -> None:
        """Stop a part that was started here; harmless when it is gone."""
        if name in self.running:
            part, started = self.running.pop(name)
            process.stop(started, part.stop_signal, min(part.stop_within, within))

    def clear(self) -> None:
        """Stop everything, last started first, and remove the folder."""
        for name in reversed(list(self.running)):
            self.stop(name, THROWN_AWAY_WITHIN)
        shutil.rmtree(self.home, ignore_errors=True)


MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that must be free there."""


def in_memory() -> Path | None:
    """A folder in memory, where a database is made ten times as fast as on a disk; None where there
    is none of that size, or where TMPDIR says otherwise. For tests; a bench measures disks."""
    if os.environ.get("TMPDIR") or not os.access(MEMORY, os.W_OK):
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free > ROOM else None


def lay_ground(programs: Programs | None = None, folder: Path | None = None) -> Ground:
    """A new folder (in ``folder``, else where temporary files go) with free ports and fresh
    secrets."""
    # PostgreSQL runs as another user, who must be able to pass through.
    home = Path(tempfile.mkdtemp(prefix="tonypi-test-", dir=folder))
    home.chmod(0o755)
    ports = {name: probe.free_port() for name in ("mqtt", "pg", "influx", "grafana", "glue")}
    environ = {
        **secrets.generate(),
        "PATH": os.environ.get("PATH", ""),
        "TONYPI_HOME": str(home),
        "MQTT_BROKER_HOST": "127.0.0.1",
        "MQTT_BROKER_PORT": str(ports["mqtt"]),
        "PGHOST": "127.0.0.1",
        "PGPORT": str(ports["pg"]),
        "PGDATABASE": "tonypi",
        "PGUSER": "glue",
        "INFLUXDB_URL": f"http://127.0.0.1:{ports['influx']}",
        "INFLUXDB_ORG": "tonypi",
        "INFLUXDB_BUCKET": "robot_metrics",
        "INFLUXDB_VERSION": os.environ.get("INFLUXDB_VERSION", ""),
        "GRAFANA_URL": f"http://127.0.0.1:{ports['grafana']}",
        "GLUE_HOST": "127.0.0.1",
        "GLUE_PORT": str(ports["glue"]),
        "GLUE_WEBHOOK_URL": f"http://127.0.0.1:{ports['glue']}/webhooks/grafana",
    }
    found = programs or Programs(
        grafana_home=Path(os.environ.get("GRAFANA_HOME", "/usr/share/grafana"))
    )
    return Ground(home, environ, found)


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL with one migrated template database."""

    settings: Postgres

    @property
    def admin_dsn(self) -> str:
        return self.settings.admin_dsn

    def execute(self, statement: sql.Composable | str) -> None:
        """One statement as superuser, outside of a transaction."""
        with psycopg.connect(self.admin_dsn, autocommit=True) as conn:
            conn.execute(statement)  # type: ignore[arg-type]

    def create(self, name: str | None = None, template: str = TEMPLATE) -> Postgres:
        """A database copied from the migrated template, owned by the glue's role."""
        chosen = name or f"t_{uuid.uuid4().hex[:12]}"
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                *map(sql.Identifier, (chosen, template, self.settings.user))
            )
        )
        return self.settings.model_copy(update={"database": chosen})

    def drop(self, name: str) -> None:
        self.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    @contextmanager
    def fresh(self) -> Iterator[Postgres]:
        """A database of one test."""
        made = self.create()
        try:
            yield made
        finally:
            self.drop(made.database)


def migrated_cluster(ground: Ground, options: Mapping[str, str] = HASTY_POSTGRES) -> Cluster:
    """Start PostgreSQL, make the accounts and the migrated template."""
    from glue.stack import accounts
    from glue.stack.parts import postgres
    from glue.store import migrations

    settings = ground.settings(PGDATABASE=TEMPLATE)
    ground.start(postgres.part(ground.site(), dict(options)))
    accounts.prepare_databases(settings)
    migrations.upgrade(settings.postgres.dsn)
    return Cluster(ground.settings().postgres)


def running_influxdb(ground: Ground) -> None:
    """Start InfluxDB; its accounts are known to what is started later."""
    from glue.series import admin
    from glue.stack.parts import influxdb

    ground.start(influxdb.part(ground.site()))
    tokens = admin.prepare(ground.settings().influx)
    ground.environ |= {
        "INFLUXDB_TOKEN": tokens.admin,
        "INFLUXDB_TELEGRAF_TOKEN": tokens.telegraf,
        "INFLUXDB_GRAFANA_TOKEN": tokens.grafana,
    }


def running_grafana(
    ground: Ground,
    settings: Settings,
    provisioning: Path | None = None,
    env: Mapping[str, str] | None = None,
    name: str = "grafana",
) -> Part:
    """Start a Grafana of ``settings``; returns the part that runs."""
    from glue.stack.parts import grafana

    site = ground.site(settings)
    part = replace(grafana.part(site, provisioning, env), name=name)
    ground.start(part)
    return part
