"""What is known of a server alone, and so is not sent to another one."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from glue.settings.addresses import BIND, BROKER, BROKER_PORT, DATABASE, LOOPBACK, PARTS
from glue.settings.systems import Influx

ABOUT_SERVER = {
    "PGHOST": (DATABASE, *PARTS, "POSTGRES_USER", "POSTGRES_PASSWORD"),
    "INFLUXDB_URL": tuple(
        # All but which program `tonypi up` runs, and how long points should be kept.
        str(field.validation_alias)
        for name, field in Influx.model_fields.items()
        if name not in ("version", "retention")
    ),
    "GRAFANA_URL": (
        *("GRAFANA_URL", "GRAFANA_PUBLIC_URL"),
        *("GF_SECURITY_ADMIN_USER", "GF_SECURITY_ADMIN_PASSWORD"),
    ),
    BROKER: (BROKER, BROKER_PORT, "MQTT_USERNAME", "MQTT_PASSWORD"),
}
"""By the setting that says where a server is: what else is known of that server alone."""


def of_other_servers(given: Mapping[str, str], kept: Mapping[str, str]) -> set[str]:
    """Names of what was ``kept`` about servers that ``given`` (both spelled out) has replaced by
    ones that are neither on this machine nor those of ``kept``: it is not about those, and a
    password of ours is not sent to them."""
    here = ("", *LOOPBACK, given.get(BIND) or kept.get(BIND))
    replaced = (
        about
        for name, about in ABOUT_SERVER.items()
        if _host_of(given.get(name, "")) not in (*here, _host_of(kept.get(name, "")))
    )
    return {name for about in replaced for name in about}


def _host_of(address: str) -> str:
    return (urlsplit(address).hostname or "") if "://" in address else address
