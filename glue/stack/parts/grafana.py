"""Grafana: what does not change stands in ``grafana/grafana.ini``, the rest in its environment.

Its own database is one in our PostgreSQL. Its provisioning reads secrets from this environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from glue.core import oidc
from glue.core.provisioning import INTERVAL_VARIABLE
from glue.environment import mentioned
from glue.settings import FROM_FILE, Settings, read_files
from glue.stack import lan, probe, public, users
from glue.stack.part import Part, Site
from glue.stack.programs import ProgramMissing, grafana_binary, path_without

DATABASE = "grafana"
STOCK_INTERVAL = 10.0
ROLE = "grafana"
SQL_PROGRAM = "duckdb"
"""What Grafana runs for SQL expressions. In 11.0 every viewer can send one, it can read files of
the machine (CVE-2024-9264), and no setting switches it off; without the program none works."""
METRICS_USER = "metrics"
TOGGLES = "GF_FEATURE_TOGGLES_ENABLE"


def part(
    site: Site, provisioning: Path | None = None, env: Mapping[str, str] | None = None
) -> Part:
    """Dashboards and alert rules. ``provisioning`` and ``env`` replace the shipped in tests."""
    home = site.programs.grafana()
    binary = grafana_binary(home) if home else None
    if home is None or binary is None:
        raise ProgramMissing(
            "Grafana is not on this machine; set GRAFANA_HOME to an unpacked Grafana 11 or newer"
        )
    data = site.data("grafana")
    own = {"grafanas_own": read_files(site.settings.grafanas_own)}
    settings = site.settings.model_copy(update=own)
    shipped = provisioning or site.checkout / "provisioning"
    url = site.settings.grafana.url
    ini = site.checkout / "grafana" / "grafana.ini"
    environ = {
        **mentioned(site.settings, shipped.rglob("*.yml")),
        **environment(settings, site.checkout, data),
        "GF_PATHS_PROVISIONING": str(shipped),
        "PATH": path_without(SQL_PROGRAM, os.environ.get("PATH", "")),
        **(env or {}),
    }
    dashboards = Path(environ["GRAFANA_DASHBOARDS_DIR"])
    reads = [home, binary, ini, *users.below(dashboards, shipped)]
    folders = (home, ini.parent, dashboards, shipped)
    who = users.choose("grafana", reads, probe.port_of(url, 3000), folders)
    server = (str(binary), "server") if binary.name == "grafana" else (str(binary),)
    return Part(
        name="grafana",
        command=(
            *server,
            *("--homepath", str(home)),
            *("--config", str(ini)),
        ),
        env=environ,
        cwd=data,
        user=who.name,
        root_because=who.obstacle,
        shown=who.shown,
        folders=(data, data / "logs", data / "plugins"),
        depends=("postgres", "influxdb"),
        ready=lambda: probe.answers(f"{url}/api/health"),
        port=probe.port_of(url, 3000),
        # Its first start runs some 600 database migrations.
        ready_within=180,
        hung_after=120,
        stop_within=30,
        url=public.grafana(site.settings),
    )


def environment(settings: Settings, checkout: Path, data: Path) -> dict[str, str]:
    """Grafana's environment: what a person set of its own settings, and over that its database, its
    paths, its administrator, where it is reached, what is provisioned. ``GF_…__FILE`` is left to
    Grafana's image, which refuses one beside a value: only where there is none."""
    ours = _ours(settings, checkout, data)
    both = settings.grafanas_own.get(TOGGLES, ""), ours.get(TOGGLES, "")
    joined = {TOGGLES: ",".join(filter(None, both))} if all(both) else {}
    values = {**settings.grafanas_own, **ours, **joined}
    beside = {f"{name}{FROM_FILE}" for name in values}
    return {name: value for name, value in values.items() if name not in beside}


def overruled(settings: Settings) -> list[str]:
    """Names of Grafana's own settings that a person set and that must be ours."""
    in_force = environment(settings, Path(), Path())
    given = settings.grafanas_own
    return sorted(n for n in given if n != TOGGLES and in_force.get(n, "").rstrip("/") != given[n])


def _ours(settings: Settings, checkout: Path, data: Path) -> dict[str, str]:
    postgres, grafana = settings.postgres, settings.grafana
    return {
        "GF_DATABASE_TYPE": "postgres",
        "GF_DATABASE_HOST": f"{postgres.host}:{postgres.port}",
        "GF_DATABASE_NAME": DATABASE,
        "GF_DATABASE_USER": ROLE,
        "GF_DATABASE_PASSWORD": grafana.database_password.get_secret_value(),
        "GF_DATABASE_SSL_MODE": "disable",
        "GF_PATHS_PROVISIONING": str(checkout / "provisioning"),
        "GF_PATHS_DATA": str(data),
        "GF_PATHS_LOGS": str(data / "logs"),
        "GF_PATHS_PLUGINS": str(data / "plugins"),
        "GF_SERVER_HTTP_ADDR": public.grafana_listens(settings),
        "GF_SERVER_HTTP_PORT": str(probe.port_of(grafana.url, 3000)),
        "GF_SERVER_ROOT_URL": f"{public.grafana(settings)}/",
        # Below a path of a proxy it is the proxy that takes the path off, for we ask without it.
        "GF_SERVER_SERVE_FROM_SUB_PATH": "false",
        "GF_SECURITY_ADMIN_USER": grafana.admin_user,
        "GF_SECURITY_ADMIN_EMAIL": grafana.admin_email,
        "GF_SECURITY_ADMIN_PASSWORD": grafana.admin_password.get_secret_value(),
        "GRAFANA_DASHBOARDS_DIR": str(checkout / "grafana" / "dashboards"),
        **_metrics(settings),
        **_pace(settings.glue.evaluation_interval),
        **_sign_on(settings),
    }


def _metrics(settings: Settings) -> dict[str, str]:
    """A password for ``/metrics``, which Grafana gives to everybody that reaches its port."""
    password = settings.grafana.metrics_password.get_secret_value()
    if not lan.is_open(settings.stack.bind):
        return {}
    if not password:
        return {"GF_METRICS_ENABLED": "false"}
    return {
        "GF_METRICS_BASIC_AUTH_USERNAME": METRICS_USER,
        "GF_METRICS_BASIC_AUTH_PASSWORD": password,
    }


def _sign_on(settings: Settings) -> dict[str, str]:
    """Where people give their password: the browser goes to one address of the glue, Grafana's
    server asks at another. What is the same everywhere stands in ``grafana.ini``."""
    secret = settings.sign_on.client_secret.get_secret_value()
    if not secret:
        return {"GF_AUTH_GENERIC_OAUTH_ENABLED": "false"}
    seen, inside = public.glue(settings), settings.glue_for_grafana
    back = urlencode({"post_logout_redirect_uri": f"{public.grafana(settings)}/login"})
    return {
        "GF_AUTH_GENERIC_OAUTH_ENABLED": "true",
        "GF_AUTH_GENERIC_OAUTH_CLIENT_ID": oidc.CLIENT,
        "GF_AUTH_GENERIC_OAUTH_CLIENT_SECRET": secret,
        "GF_AUTH_GENERIC_OAUTH_SCOPES": " ".join(oidc.SCOPES),
        "GF_AUTH_GENERIC_OAUTH_AUTH_URL": f"{seen}/oauth/authorize",
        "GF_AUTH_GENERIC_OAUTH_TOKEN_URL": f"{inside}/oauth/token",
        "GF_AUTH_GENERIC_OAUTH_API_URL": f"{inside}/oauth/userinfo",
        "GF_AUTH_GENERIC_OAUTH_SIGNOUT_REDIRECT_URL": f"{seen}/oauth/logout?{back}",
        "GF_AUTH_GENERIC_OAUTH_AUTO_LOGIN": str(settings.sign_on.auto_login).lower(),
    }


def _pace(interval: float) -> dict[str, str]:
    """How often rules are evaluated. Below its 10 s Grafana needs a toggle and a shorter tick; a
    stock Grafana with a shorter interval than its tick does not start."""
    every = f"{interval:g}s"
    if interval >= STOCK_INTERVAL:
        return {INTERVAL_VARIABLE: every}
    return {
        INTERVAL_VARIABLE: every,
        TOGGLES: "configurableSchedulerTick",
        "GF_UNIFIED_ALERTING_SCHEDULER_TICK_INTERVAL": every,
        "GF_UNIFIED_ALERTING_MIN_INTERVAL": every,
    }
