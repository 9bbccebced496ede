"""The glue itself, single sign-on, the native run."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import SecretStr, field_validator

from glue.settings.group import GrafanaSecret, Group, HeaderSecret, Port, setting


class Glue(Group):
    """The glue's own service."""

    host: str = setting("127.0.0.1", "GLUE_HOST", "Listens on loopback unless asked.")
    port: Port = setting(8000, "GLUE_PORT", "API, webhook and documentation.")
    jwt_secret: SecretStr = setting(SecretStr(""), "GLUE_JWT_SECRET", "Signs access tokens.")
    jwt_ttl: int = setting(
        900, "GLUE_JWT_TTL", "Life of an access token; a refresh token gets the next.", "s", ge=60
    )
    session_idle: int = setting(
        14 * 86400,
        "GLUE_SESSION_IDLE",
        "A session that asked for no new token for so long is over: two weeks of holidays.",
        "s",
        ge=60,
    )
    session_longest: int = setting(
        90 * 86400, "GLUE_SESSION_LONGEST", "Then the password is asked for again.", "s", ge=60
    )
    trusted_proxies: str = setting(
        "",
        "GLUE_TRUSTED_PROXIES",
        "Addresses or networks, separated by commas, whose X-Forwarded-For is believed. Without"
        " it, whoever comes through a proxy has the proxy's address.",
    )
    reports_folder: str = setting(
        "",
        "GLUE_REPORTS_FOLDER",
        "Files of reports; the API gives out no other. Empty: `reports` in TONYPI_HOME.",
    )
    webhook_secret: HeaderSecret = setting(
        SecretStr(""), "GLUE_WEBHOOK_SECRET", "Bearer secret of Grafana's contact point."
    )
    webhook_max_bytes: int = setting(
        8 * 1024 * 1024, "GLUE_WEBHOOK_MAX_BYTES", "2,000 alerts in one post fit.", "bytes", ge=1024
    )
    admin_password: SecretStr = setting(
        SecretStr(""), "GLUE_ADMIN_PASSWORD", "Of the first user, admin; generated."
    )
    operator_password: SecretStr = setting(
        SecretStr(""), "GLUE_OPERATOR_PASSWORD", "Of the first operator; generated."
    )
    viewer_password: SecretStr = setting(
        SecretStr(""), "GLUE_VIEWER_PASSWORD", "Of the first viewer; generated."
    )
    demo: bool = setting(
        False,
        "GLUE_DEMO",
        "`tonypi up --demo`: the documented passwords open too, from this machine alone. Refuses"
        " to start where anything listens beyond loopback.",
    )
    pull_interval: float = setting(
        15.0, "GLUE_PULL_INTERVAL", "How often Grafana's active alerts are read.", "s", gt=0
    )
    evaluation_interval: float = setting(
        10.0,
        "GLUE_EVALUATION_INTERVAL",
        "Of the rules, in Grafana and standby alike. A stock Grafana takes no less than 10; 1 is"
        " the fast profile, for up to about 100 robots: Grafana gets the toggle it needs.",
        "s",
        ge=1,
    )
    live_listeners: int = setting(
        200,
        "GLUE_LIVE_LISTENERS",
        "Live streams open at a time; each holds a connection and up to a megabyte of events.",
        "streams",
        ge=0,
        le=10_000,
    )
    live_of_user: int = setting(
        20,
        "GLUE_LIVE_LISTENERS_OF_USER",
        "Of them one user's: a few browsers with a few pages each. Nobody keeps others out.",
        "streams",
        ge=1,
        le=10_000,
    )
    request_timeout: float = setting(
        30.0,
        "GLUE_REQUEST_TIMEOUT",
        "How long a request may take to arrive, head and body, and a client not to read what it is"
        " sent; then the connection is closed. The largest body (1 MiB) needs 35 kB/s.",
        "s",
        gt=0,
        le=600,
    )
    log_retention: int = setting(
        30,
        "GLUE_LOG_RETENTION_DAYS",
        "Log lines and commands older than this are removed; alerts and reports stay for ever.",
        "days",
        ge=1,
        le=36_500,
    )
    heartbeat_interval: float = setting(
        2.0, "GLUE_HEARTBEAT_INTERVAL", "Of our own message through the broker.", "s", gt=0
    )
    command_timeout: float = setting(
        5.0,
        "GLUE_COMMAND_TIMEOUT",
        "How long a robot's answer to a command is waited for, unless asked otherwise.",
        "s",
        ge=0.1,
        le=30,
    )
    log_format: Literal["auto", "json", "text"] = setting(
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


class SignOn(Group):
    """Single sign-on: people sign in to Grafana with their name and password of the glue."""

    public_url: str = setting(
        "",
        "GLUE_PUBLIC_URL",
        "The glue as a browser reaches it, http://host:port, also below a path of a reverse proxy;"
        " empty: where it listens.",
    )
    internal_url: str = setting(
        "",
        "GLUE_INTERNAL_URL",
        "The glue as Grafana's server reaches it; empty: where it listens.",
    )
    client_secret: GrafanaSecret = setting(
        SecretStr(""),
        "GRAFANA_OAUTH_CLIENT_SECRET",
        "Grafana's at the glue; generated. Without one Grafana has its own sign-in alone.",
    )
    lives: int = setting(
        12 * 3600,
        "GLUE_SSO_TTL",
        "How long a browser is signed in at the glue and opens Grafana without a password: a"
        " working day. Grafana's own session goes on.",
        "s",
        ge=60,
        le=90 * 86400,
    )
    auto_login: bool = setting(
        True,
        "GRAFANA_AUTO_LOGIN",
        "Whether Grafana's sign-in leads straight to the glue's;"
        " /login?disableAutoLogin=true there shows its own form.",
    )


class Stack(Group):
    """The native run (``tonypi up``)."""

    home: Path = setting(
        None, "TONYPI_HOME", "Data, logs and secrets of the native run.", validate_default=False
    )
    bind: str = setting(
        "127.0.0.1",
        "TONYPI_BIND",
        "Where broker, Grafana and glue listen; `tonypi up --lan` sets it, a password for each.",
    )
    robots: int = setting(
        2, "ROBOTS", "Simulated robots that `make up` starts; 0 for none.", "robots", ge=0, le=2000
    )
