"""Addresses in the spellings that people paste, brought to one; nothing of them is ever printed.

``DATABASE_URL`` is taken apart into the settings that it stands for, so that whoever uses those
(Grafana, the accounts) follows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from glue.settings.group import SettingsError

DATABASE = "DATABASE_URL"
WEB = (
    "INFLUXDB_URL",
    "GRAFANA_URL",
    "GRAFANA_PUBLIC_URL",
    "GLUE_PUBLIC_URL",
    "GLUE_INTERNAL_URL",
    "GLUE_WEBHOOK_URL",
    "GF_SERVER_ROOT_URL",
)
ROOT, PUBLIC = "GF_SERVER_ROOT_URL", "GRAFANA_PUBLIC_URL"
BROKER, BROKER_PORT = "MQTT_BROKER_HOST", "MQTT_BROKER_PORT"

_DATABASE_SCHEME = re.compile(r"(?:jdbc:)?postgres(?:ql)?(?:\+[a-z0-9_]+)?://", re.IGNORECASE)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PARTS = ("PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD")
BIND = "TONYPI_BIND"
_IN_QUERY = dict(zip(("host", "port", "dbname", "user", "password"), PARTS, strict=True))
_OPTIONS = {
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslnegotiation"),
    *("channel_binding", "require_auth", "gssencmode", "krbsrvname", "target_session_attrs"),
    *("connect_timeout", "application_name"),
}
"""Options of libpq that a URL may carry."""
_OF_OTHERS = {
    *("connection_limit", "pool_timeout", "pool_size", "pgbouncer", "statement_cache_size"),
    *("prepared_statement_cache_size", "socket_timeout", "sslaccept", "schema", "currentschema"),
}
"""Of Prisma, SQLAlchemy, JDBC and asyncpg, without a meaning here."""
_SSL = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
_ENCODE = "percent-encode what is special in name and password (/ is %2F, ? is %3F)"


class Broker(NamedTuple):
    """A broker's address; port 0: not said, user empty: none."""

    host: str
    port: int
    user: str
    password: str


def is_open(bind: str) -> bool:
    """Whether others than this machine reach what listens on ``bind``."""
    return not bind.startswith("127.") and bind != "localhost"


def spelled_out(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with its addresses in one spelling, and with the settings that its
    ``DATABASE_URL`` and ``MQTT_BROKER_HOST`` stand for.

    Raises :class:`SettingsError` for an address that cannot be used, and where two settings name
    different places; it names the settings and repeats nothing of them.
    """
    env = dict(environ)
    for name in filter(env.get, WEB):
        env[name] = web(name, env[name])
    if env.get(ROOT):
        # Grafana's own name for it.
        _agree(env, ROOT, {PUBLIC: env[ROOT]})
    if env.get(DATABASE):
        _agree(env, DATABASE, database(env[DATABASE]))
    if env.get(BROKER):
        host, port, user, password = broker(env[BROKER])
        env[BROKER] = host
        given = {BROKER_PORT: str(port or ""), "MQTT_USERNAME": user, "MQTT_PASSWORD": password}
        _agree(env, BROKER, {name: value for name, value in given.items() if value})
    return env


def _agree(env: dict[str, str], source: str, parts: Mapping[str, str]) -> None:
    for name, value in parts.items():
        if env.get(name, "") not in ("", value):
            raise SettingsError(
                f"unusable setting: {source} and {name} say different things; set one of them"
            )
        env[name] = value


def database(url: str) -> dict[str, str]:
    """``PGHOST``, ``PGPORT``, ``PGDATABASE``, ``PGUSER``, ``PGPASSWORD`` as far as ``url`` says, in
    the spelling of libpq, SQLAlchemy, Prisma or JDBC. Raises :class:`SettingsError`."""
    scheme = _DATABASE_SCHEME.match(url)
    if not scheme:
        _refuse(DATABASE, "it does not begin with postgresql:// (postgres://, postgresql+…://)")
    # A password may have a # or an @ in it; a host has neither.
    login, _, place = url[scheme.end() :].rpartition("@")
    if any(mark in login for mark in "/?"):
        _refuse(DATABASE, f"it is not clear where its password ends: {_ENCODE}")
    place, _, query = place.partition("?")
    where, _, name = place.partition("/")
    if "#" in f"{where}{name}{query}":
        _refuse(DATABASE, f"it has a #: {_ENCODE}")
    user, _, password = login.partition(":")
    found = {
        "PGUSER": unquote(user),
        "PGPASSWORD": unquote(password),
        "PGDATABASE": unquote(name.rstrip("/")),
        **_host(where),
    }
    for option, value in parse_qsl(query, keep_blank_values=True):
        if option in _IN_QUERY:
            found[_IN_QUERY[option]] = value
    _options(query)
    if "," in found["PGHOST"]:
        _refuse(DATABASE, "it names several hosts; give the one that may write")
    return {part: value for part, value in found.items() if value}


def kept_of_database(url: str) -> str:
    """A ``DATABASE_URL`` with nothing but the options of ``url``, whose other parts have settings
    of their own. Raises :class:`SettingsError`."""
    options = database_options(url)
    return f"postgresql://?{options}" if options else "postgresql://"


def _host(where: str) -> dict[str, str]:
    try:
        at = urlsplit(f"//{where}")
        # A path of a socket, percent-encoded, is a host too.
        return {"PGHOST": unquote(at.hostname or ""), "PGPORT": str(at.port or "")}
    except ValueError:
        if "," in where:
            return {"PGHOST": where, "PGPORT": ""}
        _refuse(DATABASE, "its port is no number from 1 to 65535, or its host is no host")


def database_options(url: str) -> str:
    """What ``url`` says besides, as the query of a libpq URL. Raises :class:`SettingsError`."""
    return _options(url.rpartition("@")[2].partition("?")[2])


def _options(query: str) -> str:
    options: dict[str, str] = {}
    for option, value in parse_qsl(query, keep_blank_values=True):
        if option == "ssl":
            options["sslmode"] = _SSL.get(value, value)
        elif option in _OPTIONS:
            options[option] = value
        elif option.lower() in ("schema", "currentschema") and value != "public":
            _refuse(DATABASE, "it names a schema; the tables are in public")
        elif option not in _IN_QUERY and option.lower() not in _OF_OTHERS:
            _refuse(DATABASE, f"it has an option other than {', '.join(sorted(_OPTIONS))}")
    return urlencode(options, quote_via=quote)


def web(name: str, value: str) -> str:
    """An http address without a slash at its end. Raises :class:`SettingsError` with ``name``."""
    text = value.strip()
    try:
        at = urlsplit(text)
        usable = at.scheme in ("http", "https") and bool(at.hostname) and at.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", text):
        _refuse(name, "no address like http://host:port")
    if at.username is not None:
        _refuse(name, "a user or a password is in the address; they have settings of their own")
    if at.query or at.fragment:
        _refuse(name, "something follows the address after a ? or a #; leave it out")
    return f"{at.scheme}://{at.netloc}{at.path}".rstrip("/")


def broker(value: str) -> Broker:
    """``host``, ``host:port`` or ``mqtt://user:password@host:port``. Raises
    :class:`SettingsError`."""
    scheme, found, rest = value.strip().partition("://")
    if not found:
        scheme, rest = "mqtt", value.strip()
        if rest.count(":") > 1 and not rest.startswith("["):
            return Broker(rest, 0, "", "")
    if scheme.lower() not in ("mqtt", "tcp"):
        _refuse(BROKER, "only mqtt:// (tcp://) is spoken; no TLS, no web sockets")
    login, _, place = rest.rpartition("@")
    try:
        at = urlsplit(f"//{place.rstrip('/')}")
        host, port = at.hostname or "", at.port or 0
    except ValueError:
        host, port, at = "", 0, None
    if not host or at is None or at.path or at.query or at.fragment:
        _refuse(BROKER, "no address like host, host:1883 or mqtt://host:1883")
    user, _, password = login.partition(":")
    return Broker(host, port, unquote(user), unquote(password))


def _refuse(name: str, why: str) -> NoReturn:
    raise SettingsError(f"unusable setting: {name}: {why}")
