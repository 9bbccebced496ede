"""Accounts, databases, tables and the bucket: made before the programs that use them start."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from glue import blocking, limit_writer
from glue.environment import exported
from glue.series import admin
from glue.settings import Settings
from glue.stack import recovery, secrets
from glue.stack.home import Home
from glue.stack.part import Site
from glue.store import accounts, migrations


def prepare(home: Home, site: Site) -> Site:
    """Prepare PostgreSQL and InfluxDB; returns the site with what is in force.

    Harmless the second time. InfluxDB 2.x chooses its tokens itself: those are kept in
    ``stack.env``. Raises what the systems raise; trying again may help.
    """
    made = prepare_systems(site.settings)
    recovery.remember_foundation(site)
    known = secrets.read(home.path)
    tokens = {
        "INFLUXDB_TOKEN": made.admin,
        "INFLUXDB_TELEGRAF_TOKEN": made.telegraf,
        "INFLUXDB_GRAFANA_TOKEN": made.grafana,
        # A 1.x has the account only where a token was chosen for it.
        **({"INFLUXDB_LIMITS_TOKEN": made.limits} if made.limits else {}),
    }
    in_force = {**tokens, "INFLUXDB_KEPT_DAYS": f"{made.kept_days:g}"}
    if {**known, **in_force} != known:
        secrets.write(home.path, {**known, **in_force})
        site = home.site()
        _in_force(site.settings, tokens)
    recovery.mend_grafana(site)
    return site


def _in_force(settings: Settings, tokens: Mapping[str, str]) -> None:
    """Say so where the environment or ``.env`` hides what InfluxDB chose; else all get 401s."""
    taken = exported(settings)
    if hidden := [name for name, token in tokens.items() if taken.get(name) != token]:
        raise admin.SeriesError(
            f"{', '.join(hidden)} in the environment or .env: InfluxDB has another, which "
            "stack.env now has; remove it there"
        )


def prepare_systems(settings: Settings, chosen: bool = True) -> admin.InForce:
    """Roles, databases, tables, bucket, limits; returns what is in force at InfluxDB
    (``chosen`` as in :func:`glue.series.admin.prepare`)."""
    prepare_databases(settings)
    migrations.upgrade(settings.postgres.dsn)
    # Again, because rights on tables and views can only be given once they are there.
    prepare_databases(settings)
    made = admin.prepare(settings.influx, chosen)
    tokens = {"token": SecretStr(made.admin), "limits_token": SecretStr(made.limits)}
    influx = settings.influx.model_copy(update=tokens)
    # Before Grafana evaluates: without limits nothing is beyond them, and alerts would end.
    blocking.run(limit_writer.write_once(settings.model_copy(update={"influx": influx})))
    return made


def prepare_databases(settings: Settings) -> None:
    """Roles, the glue's database and Grafana's own; harmless the second time."""
    accounts.prepare(settings.postgres, settings.grafana.database_password)
