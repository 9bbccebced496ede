"""Every setting, once: its environment name, type, unit, default and reason.

Values come, first found wins, from the environment, from the file that ``NAME_FILE`` points to
(secrets only), from ``.env`` in the working directory (Docker Compose's, read by its rules), from
``stack.env`` in ``TONYPI_HOME`` (written by ``tonypi up``: ports, generated secrets, and what was
given to it in the environment), from the default.
``docs/configuration.md`` is generated from this module (``tonypi docs settings``).
"""

from __future__ import annotations

from pathlib import Path

from glue.settings.group import Group, Port, SettingsError
from glue.settings.loading import (
    FROM_FILE,
    GRAFANAS,
    GROUPS,
    STACK_ENV,
    Settings,
    given,
    kept,
    load,
    names,
    read_files,
    without_other_form,
)
from glue.settings.notify import Notify
from glue.settings.reports import Reports
from glue.settings.robots import Broker, Fleet
from glue.settings.rules import Rules
from glue.settings.service import Glue, SignOn, Stack
from glue.settings.systems import Grafana, Influx, Postgres

PROJECT = Path(__file__).resolve().parent.parent.parent
"""The checkout: where provisioning/, telegraf/ and postgres/ stand."""

__all__ = [
    "FROM_FILE",
    "GRAFANAS",
    "GROUPS",
    "PROJECT",
    "STACK_ENV",
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
    "given",
    "kept",
    "load",
    "names",
    "read_files",
    "without_other_form",
]
