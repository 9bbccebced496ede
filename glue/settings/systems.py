"""PostgreSQL, InfluxDB, Grafana: where they are, who we are there."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr, field_validator

from glue.settings.addresses import database_options
from glue.settings.group import (
    GrafanaSecret,
    GrafanaText,
    Group,
    InfluxToken,
    Port,
    setting,
)


class Postgres(Group):
    """PostgreSQL: robots, users, limits, alerts. ``DATABASE_URL`` says the parts in one."""

    url: SecretStr = setting(
        SecretStr(""),
        "DATABASE_URL",
        "postgresql://user:password@host/db, also as SQLAlchemy, Prisma and JDBC spell it; options"
        " like ?sslmode=require go here. Other PG… variables are not read.",
    )
    host: str = setting("127.0.0.1", "PGHOST", "Where PostgreSQL listens.")
    port: Port = setting(5432, "PGPORT", "PostgreSQL's registered port.")
    database: str = setting("tonypi", "PGDATABASE", "The glue's database.")
    user: str = setting("glue", "PGUSER", "Owner of that database.")
    password: SecretStr = setting(SecretStr(""), "PGPASSWORD", "Of PGUSER.")
    admin_user: str = setting(
        "postgres", "POSTGRES_USER", "Superuser; used only to create accounts and databases."
    )
    admin_password: SecretStr = setting(SecretStr(""), "POSTGRES_PASSWORD", "Of POSTGRES_USER.")
    reader_password: SecretStr = setting(
        SecretStr(""), "GRAFANA_READER_PASSWORD", "Of grafana_reader, who sees only views."
    )
    reader_timeout: float = setting(
        10.0,
        "GRAFANA_READER_TIMEOUT",
        "How long a query of Grafana's may take; whoever lifts that in his session is ended by the"
        " glue some seconds later. The slowest panel of 2,000 robots takes under 1.",
        "s",
        ge=1,
        le=600,
    )
    reader_connections: int = setting(
        30,
        "GRAFANA_READER_CONNECTIONS",
        "Of grafana_reader at most: 12 for dashboards, 6 for rules (provisioning/datasources), and"
        " those that PostgreSQL still counts a moment after they were closed.",
        "connections",
        ge=1,
        le=1000,
    )
    pool_size: int = setting(5, "DB_POOL_SIZE", "Connections kept open.", "connections", ge=1)
    pool_max: int = setting(15, "DB_POOL_MAX", "Connections at most.", "connections", ge=1)

    @property
    def dsn(self) -> str:
        """Connection URI of the glue's own database."""
        return self._dsn(self.user, self.password, self.database)

    @property
    def admin_dsn(self) -> str:
        """Connection URI of the superuser, database ``postgres``."""
        return self._dsn(self.admin_user, self.admin_password, "postgres")

    def _dsn(self, user: str, password: SecretStr, database: str) -> str:
        secret = quote(password.get_secret_value(), safe="")
        login = f"{quote(user, safe='')}:{secret}" if secret else quote(user, safe="")
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        options = database_options(self.url.get_secret_value())
        where = f"{host}:{self.port}/{quote(database, safe='')}"
        return f"postgresql://{login}@{where}{'?' if options else ''}{options}"


FOR_EVER_DAYS = 36_500.0
"""Of a bucket that drops nothing."""


class Influx(Group):
    """InfluxDB 1.12 or 2.x: the robots' series. On 1.x a token is ``user:password``."""

    url: str = setting("http://127.0.0.1:8086", "INFLUXDB_URL", "Where InfluxDB listens.")
    org: str = setting("tonypi", "INFLUXDB_ORG", "Organisation (2.x; 1.x ignores it).")
    bucket: str = setting("robot_metrics", "INFLUXDB_BUCKET", "Bucket of all robot series.")
    token: InfluxToken = setting(
        SecretStr(""), "INFLUXDB_TOKEN", "The glue's own token (administrator of the bucket)."
    )
    telegraf_token: InfluxToken = setting(
        SecretStr(""), "INFLUXDB_TELEGRAF_TOKEN", "May only write to the bucket."
    )
    grafana_token: InfluxToken = setting(
        SecretStr(""), "INFLUXDB_GRAFANA_TOKEN", "May only read the bucket, and the limits."
    )
    limits_token: InfluxToken = setting(
        SecretStr(""),
        "INFLUXDB_LIMITS_TOKEN",
        "May only write the rules' limits (database tonypi_limits). Not set: the glue's own token.",
    )
    version: str = setting(
        "",
        "INFLUXDB_VERSION",
        "1 or 2: which InfluxDB `tonypi up` runs; empty: the one that this home's series are of, "
        "else 1.x, else 2.x. A home's series stay what they are.",
        pattern=r"^([12](\.\d+)*)?$",
    )
    retention: int | None = setting(
        None,
        "INFLUXDB_RETENTION_DAYS",
        "Older points are deleted by InfluxDB. Not set: 7 in a new bucket, and one that is there"
        " keeps its points as long as before.",
        "days",
        ge=1,
        le=36_500,
    )
    kept: float = setting(
        7.0,
        "INFLUXDB_KEPT_DAYS",
        "How long the bucket keeps points, as `tonypi up` and `tonypi init accounts` found it.",
        "days",
        gt=0,
    )

    @property
    def kept_days(self) -> float:
        """How long a bucket that is made keeps points; one that is there, as the start found it."""
        return float(self.retention or self.kept)


class Grafana(Group):
    """Grafana: where it is, who we are there."""

    url: str = setting(
        "http://127.0.0.1:3000", "GRAFANA_URL", "As the glue reaches it; set but empty: none runs."
    )
    public_url: str = setting(
        "",
        "GRAFANA_PUBLIC_URL",
        "As a browser reaches it, also below a path of a reverse proxy, which cuts that path off;"
        " empty: the same as GRAFANA_URL.",
    )
    admin_user: GrafanaText = setting(
        "tonypi-root", "GF_SECURITY_ADMIN_USER", "Server admin; never called admin, see decisions."
    )
    admin_email: GrafanaText = setting(
        "tonypi-root@grafana.invalid",
        "GF_SECURITY_ADMIN_EMAIL",
        "Of the server admin; nobody else's, for people who sign in are known by their address.",
    )
    admin_password: GrafanaSecret = setting(
        SecretStr(""), "GF_SECURITY_ADMIN_PASSWORD", "Generated at first start."
    )
    database_password: GrafanaSecret = setting(
        SecretStr(""), "GF_DATABASE_PASSWORD", "Of the role that owns Grafana's own database."
    )
    metrics_password: GrafanaSecret = setting(
        SecretStr(""),
        "GRAFANA_METRICS_PASSWORD",
        "Of the user metrics at Grafana's /metrics, asked for beyond loopback; generated.",
    )

    @field_validator("database_password")
    @classmethod
    def _in_a_connection_string(cls, value: SecretStr) -> SecretStr:
        # Grafana 11 writes it into one as it stands.
        if re.search(r"[\s'\\]", value.get_secret_value()):
            raise ValueError("Grafana takes no space, no ' and no \\ in it")
        return value

    home: Path = setting(
        Path("/usr/share/grafana"), "GRAFANA_HOME", "Where its Debian package puts it."
    )
    sync_interval: float = setting(
        30.0,
        "GRAFANA_SYNC_INTERVAL",
        "How often all of Grafana is compared with what it should hold; what we change ourselves"
        " is written at once.",
        "s",
        gt=0,
    )
    webhook_url: str = setting(
        "http://127.0.0.1:8000/webhooks/grafana", "GLUE_WEBHOOK_URL", "Where Grafana posts alerts."
    )
