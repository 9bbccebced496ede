"""Every InfluxDB of this machine, each started once a run, when a test first asks for it.

Most tests run on the first (1.x, or what ``INFLUXDB_VERSION`` says, as for ``tonypi up``); those
that take ``each_influx`` run on every one. The summary names what ran on which.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import httpx
from pydantic import SecretStr

from glue.series import admin
from glue.settings import Influx
from glue.stack import probe, secrets
from glue.stack.part import Part, Site
from glue.stack.parts import influxdb
from glue.stack.programs import ProgramMissing, Programs, version_line
from tests import programs


@cache
def found() -> dict[str, int]:
    """Version to generation of each InfluxDB that the tests may run on, the first first.

    Empty when there is none. ``INFLUXDB_VERSION`` leaves one.
    """
    asked = os.environ.get("INFLUXDB_VERSION", "")[:1]
    programs_found = sorted(Programs().influxdbs().items())
    return {
        _version(program, generation): generation
        for generation, program in programs_found
        if asked in ("", str(generation))
    }


def _version(program: Path, generation: int) -> str:
    stamped = re.search(r"\d+\.\d+\.\d+", version_line(program, "version"))
    return stamped[0] if stamped else f"{generation}.x"


def first() -> str:
    """Version of the one that every test may use."""
    if not found():
        raise ProgramMissing("no influxd on this machine (tools cache, PATH, as influxd2 too)")
    return next(iter(found()))


def write_points(
    influx: Influx, lines: Iterable[str], precision: str = "s", token: SecretStr | None = None
) -> None:
    """Points in line protocol, with Telegraf's token as Telegraf writes, or with ``token``. A first
    write into a shard can take long on a busy disk. Raises ``httpx.HTTPStatusError``."""
    answer = httpx.post(
        f"{influx.url}/api/v2/write",
        params={"org": influx.org, "bucket": influx.bucket, "precision": precision},
        headers={"Authorization": f"Token {(token or influx.telegraf_token).get_secret_value()}"},
        content="\n".join(lines).encode(),
        trust_env=False,
        timeout=60,
    )
    answer.raise_for_status()
    assert answer.status_code == 204, answer.text


@dataclass
class Servers:
    """Those that run on one ground. The first one's environment is the ground's own."""

    ground: programs.Ground
    running: dict[str, Mapping[str, str]] = field(default_factory=dict)
    tests: dict[str, Counter[str]] = field(default_factory=dict)
    """Version to the number of tests of each file that took it."""

    def first(self) -> Influx:
        """The first, running, with bucket and accounts."""
        if first() not in self.running:
            self.ground.environ["INFLUXDB_VERSION"] = str(found()[first()])
            self._run(first(), influxdb.part(self.ground.site()))
            self.ground.environ |= self.running[first()]
        return self.ground.settings().influx

    @contextmanager
    def taken(self, version: str, file: str) -> Iterator[Influx]:
        """Run on ``version``: until the end the ground's settings are about it."""
        self.first()
        if version not in self.running:
            self._another(version)
        self.tests.setdefault(version, Counter())[file] += 1
        before = {name: self.ground.environ[name] for name in self.running[version]}
        self.ground.environ |= self.running[version]
        try:
            yield self.ground.settings().influx
        finally:
            self.ground.environ |= before

    def alone(self, version: str, file: str) -> int:
        """Generation of ``version``, for a test that runs its own: counted for the summary."""
        self.tests.setdefault(version, Counter())[file] += 1
        return found()[version]

    def _another(self, version: str) -> None:
        generated = secrets.generate()
        fresh = {name: generated[name] for name in secrets.INFLUX_ACCOUNTS}
        settings = self.ground.settings(
            **fresh,
            INFLUXDB_VERSION=found()[version],
            INFLUXDB_URL=f"http://127.0.0.1:{probe.free_port()}",
        )
        # A home has one InfluxDB, so the others have homes of their own.
        site = Site(settings, self.ground.home / f"influxdb-{version}", self.ground.programs)
        self._run(
            version, replace(influxdb.part(site), name=f"influxdb-{version}"), settings.influx
        )

    def _run(self, version: str, part: Part, settings: Influx | None = None) -> None:
        self.ground.start(part)
        asked = settings or self.ground.settings().influx
        tokens = admin.prepare(asked)
        self.running[version] = {
            "INFLUXDB_URL": asked.url,
            "INFLUXDB_VERSION": str(found()[version]),
            "INFLUXDB_TOKEN": tokens.admin,
            "INFLUXDB_TELEGRAF_TOKEN": tokens.telegraf,
            "INFLUXDB_GRAFANA_TOKEN": tokens.grafana,
            "INFLUXDB_LIMITS_TOKEN": tokens.limits,
        }

    def summary(self) -> dict[str, str]:
        """For the end of the run: which InfluxDB ran, under what."""
        lines = {}
        for version in found():
            files = self.tests.get(version, Counter())
            each = ", ".join(f"{name} {n}" for name, n in sorted(files.items()))
            parts = [
                "every test that needs one" if version == first() else "",
                f"as one of each: {each}" if each else "",
            ]
            lines[f"InfluxDB {version}"] = "; ".join(filter(None, parts)) or "no test asked for it"
        for generation in {1, 2} - set(found().values()):
            lines[f"InfluxDB {generation}.x"] = (
                "NOT RUN: INFLUXDB_VERSION asks for the other"
                if os.environ.get("INFLUXDB_VERSION")
                else "NOT RUN: none on this machine (influxd or influxd2 on PATH, tools cache)"
            )
        return lines
