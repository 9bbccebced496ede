"""Facts for :mod:`glue.stack.preflight`: asks the machine and the home folder, changes nothing."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from glue.environment import exported
from glue.settings import PROJECT, Settings, given
from glue.stack import home as homes
from glue.stack import lan, ports, process, recovery, secrets
from glue.stack.home import Home
from glue.stack.install.machine import look
from glue.stack.install.plan import plan
from glue.stack.part import Site
from glue.stack.parts import grafana
from glue.stack.preflight import Facts, Room
from glue.store import libpq

SOURCES = ("glue/**/*.py", "telegraf/*", "provisioning/**/*.yml", "pyproject.toml")
"""Files of a checkout that nobody touches by starting it."""
CGROUP_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)
SERVICES = {"Mosquitto": "mosquitto", "PostgreSQL": "postgresql", "Grafana": "grafana-server"}
MB = 1024 * 1024


def gather(home: Home, site: Site, environ: Mapping[str, str]) -> Facts:
    """What preflight decides from, for a home that need not exist yet."""
    decided = plan(look(site.programs))
    running = homes.is_running(home)
    has_data = any((home.path / "data").glob("*"))
    known = secrets.read(home.path)
    from_elsewhere = given(environ)
    return Facts(
        home=str(home.path),
        gets=decided.gets,
        impossible=decided.impossible,
        ports=() if running else tuple(homes.ports_for(home, from_elsewhere)),
        open_files=file_limit(),
        robots=site.settings.stack.robots,
        memory_mb=available_memory(),
        now=datetime.now(UTC),
        newest_file=newest_file(PROJECT),
        clock_synchronised=synchronised(),
        data=room(home.path),
        build=room(Path.home()),
        secrets_lost=has_data and not running and not _all_known(known, from_elsewhere),
        misfits=() if running else tuple(_misfits(home, site.settings)),
        running_checkout=running_checkout(home) if running else "",
        elsewhere=elsewhere(exported(site.settings)),
        remembered=remembered(known, from_elsewhere),
        unused=(*libpq.FORGOTTEN, *grafana.overruled(site.settings)),
        kept_days=site.settings.influx.kept if "INFLUXDB_KEPT_DAYS" in known else None,
        retention_days=site.settings.influx.retention,
        hints=_hints(),
        duckdb=(shutil.which(grafana.SQL_PROGRAM) or "") if site.runs_grafana else "",
    )


def _all_known(known: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    needed = set(secrets.NAMES) - {*secrets.LATER, *secrets.CLIENT_IDS}
    return all(known.get(name) or environ.get(name) for name in needed)


def _misfits(home: Home, settings: Settings) -> list[str]:
    try:
        return recovery.misfits(home.path, settings)
    except PermissionError:
        # Another user's home: that is said when it is used.
        return []


def elsewhere(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The settings of ``environ`` (addresses spelled out) that name another machine for PostgreSQL,
    InfluxDB or the broker."""
    hosts = {
        "PGHOST (or DATABASE_URL)": environ.get("PGHOST", ""),
        "INFLUXDB_URL": urlsplit(environ.get("INFLUXDB_URL", "")).hostname or "",
        "MQTT_BROKER_HOST": environ.get("MQTT_BROKER_HOST", ""),
    }
    here = {"", *ports.LOOPBACK, lan.near(environ.get(lan.BIND) or lan.LOOPBACK)}
    return tuple(name for name, host in hosts.items() if host not in here)


def remembered(known: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, ...]:
    """Names of what ``stack.env`` has of a person, and nobody says now."""
    own = {*secrets.NAMES, *lan.PASSWORDS, *ports.PORTS, *ports.URLS, ports.ASKED, lan.BIND}
    own |= {"GLUE_HOST", "GLUE_WEBHOOK_URL", "INFLUXDB_KEPT_DAYS", "MQTT_USERNAME"}
    return tuple(sorted(name for name in set(known) - own if not given.get(name)))


def file_limit() -> int | None:
    """Files that a program of ours may have open: root raises it, others up to the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else min(hard, process.OPEN_FILES)


def available_memory(root: Path = Path("/")) -> int | None:
    """MB that programs could still take, within this machine and this container."""
    found = []
    try:
        told = re.search(
            r"^MemAvailable:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE
        )
        found += [int(told[1]) // 1024] if told else []
    except OSError:
        pass
    for limit, used in CGROUP_LIMITS:
        try:
            most, now = ((root / path.lstrip("/")).read_text().strip() for path in (limit, used))
            found += [(int(most) - int(now)) // MB] if most.isdigit() else []
        except (OSError, ValueError):
            continue
    return max(0, min(found)) if found else None


def newest_file(checkout: Path) -> datetime | None:
    """When a source of this checkout was last written."""
    found: Iterable[Path] = (path for pattern in SOURCES for path in checkout.glob(pattern))
    newest = max((path.stat().st_mtime for path in found if path.is_file()), default=None)
    return None if newest is None else datetime.fromtimestamp(newest, UTC)


def synchronised() -> bool | None:
    """Whether systemd says that NTP has set the clock; None where there is no systemd."""
    told = _output("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return {"yes": True, "no": False}.get(told)


def room(path: Path) -> Room:
    """Free space on the disk that ``path`` is or will be on."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    return Room(str(path), shutil.disk_usage(there).free // MB)


def running_checkout(home: Home) -> str:
    """Where the stack that runs in ``home`` was started from, when it is another checkout."""
    told = str(home.read_state().get("supervisor", {}).get("checkout", ""))
    return told if told and Path(told) != PROJECT else ""


def _hints() -> dict[str, str]:
    """How the distribution's services are stopped, where systemd runs them."""
    if not Path("/run/systemd/system").is_dir():
        return {}
    return {
        program: f"`sudo systemctl disable --now {service}`"
        for program, service in SERVICES.items()
        if _output("systemctl", "is-active", service) == "active"
    }


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
