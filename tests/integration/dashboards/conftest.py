"""``shown``: one Grafana of its own for all tests of dashboards, stopped when they are done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from glue.settings import Influx
from glue.stack.programs import grafana_binary, version_line
from tests import programs
from tests.browser import Browser
from tests.conftest import RAN, browsing
from tests.integration.dashboards import fleet


@pytest.fixture(scope="package")
def shown(
    ground: programs.Ground,
    postgres: programs.Cluster,
    influx: Influx,
    request: pytest.FixtureRequest,
) -> Iterator[fleet.Shown]:
    home = ground.programs.grafana()
    binary = grafana_binary(home) if home else None
    if binary is None:
        request.config.stash[RAN]["Grafana"] = "NOT RUN: none in GRAFANA_HOME, the cache or PATH"
        pytest.skip("no Grafana on this machine (GRAFANA_HOME, tools cache, PATH)")
    request.config.stash[RAN]["Grafana"] = version_line(binary, "--version")
    with fleet.shown(ground, postgres) as running:
        yield running


@pytest.fixture(scope="module")
def browser(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Browser]:
    with browsing(request, tmp_path_factory.mktemp("browser")) as started:
        yield started
