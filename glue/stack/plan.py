"""Which parts a stack has, in the order in which they start."""

from __future__ import annotations

from glue.stack.part import Part, Site
from glue.stack.parts import glue, grafana, influxdb, mosquitto, postgres, telegraf

FOUNDATION = ("postgres", "influxdb", "mosquitto")
"""What must serve before accounts, bucket and tables can be made."""


def foundation(site: Site) -> list[Part]:
    """The systems that others use."""
    return [postgres.part(site), influxdb.part(site), mosquitto.part(site)]


def upper(site: Site) -> list[Part]:
    """What runs on the foundation. Grafana is left out where there is none."""
    robots = site.settings.stack.robots
    return [
        telegraf.part(site),
        *([grafana.part(site)] if site.runs_grafana else []),
        glue.part(site),
        *([glue.robots(site, robots)] if robots else []),
    ]


def as_root(site: Site) -> list[str]:
    """Sentences about parts that stay root."""
    parts = (*foundation(site), *upper(site))
    return [f"{p.name} runs as root: {p.root_because}" for p in parts if p.root_because]


def names(site: Site) -> list[str]:
    """Names of all parts, in the order in which they start."""
    return [part.name for part in (*foundation(site), *upper(site))]
