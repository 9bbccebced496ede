"""InfluxDB, 1.12 by default; a 2.x found on the machine is used as it is.

On 1.x accounts are users and a token is ``user:password``; see :mod:`glue.series.admin`.
"""

from __future__ import annotations

from pathlib import Path

from glue.stack import probe
from glue.stack.part import Part, Site
from glue.stack.programs import influx_generation


def part(site: Site) -> Part:
    """The series database on loopback, with authentication."""
    influxd = site.programs.need("influxd")
    return _second(site, influxd) if influx_generation(influxd) == 2 else _first(site, influxd)


def _first(site: Site, influxd: Path) -> Part:
    data = site.data("influxdb")
    config = data / "influxdb.conf"
    url = site.settings.influx.url
    return Part(
        name="influxdb",
        command=(str(influxd), "run", "-config", str(config)),
        cwd=data,
        folders=(data,),
        files={config: configuration(probe.port_of(url, 8086), str(data))},
        ready=lambda: probe.answers(f"{url}/ping"),
        ready_within=180,
        stop_within=45,
        url=url,
    )


def _second(site: Site, influxd: Path) -> Part:
    data = site.data("influxdb2")
    url = site.settings.influx.url
    return Part(
        name="influxdb",
        command=(
            str(influxd),
            f"--http-bind-address=127.0.0.1:{probe.port_of(url, 8086)}",
            f"--bolt-path={data}/influxd.bolt",
            f"--sqlite-path={data}/influxd.sqlite",
            f"--engine-path={data}/engine",
            "--reporting-disabled",
            "--log-level=warn",
        ),
        cwd=data,
        folders=(data,),
        ready=lambda: probe.answers(f"{url}/health"),
        ready_within=180,
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
