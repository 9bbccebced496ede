"""``stack.env``: the ports and generated secrets of one home folder, readable by its owner alone.

Made once, at the first start. What is there is never replaced, what is new is added.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path

from glue import settings
from glue.settings import envfile

FILE = settings.STACK_ENV

INFLUX_ACCOUNTS = {
    "INFLUXDB_TOKEN": "tonypi",
    "INFLUXDB_TELEGRAF_TOKEN": "telegraf",
    "INFLUXDB_GRAFANA_TOKEN": "grafana",
    "INFLUXDB_LIMITS_TOKEN": "limits",
}
LATER = (
    "GLUE_OPERATOR_PASSWORD",
    "GLUE_VIEWER_PASSWORD",
    "GRAFANA_OAUTH_CLIENT_SECRET",
    "GLUE_SECRET_KEY",
    "GRAFANA_METRICS_PASSWORD",
    "INFLUXDB_LIMITS_TOKEN",
)
"""Came with a later release: a home that lacks them has lost nothing."""
GENERATED = (
    "PGPASSWORD",
    "POSTGRES_PASSWORD",
    "GRAFANA_READER_PASSWORD",
    "GF_SECURITY_ADMIN_PASSWORD",
    "GF_DATABASE_PASSWORD",
    "GLUE_JWT_SECRET",
    "GLUE_WEBHOOK_SECRET",
    "GLUE_ADMIN_PASSWORD",
    *(name for name in LATER if name not in INFLUX_ACCOUNTS),
)
CLIENT_IDS = {"MQTT_GLUE_CLIENT_ID": "tonypi-glue", "MQTT_TELEGRAF_CLIENT_ID": "tonypi-telegraf"}
"""Who knows the name of a session at the broker can take it, and its queue; so each has a random
part."""
NAMES = (*GENERATED, *INFLUX_ACCOUNTS, *CLIENT_IDS)


def generate(more: Collection[str] = ()) -> dict[str, str]:
    """A fresh set, with ``more`` passwords. InfluxDB's are ``user:password``, as 1.x wants and 2.x
    accepts."""
    plain = {name: secrets.token_urlsafe(24) for name in (*GENERATED, *more)}
    plain |= {n: f"{user}:{secrets.token_urlsafe(24)}" for n, user in INFLUX_ACCOUNTS.items()}
    return plain | {n: f"{name}-{secrets.token_hex(8)}" for n, name in CLIENT_IDS.items()}


def read(home: Path, file: str = FILE) -> dict[str, str]:
    """What ``stack.env`` (or another ``file`` there) holds; empty before the first start."""
    return envfile.read(home / file, None).values


def write(home: Path, values: Mapping[str, str]) -> None:
    """Replace ``stack.env`` whole, never leaving half a file or one that others can read."""
    path = home / FILE
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(
            "# Ports and secrets of this home, made by `tonypi up`. Keep it with the data.\n"
        )
        file.writelines(f"{n}={envfile.quoted(value)}\n" for n, value in sorted(values.items()))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
