"""Every setting, once: its environment name, type, unit, default and reason.

Values come, first found wins, from the environment, from the file that ``NAME_FILE`` points to
(secrets only), from ``.env`` in the working directory (Docker Compose's), from ``stack.env`` in
``TONYPI_HOME`` (written by ``tonypi up``: ports and generated secrets), from the default.
``docs/configuration.md`` is generated from this module (``tonypi docs settings``).
"""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

PROJECT = Path(__file__).resolve().parent.parent
"""The checkout: where provisioning/, telegraf/ and postgres/ stand."""


class SettingsError(Exception):
    """A setting is missing or unusable; the text names it and says what to do."""


def _default_home() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/tonypi")
    return Path(os.environ.get("XDG_DATA_HOME", "~/.local/share")).expanduser() / "tonypi"


def _setting(default: Any, env: str, reason: str, unit: str = "", **kw: Any) -> Any:
    return Field(
        default,
        validation_alias=env,
        description=reason,
        json_schema_extra={"unit": unit} if unit else None,
        **kw,
    )


Port = Annotated[int, Field(ge=1, le=65535)]
_URL = r"^(https?://[^\s/?#]+[^\s?#]*)?$"


class _Group(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Fleet(_Group):
    """What is true of the robots themselves."""

    tz: str = _setting("UTC", "FLEET_TZ", "Zone of the robots' clocks, whose times carry none.")
    robot_tz: dict[str, str] = _setting(
        {},
        "FLEET_ROBOT_TZ",
        'JSON of robot id to zone, for robots elsewhere: {"r1": "Asia/Tokyo"}.',
    )
    registration: Literal["automatic", "pending"] = _setting(
        "automatic",
        "FLEET_REGISTRATION",
        "What happens to a robot that sends but is not known: taken in, or kept for an admin.",
    )
    silent_after: float = _setting(
        60.0,
        "FLEET_SILENT_AFTER",
        "A robot unheard for this long, while we listened, is silent: six missed statuses.",
        "s",
        gt=0,
    )
    clock_behind: float = _setting(
        600.0,
        "FLEET_CLOCK_BEHIND",
        "Robot time further behind (beyond a measured outage) falls back to arrival time. At most"
        " 840: beyond their window of 15 minutes, rules would not see the robot.",
        "s",
        gt=0,
        le=840,
    )
    clock_ahead: float = _setting(
        60.0,
        "FLEET_CLOCK_AHEAD",
        "Robot time further ahead falls back to arrival time. At most 60: rules look no further.",
        "s",
        gt=0,
        le=60,
    )

    @field_validator("tz")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"{value!r} is no time zone; use a name like Europe/Berlin") from None
        return value

    @field_validator("robot_tz")
    @classmethod
    def _zones(cls, value: dict[str, str]) -> dict[str, str]:
        # Telegraf does not start with a zone that it does not know.
        return {robot: cls._zone(zone) for robot, zone in value.items()}


class Broker(_Group):
    """The MQTT broker that the robots publish to."""

    host: str = _setting("127.0.0.1", "MQTT_BROKER_HOST", "Where the broker listens.")
    port: Port = _setting(1883, "MQTT_BROKER_PORT", "MQTT's registered port.")
    username: str = _setting("", "MQTT_USERNAME", "Empty: no password, as on loopback.")
    password: SecretStr = _setting(SecretStr(""), "MQTT_PASSWORD", "With MQTT_USERNAME.")
    telegraf_password: SecretStr = _setting(
        SecretStr(""), "MQTT_TELEGRAF_PASSWORD", "Of the user telegraf, with `tonypi up --lan`."
    )
    simulator_password: SecretStr = _setting(
        SecretStr(""), "MQTT_SIMULATOR_PASSWORD", "Of the user simulator, with `tonypi up --lan`."
    )
    robots_password: SecretStr = _setting(
        SecretStr(""), "MQTT_ROBOTS_PASSWORD", "Of the user robots, with `tonypi up --lan`."
    )
    glue_client_id: str = _setting(
        "tonypi-glue",
        "MQTT_GLUE_CLIENT_ID",
        "Names the glue's persistent session: the queue of events while the glue is away.",
    )
    telegraf_client_id: str = _setting(
        "tonypi-telegraf",
        "MQTT_TELEGRAF_CLIENT_ID",
        "Names Telegraf's persistent session: the queue of metrics while Telegraf is away.",
    )
    in_flight: int = _setting(
        1000,
        "MQTT_GLUE_IN_FLIGHT",
        "Events the broker may send before the glue has stored them (Mosquitto 2.0.11 keeps to it"
        " only at first; then its max_inflight_messages, 20,000, bounds the glue's memory).",
        "messages",
        ge=1,
        le=65535,
    )


class Postgres(_Group):
    """PostgreSQL: robots, users, limits, alerts. ``DATABASE_URL`` wins over the parts."""

    url: SecretStr = _setting(SecretStr(""), "DATABASE_URL", "postgresql://user:password@host/db")
    host: str = _setting("127.0.0.1", "PGHOST", "Where PostgreSQL listens.")
    port: Port = _setting(5432, "PGPORT", "PostgreSQL's registered port.")
    database: str = _setting("tonypi", "PGDATABASE", "The glue's database.")
    user: str = _setting("glue", "PGUSER", "Owner of that database.")
    password: SecretStr = _setting(SecretStr(""), "PGPASSWORD", "Of PGUSER.")
    admin_user: str = _setting(
        "postgres", "POSTGRES_USER", "Superuser; used only to create accounts and databases."
    )
    admin_password: SecretStr = _setting(SecretStr(""), "POSTGRES_PASSWORD", "Of POSTGRES_USER.")
    reader_password: SecretStr = _setting(
        SecretStr(""), "GRAFANA_READER_PASSWORD", "Of grafana_reader, who sees only views."
    )
    pool_size: int = _setting(5, "DB_POOL_SIZE", "Connections kept open.", "connections", ge=1)
    pool_max: int = _setting(15, "DB_POOL_MAX", "Connections at most.", "connections", ge=1)

    @property
    def dsn(self) -> str:
        """Connection URI of the glue's own database."""
        return self.url.get_secret_value() or self._dsn(self.user, self.password, self.database)

    @property
    def admin_dsn(self) -> str:
        """Connection URI of the superuser, database ``postgres``."""
        return self._dsn(self.admin_user, self.admin_password, "postgres")

    def _dsn(self, user: str, password: SecretStr, database: str) -> str:
        from urllib.parse import quote

        secret = quote(password.get_secret_value(), safe="")
        login = f"{quote(user, safe='')}:{secret}" if secret else quote(user, safe="")
        return f"postgresql://{login}@{self.host}:{self.port}/{database}"


class Influx(_Group):
    """InfluxDB 1.12 or 2.x: the robots' series. On 1.x a token is ``user:password``."""

    url: str = _setting("http://127.0.0.1:8086", "INFLUXDB_URL", "Where InfluxDB listens.")
    org: str = _setting("tonypi", "INFLUXDB_ORG", "Organisation (2.x; 1.x ignores it).")
    bucket: str = _setting("robot_metrics", "INFLUXDB_BUCKET", "Bucket of all robot series.")
    token: SecretStr = _setting(
        SecretStr(""), "INFLUXDB_TOKEN", "The glue's own token (administrator of the bucket)."
    )
    telegraf_token: SecretStr = _setting(
        SecretStr(""), "INFLUXDB_TELEGRAF_TOKEN", "May only write to the bucket."
    )
    grafana_token: SecretStr = _setting(
        SecretStr(""), "INFLUXDB_GRAFANA_TOKEN", "May only read the bucket."
    )
    version: str = _setting(
        "",
        "INFLUXDB_VERSION",
        "1 or 2: which InfluxDB `tonypi up` runs; empty: the one that this home's series are of, "
        "else 1.x, else 2.x. A home's series stay what they are.",
        pattern=r"^([12](\.\d+)*)?$",
    )
    retention: int = _setting(
        7, "INFLUXDB_RETENTION_DAYS", "Older points are dropped by InfluxDB.", "days", ge=1
    )


class Grafana(_Group):
    """Grafana: where it is, who we are there."""

    url: str = _setting(
        "http://127.0.0.1:3000", "GRAFANA_URL", "As the glue reaches it; set but empty: none runs."
    )
    public_url: str = _setting(
        "", "GRAFANA_PUBLIC_URL", "As a browser reaches it; empty: the same as GRAFANA_URL."
    )
    admin_user: str = _setting(
        "tonypi-root", "GF_SECURITY_ADMIN_USER", "Server admin; never called admin, see decisions."
    )
    admin_email: str = _setting(
        "tonypi-root@grafana.invalid",
        "GF_SECURITY_ADMIN_EMAIL",
        "Of the server admin; nobody else's, for people who sign in are known by their address.",
    )
    admin_password: SecretStr = _setting(
        SecretStr(""), "GF_SECURITY_ADMIN_PASSWORD", "Generated at first start."
    )
    database_password: SecretStr = _setting(
        SecretStr(""), "GF_DATABASE_PASSWORD", "Of the role that owns Grafana's own database."
    )
    home: Path = _setting(
        Path("/usr/share/grafana"), "GRAFANA_HOME", "Where its Debian package puts it."
    )
    sync_interval: float = _setting(
        30.0,
        "GRAFANA_SYNC_INTERVAL",
        "How often all of Grafana is compared with what it should hold; what we change ourselves"
        " is written at once.",
        "s",
        gt=0,
    )
    webhook_url: str = _setting(
        "http://127.0.0.1:8000/webhooks/grafana", "GLUE_WEBHOOK_URL", "Where Grafana posts alerts."
    )


class Glue(_Group):
    """The glue's own service."""

    host: str = _setting("127.0.0.1", "GLUE_HOST", "Listens on loopback unless asked.")
    port: Port = _setting(8000, "GLUE_PORT", "API, webhook and documentation.")
    jwt_secret: SecretStr = _setting(SecretStr(""), "GLUE_JWT_SECRET", "Signs access tokens.")
    jwt_ttl: int = _setting(
        900, "GLUE_JWT_TTL", "Life of an access token; a refresh token gets the next.", "s", ge=60
    )
    session_idle: int = _setting(
        14 * 86400,
        "GLUE_SESSION_IDLE",
        "A session that asked for no new token for so long is over: two weeks of holidays.",
        "s",
        ge=60,
    )
    session_longest: int = _setting(
        90 * 86400, "GLUE_SESSION_LONGEST", "Then the password is asked for again.", "s", ge=60
    )
    trusted_proxies: str = _setting(
        "",
        "GLUE_TRUSTED_PROXIES",
        "Addresses or networks, separated by commas, whose X-Forwarded-For is believed. Without"
        " it, whoever comes through a proxy has the proxy's address.",
    )
    reports_folder: str = _setting(
        "",
        "GLUE_REPORTS_FOLDER",
        "Files of reports; the API gives out no other. Empty: `reports` in TONYPI_HOME.",
    )
    webhook_secret: SecretStr = _setting(
        SecretStr(""), "GLUE_WEBHOOK_SECRET", "Bearer secret of Grafana's contact point."
    )
    webhook_max_bytes: int = _setting(
        8 * 1024 * 1024, "GLUE_WEBHOOK_MAX_BYTES", "2,000 alerts in one post fit.", "bytes", ge=1024
    )
    admin_password: SecretStr = _setting(
        SecretStr(""), "GLUE_ADMIN_PASSWORD", "Of the first user, admin; generated."
    )
    operator_password: SecretStr = _setting(
        SecretStr(""), "GLUE_OPERATOR_PASSWORD", "Of the first operator; generated."
    )
    viewer_password: SecretStr = _setting(
        SecretStr(""), "GLUE_VIEWER_PASSWORD", "Of the first viewer; generated."
    )
    demo: bool = _setting(
        False,
        "GLUE_DEMO",
        "`tonypi up --demo`: the documented passwords open too, from this machine alone. Refuses"
        " to start where anything listens beyond loopback.",
    )
    pull_interval: float = _setting(
        15.0, "GLUE_PULL_INTERVAL", "How often Grafana's active alerts are read.", "s", gt=0
    )
    evaluation_interval: float = _setting(
        10.0,
        "GLUE_EVALUATION_INTERVAL",
        "Of the rules, in Grafana and standby alike. A stock Grafana takes no less than 10; 1 is"
        " the fast profile, for up to about 100 robots: Grafana gets the toggle it needs.",
        "s",
        ge=1,
    )
    live_listeners: int = _setting(
        200,
        "GLUE_LIVE_LISTENERS",
        "Live streams open at a time; each holds a connection and up to a megabyte of events.",
        "streams",
        ge=0,
        le=10_000,
    )
    log_retention: int = _setting(
        30,
        "GLUE_LOG_RETENTION_DAYS",
        "Log lines and commands older than this are removed; alerts and reports stay for ever.",
        "days",
        ge=1,
        le=36_500,
    )
    heartbeat_interval: float = _setting(
        2.0, "GLUE_HEARTBEAT_INTERVAL", "Of our own message through the broker.", "s", gt=0
    )
    command_timeout: float = _setting(
        5.0,
        "GLUE_COMMAND_TIMEOUT",
        "How long a robot's answer to a command is waited for, unless asked otherwise.",
        "s",
        ge=0.1,
        le=30,
    )
    log_format: Literal["auto", "json", "text"] = _setting(
        "auto", "GLUE_LOG_FORMAT", "auto: text on a terminal, JSON elsewhere."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in value.split(","):
            try:
                ip_network(part.strip() or "::")
            except ValueError as error:
                raise ValueError(f"{error}; give addresses or networks like 10.0.0.0/8") from None
        return value


class SignOn(_Group):
    """Single sign-on: people sign in to Grafana with their name and password of the glue."""

    public_url: str = _setting(
        "",
        "GLUE_PUBLIC_URL",
        "The glue as a browser reaches it, http://host:port; empty: where it listens.",
        pattern=_URL,
    )
    internal_url: str = _setting(
        "",
        "GLUE_INTERNAL_URL",
        "The glue as Grafana's server reaches it; empty: where it listens.",
        pattern=_URL,
    )
    client_secret: SecretStr = _setting(
        SecretStr(""),
        "GRAFANA_OAUTH_CLIENT_SECRET",
        "Grafana's at the glue; generated. Without one Grafana has its own sign-in alone.",
    )
    lives: int = _setting(
        12 * 3600,
        "GLUE_SSO_TTL",
        "How long a browser is signed in at the glue and opens Grafana without a password: a"
        " working day. Grafana's own session goes on.",
        "s",
        ge=60,
        le=90 * 86400,
    )
    auto_login: bool = _setting(
        True,
        "GRAFANA_AUTO_LOGIN",
        "Whether Grafana's sign-in leads straight to the glue's;"
        " /login?disableAutoLogin=true there shows its own form.",
    )


class Stack(_Group):
    """The native run (``tonypi up``)."""

    home: Path = _setting(
        None, "TONYPI_HOME", "Data, logs and secrets of the native run.", validate_default=False
    )
    bind: str = _setting(
        "127.0.0.1",
        "TONYPI_BIND",
        "Where broker, Grafana and glue listen; `tonypi up --lan` sets it, a password for each.",
    )
    robots: int = _setting(
        2, "ROBOTS", "Simulated robots that `make up` starts; 0 for none.", "robots", ge=0, le=2000
    )


class Settings(BaseModel):
    """All groups. Build with :func:`load`; tests may build it from an explicit environment."""

    model_config = ConfigDict(frozen=True)

    fleet: Fleet
    broker: Broker
    postgres: Postgres
    influx: Influx
    grafana: Grafana
    glue: Glue
    sign_on: SignOn
    stack: Stack

    @property
    def reports_folder(self) -> Path:
        """Where the files of reports stand."""
        return Path(self.glue.reports_folder or self.stack.home / "reports")

    @property
    def glue_for_browsers(self) -> str:
        """Root of the glue's addresses for people, without a slash at its end."""
        return (self.sign_on.public_url or self._glue_listens).rstrip("/")

    @property
    def glue_for_grafana(self) -> str:
        """The same for Grafana's server."""
        return (self.sign_on.internal_url or self._glue_listens).rstrip("/")

    @property
    def grafana_for_browsers(self) -> str:
        """Root of Grafana's addresses for people, without a slash at its end."""
        return (self.grafana.public_url or self.grafana.url).rstrip("/")

    @property
    def _glue_listens(self) -> str:
        host = "127.0.0.1" if self.glue.host in ("0.0.0.0", "localhost") else self.glue.host
        return f"http://{host}:{self.glue.port}"


GROUPS: dict[str, type[_Group]] = {
    "fleet": Fleet,
    "broker": Broker,
    "postgres": Postgres,
    "influx": Influx,
    "grafana": Grafana,
    "glue": Glue,
    "sign_on": SignOn,
    "stack": Stack,
}


def load(environ: dict[str, str] | None = None) -> Settings:
    """Settings from the environment and the files named in this module's docstring.

    Raises :class:`SettingsError` naming the variable and what it takes.
    """
    env = dict(os.environ) if environ is None else dict(environ)
    home = Path(env.get("TONYPI_HOME") or _default_home())
    merged = {**_dotenv(home / "stack.env"), **dotenv(), **env}
    merged["TONYPI_HOME"] = str(home)
    groups: dict[str, Any] = {}
    for name, group in GROUPS.items():
        groups[name] = _build(group, merged)
    return Settings(**groups)


def _build(group: type[_Group], env: dict[str, str]) -> _Group:
    values: dict[str, Any] = {}
    for field in group.model_fields.values():
        key = str(field.validation_alias)
        # An empty variable is one that was not set (Compose passes those), but for this one.
        if env.get(key) or (key == "GRAFANA_URL" and key in env):
            values[key] = env[key]
        elif field.annotation is SecretStr and env.get(f"{key}_FILE"):
            values[key] = _secret_file(f"{key}_FILE", env[f"{key}_FILE"])
    if "FLEET_ROBOT_TZ" in values:
        values["FLEET_ROBOT_TZ"] = _json("FLEET_ROBOT_TZ", values["FLEET_ROBOT_TZ"])
    try:
        return group.model_validate(values)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise SettingsError("unusable setting: " + "; ".join(lines)) from None


def _json(name: str, text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise SettingsError(f"unusable setting: {name}: not JSON: {error}") from None


def _secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise SettingsError(f"unusable setting: {name}: cannot read {path}: {error}") from None


def dotenv() -> dict[str, str]:
    """What ``.env`` in the working directory says; empty where there is none."""
    return _dotenv(Path.cwd() / ".env")


def _dotenv(path: Path) -> dict[str, str]:
    try:
        text = path.read_text()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
    return {key.strip(): value.strip().strip("'\"") for key, value in pairs}
