"""Settings from the environment and from files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from glue.settings.group import Group, SettingsError
from glue.settings.notify import Notify
from glue.settings.reports import Reports
from glue.settings.robots import Broker, Fleet
from glue.settings.rules import Rules
from glue.settings.service import Glue, SignOn, Stack
from glue.settings.systems import Grafana, Influx, Postgres


def _default_home() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/tonypi")
    return Path(os.environ.get("XDG_DATA_HOME", "~/.local/share")).expanduser() / "tonypi"


class Settings(BaseModel):
    """All groups. Build with :func:`load`; tests may build it from an explicit environment."""

    model_config = ConfigDict(frozen=True)

    fleet: Fleet
    broker: Broker
    postgres: Postgres
    influx: Influx
    grafana: Grafana
    glue: Glue
    rules: Rules
    sign_on: SignOn
    notify: Notify
    reports: Reports
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


GROUPS: dict[str, type[Group]] = {
    "fleet": Fleet,
    "broker": Broker,
    "postgres": Postgres,
    "influx": Influx,
    "grafana": Grafana,
    "glue": Glue,
    "rules": Rules,
    "sign_on": SignOn,
    "notify": Notify,
    "reports": Reports,
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


def _build(group: type[Group], env: dict[str, str]) -> Group:
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
