"""Whose secrets hold after a restore: the backup's or the ones that are here.

What opens a system that already stands (PostgreSQL's superuser, InfluxDB's tokens) and where it
listens stays as it is here. What belongs to restored data (the passwords of people, whose hashes
stand in the databases) comes from the backup.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

PORTS = ("MQTT_BROKER_PORT", "PGPORT", "GLUE_PORT", "INFLUXDB_URL", "GRAFANA_URL")
PLACES = (
    *(*PORTS, "TONYPI_ASKED_PORTS", "GLUE_WEBHOOK_URL", "GLUE_HOST", "PGHOST", "MQTT_BROKER_HOST"),
    *("MQTT_GLUE_CLIENT_ID", "MQTT_TELEGRAF_CLIENT_ID"),
    *("TONYPI_HOME", "TONYPI_BIND", "INFLUXDB_VERSION"),
)
DOORS = (
    *("POSTGRES_PASSWORD", "POSTGRES_USER"),
    *("INFLUXDB_TOKEN", "INFLUXDB_TELEGRAF_TOKEN", "INFLUXDB_GRAFANA_TOKEN"),
    "INFLUXDB_LIMITS_TOKEN",
)
PEOPLE = (
    "GLUE_ADMIN_PASSWORD",
    "GLUE_OPERATOR_PASSWORD",
    "GLUE_VIEWER_PASSWORD",
    "GF_SECURITY_ADMIN_PASSWORD",
    "GF_SECURITY_SECRET_KEY",
)
"""They fit to restored rows and to no others."""


def merged(here: Mapping[str, str], backup: Mapping[str, str]) -> dict[str, str]:
    """The environment of a home that stands already, after the restore."""
    stays = {name: here[name] for name in (*PLACES, *DOORS) if name in here}
    comes = {name: value for name, value in backup.items() if name not in PLACES}
    return {**here, **comes, **stays}


def for_new_home(backup: Mapping[str, str], free: Collection[str]) -> dict[str, str]:
    """The environment of a home that is made for the restore; of the places only those whose name
    is in ``free`` (nobody uses that port here), the others are chosen anew."""
    if not backup:
        return {}
    kept = {name: value for name, value in backup.items() if name not in PLACES}
    return kept | {name: backup[name] for name in PORTS if name in backup and name in free}


def unlike(here: Mapping[str, str], backup: Mapping[str, str]) -> list[str]:
    """People's secrets that differ: where we may not change the environment somebody must."""
    return [name for name in PEOPLE if name in backup and backup[name] != here.get(name)]
