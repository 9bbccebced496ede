"""The bucket and its accounts: who may write, who may read, how long points are kept.

On 1.12 an account is a user with a privilege on the database and its token is ``user:password``,
so we choose the tokens; 2.x chooses them, tells them once and keeps hashes (since 2.9). Hence
:func:`prepare` takes the settings as they are and returns the tokens that are in force. It is
harmless the second time. How long points are kept is changed where ``INFLUXDB_RETENTION_DAYS`` is
set, and only there: a shorter time deletes points.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from pydantic import SecretStr

from glue import blocking
from glue.core.limit_points import DATABASE
from glue.series import retention
from glue.series.direct import DIRECT
from glue.series.query import SeriesError, SeriesUnavailable, answering, quote
from glue.settings import Influx

PATIENCE = 20.0
"""Seconds to wait for an answer; a first start on a Raspberry Pi is slow."""


@dataclass(frozen=True)
class InForce:
    """Administrator's, Telegraf's (writes the bucket) and Grafana's (reads the bucket and the
    limits) tokens, that of who writes the limits, and the days that the bucket keeps points."""

    admin: str
    telegraf: str
    grafana: str
    limits: str
    kept_days: float


class _Generation(Protocol):
    def prepare(self, settings: Influx, chosen: bool) -> InForce: ...
    def make_limits(self, settings: Influx) -> None: ...


def prepare(settings: Influx, chosen: bool = True) -> InForce:
    """Make bucket, retention and accounts as ``settings`` say; returns what is in force.

    ``chosen`` False: nobody keeps a token for the limits that a 2.x chooses, so none is made.
    Raises :class:`SeriesUnavailable` when InfluxDB does not answer, :class:`SeriesError` when it
    refuses.
    """
    with httpx.Client(base_url=settings.url, timeout=PATIENCE, mounts=DIRECT) as client:
        return _generation(client).prepare(settings, chosen)


def make_limits(settings: Influx) -> None:
    """Make the limits' database, which Grafana's account may read, with the glue's own token.

    Raises :class:`SeriesUnavailable` when InfluxDB does not answer, :class:`SeriesError` when it
    refuses. On 2.x a token has the rights that it was made with: Grafana's is left as it is.
    """
    with httpx.Client(base_url=settings.url, timeout=PATIENCE, mounts=DIRECT) as client:
        _generation(client).make_limits(settings)


def reset_administrator(url: str, settings: Influx) -> None:
    """Give a 1.x that asks for no password (``auth-enabled = false``) the administrator of
    ``settings.token``, made or with a new password.

    Raises :class:`SeriesUnavailable` when it does not answer, :class:`SeriesError` when it refuses.
    """
    with httpx.Client(base_url=url, timeout=PATIENCE, mounts=DIRECT) as client:
        _First(client).reset(_login(_as_login("tonypi", settings.token), "INFLUXDB_TOKEN"))


def version(url: str) -> str:
    """What InfluxDB says of itself: ``1.12.4``, ``v2.9.1``; ``1.x`` where it was built unstamped.

    Raises :class:`SeriesUnavailable` when it does not answer.
    """
    with httpx.Client(base_url=url, timeout=PATIENCE, mounts=DIRECT) as client:
        stamped = str(_send(client, "GET", "/ping").headers.get("X-Influxdb-Version", ""))
        if any(c.isdigit() for c in stamped):
            return stamped
        return "2.x" if _speaks_second(client) else "1.x"


def _generation(client: httpx.Client) -> _Generation:
    return _Second(client) if _speaks_second(client) else _First(client)


def _speaks_second(client: httpx.Client) -> bool:
    # 1.12 has parts of the 2.x API, but nothing to set up.
    return _send(client, "GET", "/api/v2/setup").status_code == 200


def _send(client: httpx.Client, method: str, path: str, **kw: Any) -> httpx.Response:
    with answering(str(client.base_url)):
        response = client.request(method, path, **kw)
    if response.status_code >= 500:
        raise SeriesUnavailable(f"InfluxDB answers {response.status_code}: {response.text[:300]}")
    return response


def _as_login(user: str, token: SecretStr) -> str:
    """``user:password``; a token that a 2.x chose is the password, where its backup came here."""
    given = token.get_secret_value()
    # It has 88 characters; a password's hash is of 72 at most.
    return given if ":" in given or not given else f"{user}:{given[:72]}"


def _login(token: str, what: str) -> tuple[str, str]:
    user, colon, password = token.partition(":")
    if not (user and colon and password):
        raise SeriesError(f"{what} must be user:password for InfluxDB 1.x; set it so")
    return user, password


class _First:
    """InfluxDB 1.12, administered with InfluxQL."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def prepare(self, settings: Influx, chosen: bool) -> InForce:
        admin = _login(_as_login("tonypi", settings.token), "INFLUXDB_TOKEN")
        self._administrator(admin)
        self._bucket(admin, settings)
        tokens = InForce(
            ":".join(admin),
            _as_login("telegraf", settings.telegraf_token),
            _as_login("grafana", settings.grafana_token),
            _as_login("limits", settings.limits_token),
            _kept_days(settings, ":".join(admin)),
        )
        telegraf = _login(tokens.telegraf, "INFLUXDB_TELEGRAF_TOKEN")
        self._account(admin, telegraf, "WRITE", settings.bucket)
        grafana = _login(tokens.grafana, "INFLUXDB_GRAFANA_TOKEN")
        self._account(admin, grafana, "READ", settings.bucket, DATABASE)
        if tokens.limits:
            limits = _login(tokens.limits, "INFLUXDB_LIMITS_TOKEN")
            self._account(admin, limits, "WRITE", DATABASE)
        return tokens

    def _administrator(self, admin: tuple[str, str]) -> None:
        # Without any user yet, exactly this one statement is allowed to everybody.
        refused = self._refusal("SHOW USERS", admin)
        if refused and "create admin user first" in refused:
            user, password = admin
            self._do(
                f"CREATE USER {_name(user)} WITH PASSWORD {quote(password)} WITH ALL PRIVILEGES"
            )
        elif refused:
            raise SeriesError(f"InfluxDB refuses INFLUXDB_TOKEN: {refused}")

    def reset(self, admin: tuple[str, str]) -> None:
        user, password = admin
        named, secret = _name(user), quote(password)
        self._do(
            f"CREATE USER {named} WITH PASSWORD {secret} WITH ALL PRIVILEGES",
            tolerate="user already exists",
        )
        self._do(f"SET PASSWORD FOR {named} = {secret}")
        self._do(f"GRANT ALL PRIVILEGES TO {named}")

    def _bucket(self, admin: tuple[str, str], settings: Influx) -> None:
        """Make it where it is not there."""
        bucket = _name(settings.bucket)
        results = self._answer(f"SHOW RETENTION POLICIES ON {bucket}", admin).json()
        if not any(
            series.get("values")
            for each in results.get("results", [])
            for series in each.get("series", [])
        ):
            lasts = retention.lasts(settings.kept_days)
            self._do(f'CREATE DATABASE {bucket} WITH {lasts} NAME "autogen"', admin)
        self._limits(admin)

    def _limits(self, login: tuple[str, str]) -> None:
        # Limits have no age. Harmless where it is there.
        self._do(f'CREATE DATABASE {DATABASE} WITH DURATION INF NAME "autogen"', login)

    def make_limits(self, settings: Influx) -> None:
        own = _login(_as_login("tonypi", settings.token), "INFLUXDB_TOKEN")
        self._limits(own)
        user = settings.grafana_token.get_secret_value().partition(":")[0]
        if user:
            self._do(f"GRANT READ ON {DATABASE} TO {_name(user)}", own)

    def _account(
        self, admin: tuple[str, str], login: tuple[str, str], right: str, *databases: str
    ) -> None:
        user, password = login
        self._do(
            f"CREATE USER {_name(user)} WITH PASSWORD {quote(password)}",
            admin,
            tolerate="user already exists",
        )
        self._do(f"SET PASSWORD FOR {_name(user)} = {quote(password)}", admin)
        for database in databases:
            self._do(f"GRANT {right} ON {_name(database)} TO {_name(user)}", admin)

    def _do(
        self, statement: str, login: tuple[str, str] | None = None, tolerate: str | None = None
    ) -> None:
        refused = self._refusal(statement, login)
        if refused and not (tolerate and tolerate in refused):
            # Up to the first quote, behind which a password may stand.
            said = statement.partition("'")[0].strip()
            raise SeriesError(f"InfluxDB refuses {said!r}: {refused}")

    def _refusal(self, statement: str, login: tuple[str, str] | None) -> str | None:
        response = self._answer(statement, login)
        answer = response.json() if response.content else {}
        inner = next((r["error"] for r in answer.get("results", []) if "error" in r), None)
        if refused := answer.get("error") or inner:
            return str(refused)
        return None if response.is_success else f"status {response.status_code}"

    def _answer(self, statement: str, login: tuple[str, str] | None) -> httpx.Response:
        auth = login or httpx.Auth()
        return _send(self._client, "POST", "/query", data={"q": statement}, auth=auth)


def _kept_days(settings: Influx, admin: str) -> float:
    """Days that the bucket keeps points, after it was made to keep them as ``settings`` say."""
    in_force = settings.model_copy(update={"token": SecretStr(admin)})
    return retention.days(blocking.run(retention.keep(in_force)).now)


def _name(identifier: str) -> str:
    return '"' + identifier.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Second:
    """InfluxDB 2.x, administered through its API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def prepare(self, settings: Influx, chosen: bool) -> InForce:
        # Its /query takes everything with a colon for a 1.x login, so the password alone is ours.
        admin = settings.token.get_secret_value().rpartition(":")[2]
        self._set_up(settings, admin)
        self._client.headers["Authorization"] = f"Token {admin}"
        self._administrator(settings)
        org = self._only("orgs", {"org": settings.org})["id"]
        bucket = self._bucket(settings.bucket, retention.rules(settings.kept_days), org)
        limit_bucket = self._bucket(DATABASE, [], org)
        telegraf = settings.telegraf_token.get_secret_value()
        if not (telegraf and self._writes(settings.org, settings.bucket, telegraf)):
            telegraf = self._authorization(org, "write", bucket)
        grafana = settings.grafana_token.get_secret_value()
        if not (grafana and self._reads(grafana, bucket, limit_bucket)):
            grafana = self._authorization(org, "read", bucket, limit_bucket)
        limits = settings.limits_token.get_secret_value()
        if not (limits and self._writes(settings.org, DATABASE, limits)):
            limits = ""
        if chosen and not limits:
            limits = self._authorization(org, "write", limit_bucket, of=f" of {settings.bucket}")
        return InForce(admin, telegraf, grafana, limits, _kept_days(settings, admin))

    def make_limits(self, settings: Influx) -> None:
        self._client.headers["Authorization"] = f"Token {settings.token.get_secret_value()}"
        org = self._only("orgs", {"org": settings.org})["id"]
        self._bucket(DATABASE, [], org)

    def _set_up(self, settings: Influx, admin: str) -> None:
        if not self._ask("GET", "setup").get("allowed"):
            return
        body = {
            "username": "tonypi",
            # Nobody logs in with it; the token is what we use.
            "password": admin[:72],
            "token": admin,
            "org": settings.org,
            "bucket": settings.bucket,
            "retentionPeriodSeconds": round(settings.kept_days * retention.DAY_S),
        }
        self._ask("POST", "setup", json=body)

    def _administrator(self, settings: Influx) -> None:
        # Of those who may not, some are refused and some are told of nothing.
        answer = _send(self._client, "GET", "/api/v2/orgs", params={"limit": "1"})
        if answer.status_code == 401:
            raise SeriesError(
                f"InfluxDB at {settings.url} refuses INFLUXDB_TOKEN: it was set up before, with "
                "another. Set that one; if it is lost, stop InfluxDB and let it write a new one: "
                "influxd recovery auth create-operator --org ORG --username USER"
            )

    def _bucket(self, name: str, rules: list[dict[str, Any]], org: str) -> str:
        """Make it where it is not there, with its retention rules; its id."""
        asked = {"orgID": org, "name": name}
        found = self._ask("GET", "buckets", absent=404, params=asked).get("buckets")
        if not found:
            found = [self._ask("POST", "buckets", json={**asked, "retentionRules": rules})]
        bucket = str(found[0]["id"])
        self._mapping(name, org, bucket)
        return bucket

    def _mapping(self, name: str, org: str, bucket: str) -> None:
        """InfluxQL asks a database; without a mapping some 2.x have none of the bucket's name."""
        found = self._ask("GET", "dbrps", params={"orgID": org, "db": name})
        if any(m.get("bucketID") == bucket and not m.get("virtual") for m in found["content"]):
            return
        body = {
            "orgID": org,
            "bucketID": bucket,
            "database": name,
            "retention_policy": "autogen",
            "default": True,
        }
        self._ask("POST", "dbrps", json=body)

    # A token is tried rather than looked up, because 2.9 lists none of them. The first case is a
    # fresh home's, whose generated tokens this InfluxDB has never seen.
    def _writes(self, org: str, bucket: str, token: str) -> bool:
        """Whether ``token`` may write to the bucket: then an empty write is only empty."""
        answer = _send(
            self._client,
            "POST",
            "/api/v2/write",
            params={"org": org, "bucket": bucket},
            headers={"Authorization": f"Token {token}"},
        )
        return answer.status_code not in (401, 403, 404)

    def _reads(self, token: str, *buckets: str) -> bool:
        """Whether ``token`` may read each of the buckets."""
        headers = {"Authorization": f"Token {token}"}
        return all(
            _send(self._client, "GET", f"/api/v2/buckets/{one}", headers=headers).status_code == 200
            for one in buckets
        )

    def _authorization(self, org: str, right: str, *buckets: str, of: str = "") -> str:
        """A new token with one right on the buckets. Those that it replaces end: nobody knows them,
        or somebody does who should not."""
        description = f"tonypi {right}{of}"
        found = self._ask("GET", "authorizations", params={"orgID": org})["authorizations"]
        body = {
            "orgID": org,
            "description": description,
            "permissions": [
                {"action": right, "resource": {"type": "buckets", "id": one, "orgID": org}}
                for one in buckets
            ],
        }
        made = str(self._ask("POST", "authorizations", json=body)["token"])
        for old in found:
            if old.get("description") == description and _is_of(buckets, old):
                self._ask("DELETE", f"authorizations/{old['id']}")
        return made

    def _only(self, noun: str, params: dict[str, str]) -> dict[str, Any]:
        found = self._ask("GET", noun, params=params)[noun]
        if not found:
            raise SeriesError(f"InfluxDB has none of {noun} with {params}; make it or change it")
        return dict(found[0])

    def _ask(self, method: str, path: str, absent: int = 0, **kw: Any) -> dict[str, Any]:
        """The answer, {} where its status is ``absent``."""
        response = _send(self._client, method, f"/api/v2/{path}", **kw)
        if response.status_code == absent:
            return {}
        if not response.is_success:
            raise SeriesError(f"InfluxDB refuses {method} {path}: {response.text[:300]}")
        return dict(response.json()) if response.content else {}


def _is_of(buckets: Collection[str], authorization: dict[str, Any]) -> bool:
    """Whether it is about the first of ``buckets`` and no others than these."""
    permissions = authorization.get("permissions", [])
    about = {p.get("resource", {}).get("id") for p in permissions}
    return next(iter(buckets)) in about and about <= {*buckets}
