"""One engine and one set of images for all tests in here; skipped, and named in the summary, where
they cannot be had."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from glue.stack import secrets
from glue.stack.programs import Programs
from tests.containers import engine as engines
from tests.containers import standins
from tests.containers.engine import Engine, EngineMissing

NAME = "Docker Compose"


@pytest.fixture(scope="session")
def engine(ran: dict[str, str]) -> Iterator[Engine]:
    """A running Docker engine with Compose."""
    try:
        with engines.running() as found:
            server = found.run("version", "--format", "{{.Server.Version}}")
            ran[NAME] = f"engine {server}, {found.run('compose', 'version')}"
            yield found
    except EngineMissing as why:
        ran[NAME] = f"NOT RUN: {why}"
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def images(engine: Engine, ran: dict[str, str]) -> Mapping[str, str]:
    """Variables of docker-compose.yml with images that are there."""
    if os.environ.get("TONYPI_TEST_IMAGES") == "official":
        ran["images"] = "those that docker-compose.yml names"
        return {}
    try:
        built = standins.build(engine)
    except EngineMissing as why:
        ran[NAME] = f"NOT RUN: {why}"
        pytest.skip(str(why))
    ran["images"] = "stand-ins (docs/docker.md says what they cannot tell)"
    if 2 not in Programs().influxdbs():
        ran["InfluxDB 2.x in containers"] = "NOT RUN: none on this machine; a 1.x stands in"
        # 1.x takes chosen ones, as user:password.
        generated = secrets.generate()
        built |= {name: generated[name] for name in secrets.INFLUX_ACCOUNTS}
    return built
