"""The documented passwords, which everybody knows: they open only in demo mode, and only from this
machine.

They are never stored. In demo mode the sign-in takes them beside what the table says; without it,
it refuses them even where somebody's hash would match (an older installation's). So leaving demo
mode leaves none of them valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from glue.core.client_address import is_loopback
from glue.settings import Settings, SettingsError

DOCUMENTED: Mapping[str, str] = {
    "admin": "admin123",
    "operator": "operator123",
    "viewer": "viewer123",
}
"""Password by user name."""


def is_documented(password: str) -> bool:
    """Whether everybody knows this password, whoever's it is."""
    return password in DOCUMENTED.values()


def opens(username: str, password: str, *, demo: bool, from_here: bool) -> bool:
    """Whether a documented password lets in. ``from_here``: the request is of this machine."""
    return demo and from_here and DOCUMENTED.get(username.casefold()) == password


def from_here(peer: str, host: str, forwarded: bool) -> bool:
    """Whether a request is of this machine for sure: its peer is, it came through no proxy
    (``forwarded``), and it was sent to an address of this machine (``host``: the Host header), not
    to a name that somebody else may have pointed here."""
    name = host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return is_loopback(peer) and is_loopback(name) and not forwarded


def check(settings: Settings) -> None:
    """Raises :class:`SettingsError` where in demo mode anything would listen beyond this machine,
    or a proxy could lead here."""
    if not settings.glue.demo:
        return
    if open_to_others := exposed(_places(settings)):
        raise SettingsError(
            f"unusable setting: GLUE_DEMO with {', '.join(open_to_others)}: the documented"
            " passwords must not be reachable from another machine; leave demo mode, or let"
            " everything listen on 127.0.0.1 (`tonypi up --no-lan`)"
        )
    if settings.glue.trusted_proxies:
        raise SettingsError(
            "unusable setting: GLUE_DEMO with GLUE_TRUSTED_PROXIES: a proxy makes the documented"
            " passwords reachable from another machine; leave one of them out"
        )


def exposed(addresses: Mapping[str, str]) -> list[str]:
    """Those settings of ``addresses`` (name and host) that reach beyond this machine, as text."""
    return [f"{name}={host}" for name, host in addresses.items() if not is_loopback(host)]


def _places(settings: Settings) -> dict[str, str]:
    """Where everything listens, by the setting that says it."""
    found = {
        "TONYPI_BIND": settings.stack.bind,
        "GLUE_HOST": settings.glue.host,
        "MQTT_BROKER_HOST": settings.broker.host,
        "INFLUXDB_URL": urlsplit(settings.influx.url).hostname or "",
    }
    if not settings.postgres.host.startswith("/"):
        found["PGHOST"] = settings.postgres.host
    for name, url in (
        ("GRAFANA_URL", settings.grafana.url),
        ("GRAFANA_PUBLIC_URL", settings.grafana.public_url),
        ("GLUE_PUBLIC_URL", settings.sign_on.public_url),
    ):
        if url:
            found[name] = urlsplit(url).hostname or url
    return found
