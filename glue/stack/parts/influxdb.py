"""InfluxDB, 1.12 by default; a 2.x found on the machine is used as it is.

On 1.x accounts are users and a token is ``user:password``; see :mod:`glue.series.admin`. Neither
reads the other's files, so a home stays with the one that wrote its series.
"""

from __future__ import annotations

from pathlib import Path

from glue.settings import Influx
from glue.stack import probe, users
from glue.stack.part import Part, Site
from glue.stack.programs import ProgramMissing

FOLDERS = {1: "influxdb", 2: "influxdb2"}
"""Each generation's data, below a home's ``data``."""
WRITTEN = {1: "meta/meta.db", 2: "influxd.bolt"}
"""What its folder has once it ran."""


class OtherInfluxDB(ProgramMissing):
    """This home's series are of another InfluxDB; the text says of which, and what to do."""


def part(site: Site) -> Part:
    """The series database on loopback, with authentication.

    Raises :class:`OtherInfluxDB` rather than start beside series that it cannot read, and
    :class:`ProgramMissing`.
    """
    kept, asked = written(site.home), demanded(site.settings.influx)
    if kept and asked and kept != asked:
        raise OtherInfluxDB(
            f"INFLUXDB_VERSION asks for InfluxDB {asked}.x, but the series in "
            f"{site.data(FOLDERS[kept])} were written by {kept}.x, and neither reads the other's: "
            f"set INFLUXDB_VERSION={kept} or none at all, or TONYPI_HOME to a new folder"
        )
    found = site.programs.influxdbs()
    generation = kept or asked or min(found, default=0)
    influxd = found.get(generation)
    if influxd is None:
        raise ProgramMissing(_missing(site, kept, asked, found))
    return _second(site, influxd) if generation == 2 else _first(site, influxd)


def written(home: Path) -> int | None:
    """1 or 2: whose series the home holds; None before the first start."""
    data = home / "data"
    return next((g for g in FOLDERS if (data / FOLDERS[g] / WRITTEN[g]).exists()), None)


def demanded(settings: Influx) -> int | None:
    """1 or 2 where ``INFLUXDB_VERSION`` says so."""
    return int(settings.version[0]) if settings.version else None


def wanted(home: Path, settings: Influx) -> int | None:
    """Which InfluxDB this home needs; None for any."""
    return written(home) or demanded(settings)


def _missing(site: Site, kept: int | None, asked: int | None, found: dict[int, Path]) -> str:
    if not (kept or asked):
        return "influxd is not on this machine; `tonypi up` as root installs it"
    need = kept or asked
    why = f"the series in {site.data(FOLDERS[kept])} are its" if kept else "INFLUXDB_VERSION asks"
    here = ", ".join(f"{path} is a {g}.x" for g, path in found.items()) or "there is none"
    how = (
        "install InfluxData's package influxdb2, or put its influxd on PATH (as influxd2, if both)"
        if need == 2
        else "`tonypi up` as root installs it"
    )
    return f"InfluxDB {need}.x is not on this machine ({why}; {here}): {how}"


def _first(site: Site, influxd: Path) -> Part:
    data = site.data(FOLDERS[1])
    config = data / "influxdb.conf"
    url = site.settings.influx.url
    who = users.choose("influxdb", [influxd], probe.port_of(url, 8086))
    return Part(
        name="influxdb",
        command=(str(influxd), "run", "-config", str(config)),
        user=who.name,
        root_because=who.obstacle,
        cwd=data,
        folders=(data,),
        files={config: configuration(probe.port_of(url, 8086), str(data))},
        ready=lambda: probe.answers(f"{url}/ping"),
        port=probe.port_of(url, 8086),
        ready_within=180,
        hung_after=300,
        stop_within=45,
        url=url,
    )


def _second(site: Site, influxd: Path) -> Part:
    data = site.data(FOLDERS[2])
    url = site.settings.influx.url
    who = users.choose("influxdb", [influxd], probe.port_of(url, 8086))
    return Part(
        name="influxdb",
        command=(
            str(influxd),
            f"--http-bind-address=127.0.0.1:{probe.port_of(url, 8086)}",
            f"--bolt-path={data}/influxd.bolt",
            f"--sqlite-path={data}/influxd.sqlite",
            f"--engine-path={data}/engine",
            "--reporting-disabled",
            "--pprof-disabled",
            "--log-level=warn",
        ),
        user=who.name,
        root_because=who.obstacle,
        cwd=data,
        folders=(data,),
        ready=lambda: probe.answers(f"{url}/health"),
        port=probe.port_of(url, 8086),
        ready_within=180,
        hung_after=300,
        stop_within=45,
        url=url,
    )


def configuration(port: int, data: str) -> str:
    """Text of ``influxdb.conf`` (1.12). Cache and compaction are sized for a Raspberry Pi."""
    return f"""\
reporting-disabled = true
# Backup and restore; any free port, nobody here connects to it.
bind-address = "127.0.0.1:0"

[meta]
  dir = "{data}/meta"
  retention-autocreate = true
  logging-enabled = false

[data]
  dir = "{data}/data"
  wal-dir = "{data}/wal"
  index-version = "tsi1"
  wal-fsync-delay = "100ms"
  cache-max-memory-size = "512m"
  cache-snapshot-memory-size = "25m"
  max-concurrent-compactions = 1
  max-series-per-database = 0
  max-values-per-tag = 0
  query-log-enabled = false

[coordinator]
  query-timeout = "60s"
  max-concurrent-queries = 0
  log-queries-after = "10s"

[retention]
  enabled = true
  check-interval = "10m"

[monitor]
  store-enabled = false

[http]
  enabled = true
  bind-address = "127.0.0.1:{port}"
  auth-enabled = true
  flux-enabled = true
  log-enabled = false
  # Profiles, figures and requests under /debug are for administrators: everybody who sees a
  # dashboard reaches this port through Grafana, with a token that may read the bucket.
  pprof-enabled = true
  pprof-auth-enabled = true
  write-tracing = false
  max-body-size = 52428800

[logging]
  level = "warn"
  suppress-logo = true

[subscriber]
  enabled = false

[continuous_queries]
  enabled = false
"""
