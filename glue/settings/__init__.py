"""Every setting, once: its environment name, type, unit, default and reason.

Values come, first found wins, from the environment, from the file that ``NAME_FILE`` points to
(secrets only), from ``.env`` in the working directory (Docker Compose's), from ``stack.env`` in
``TONYPI_HOME`` (written by ``tonypi up``: ports and generated secrets), from the default.
``docs/configuration.md`` is generated from this module (``tonypi docs settings``).
"""

from __future__ import annotations

from pathlib import Path

from glue.settings.group import Group, Port, SettingsError
from glue.settings.loading import GROUPS, Settings, dotenv, load
from glue.settings.notify import Notify
from glue.settings.reports import Reports
from glue.settings.robots import Broker, Fleet
from glue.settings.rules import Rules
from glue.settings.service import Glue, SignOn, Stack
from glue.settings.systems import Grafana, Influx, Postgres

PROJECT = Path(__file__).resolve().parent.parent.parent
"""The checkout: where provisioning/, telegraf/ and postgres/ stand."""

__all__ = [
    "GROUPS",
    "PROJECT",
    "Broker",
    "Fleet",
    "Glue",
    "Grafana",
    "Group",
    "Influx",
    "Notify",
    "Port",
    "Postgres",
    "Reports",
    "Rules",
    "Settings",
    "SettingsError",
    "SignOn",
    "Stack",
    "dotenv",
    "load",
]
