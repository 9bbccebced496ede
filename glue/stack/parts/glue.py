"""The glue itself and its simulated robots, as programs beside the others."""

from __future__ import annotations

import sys

from glue.environment import exported
from glue.stack import lan, probe, public
from glue.stack.part import Part, Site


def part(site: Site) -> Part:
    """``tonypi serve``: API, webhook, events, evaluator."""
    glue = site.settings.glue
    url = f"http://{lan.near(glue.host)}:{glue.port}"
    return Part(
        name="glue",
        command=(sys.executable, "-m", "glue.cli", "serve"),
        # An empty GRAFANA_URL says that there is none; unset would mean the usual one.
        env=exported(site.settings)
        | {"TONYPI_HOME": str(site.home), "GRAFANA_URL": site.grafana_url}
        # As Grafana is told, which sends browsers here and takes them back.
        | {
            "GLUE_PUBLIC_URL": public.glue(site.settings),
            "GRAFANA_PUBLIC_URL": public.grafana(site.settings) if site.grafana_url else "",
        },
        cwd=site.checkout,
        depends=("postgres", "influxdb", "mosquitto"),
        ready=lambda: probe.answers(f"{url}/healthz"),
        # Short: while it hangs there is no emergency stop.
        hung_after=30,
        port=glue.port,
        ready_within=60,
        url=f"{url}/docs",
    )


def robots(site: Site, number: int) -> Part:
    """``tonypi simulate``: robots that are not there."""
    return Part(
        name="simulator",
        command=(
            *(sys.executable, "-m", "glue.cli", "simulate"),
            *("--robots", str(number), "--scenario", "mixed"),
        ),
        env=exported(site.settings)
        | lan.login(site.settings, lan.SIMULATOR)
        | {"TONYPI_HOME": str(site.home)},
        cwd=site.checkout,
        depends=("mosquitto", "glue"),
    )
