"""Accounts, databases and the bucket: made before the programs that use them start."""

from __future__ import annotations

from glue.settings import Settings


def prepare_databases(settings: Settings) -> None:
    """Roles, the glue's database and Grafana's own; harmless the second time."""
    from glue.store import accounts

    accounts.prepare(settings.postgres, settings.grafana.database_password)
