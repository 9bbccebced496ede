"""Telling people."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from pydantic import SecretStr, field_validator

from glue.settings.group import Group, setting


class Notify(Group):
    """Notifications: what people are told, through Apprise."""

    secret_key: SecretStr = setting(
        SecretStr(""),
        "GLUE_SECRET_KEY",
        "Seals the addresses of notification targets; generated. To replace it: new,old.",
    )
    schemes: str = setting(
        "mailto,mailtos,ntfy,ntfys,tgram,slack,discord,workflows,matrix,matrixs,gotify,"
        "gotifys,pover,rocket,rockets,mmost,mmosts,signal,signals,twilio,opsgenie,pagerduty,"
        "mqtt,mqtts,json,jsons,xml,xmls,form,forms",
        "NOTIFY_SCHEMES",
        "Kinds of targets that may be used, as Apprise names them, separated by commas.",
        pattern=r"^\s*[a-z0-9]+(\s*,\s*[a-z0-9]+)*\s*$",
    )
    denied_networks: str = setting(
        "169.254.0.0/16,fe80::/10,fd00:ec2::254/128,100.100.100.200/32",
        "NOTIFY_DENIED_NETWORKS",
        "Networks that no message goes to, whatever name leads there. The default keeps link-local"
        " addresses, where clouds hand out their machines' credentials; loopback is allowed, for a"
        " mail or ntfy server on this machine. `none`: none.",
    )
    timeout: float = setting(
        10.0, "NOTIFY_TIMEOUT", "How long a target may take to answer.", "s", gt=0, le=60
    )
    retry_first: float = setting(
        10.0,
        "NOTIFY_RETRY_FIRST",
        "The wait after a message that failed; then twice as long each time, at most an hour.",
        "s",
        gt=0,
    )
    tries: int = setting(
        32, "NOTIFY_TRIES", "Then a message is given up: after a day.", "tries", ge=1, le=1000
    )

    template_seconds: float = setting(
        5.0,
        "NOTIFY_TEMPLATE_SECONDS",
        "CPU time that a target's own template may take; then the shipped one is sent. One that"
        " names each item once takes a hundredth of a second.",
        "s",
        gt=0,
        le=60,
    )
    template_memory: int = setting(
        64,
        "NOTIFY_TEMPLATE_MEMORY",
        "Memory that it may take: a message is at most 16,000 characters.",
        "MiB",
        ge=1,
        le=1024,
    )
    ack_days: float = setting(
        7.0,
        "NOTIFY_ACK_DAYS",
        "How long the link of a message acknowledges its alerts, for who has it; 0: no link.",
        "d",
        ge=0,
        le=365,
    )
    database_away: float = setting(
        60.0,
        "NOTIFY_DATABASE_AWAY",
        "How long PostgreSQL is away before people are told, by the routes as last read.",
        "s",
        gt=0,
        le=86400,
    )
    heartbeat_url: SecretStr = setting(
        SecretStr(""),
        "HEARTBEAT_URL",
        "Asked for while the glue works, by GET: a check of a service outside that calls people"
        " when that stops (healthchecks.io, Uptime Kuma, …).",
    )
    heartbeat_fail_url: SecretStr = setting(
        SecretStr(""),
        "HEARTBEAT_FAIL_URL",
        "Told what is wrong, by POST, while it does not work; empty: silence says enough.",
    )
    grafana_heartbeat_url: SecretStr = setting(
        SecretStr(""),
        "HEARTBEAT_GRAFANA_URL",
        "Asked for while Grafana evaluates our rules; silent while the standby evaluator does.",
    )
    heartbeat_every: float = setting(
        60.0, "HEARTBEAT_INTERVAL", "Between two signs of life.", "s", ge=1, le=86400
    )
    outage_wait: float = setting(
        20.0,
        "NOTIFY_OUTAGE_WAIT",
        "Messages of an outage (silent robots, the stack's own rules) wait for the others of it:"
        " two evaluations, so that 500 silent robots are one message.",
        "s",
        ge=0,
        le=600,
    )

    mirror_silences: bool = setting(
        False,
        "ALERT_MIRROR_SILENCES",
        "What somebody acknowledged or muted is silenced in Grafana too, for contact points there."
        " Grafana never posts what ends while it is silenced, so the end comes with the next pull.",
    )

    @field_validator("denied_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        try:
            _parsed(value)
        except ValueError as error:
            raise ValueError(f"{error}; give networks like 10.0.0.0/8, or none") from None
        return value

    @property
    def denied(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks that no message goes to."""
        return _parsed(self.denied_networks)

    @property
    def allowed(self) -> frozenset[str]:
        """The kinds of targets."""
        return frozenset(one.strip() for one in self.schemes.split(","))


def _parsed(networks: str) -> tuple[IPv4Network | IPv6Network, ...]:
    if networks.strip().lower() == "none":
        return ()
    return tuple(ip_network(one.strip()) for one in networks.split(",") if one.strip())
