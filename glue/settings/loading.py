"""Settings from the environment and from files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from glue.settings import addresses, envfile, servers
from glue.settings.durations import SECONDS, BadDuration, duration
from glue.settings.group import Group, SettingsError
from glue.settings.notify import Notify
from glue.settings.reports import Reports
from glue.settings.robots import Broker, Fleet
from glue.settings.rules import Rules
from glue.settings.service import Glue, SignOn, Stack
from glue.settings.systems import Grafana, Influx, Postgres

DOTENV = ".env"
STACK_ENV = "stack.env"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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
    grafanas_own: dict[str, str] = {}
    """Grafana's own settings (``GF_…``) that are none of ours, by their names."""

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


GRAFANAS = "GF_"
"""Grafana's own settings in the environment, https://grafana.com/docs/grafana/latest/setup-grafana/\
configure-grafana/#override-configuration-with-environment-variables"""
FROM_FILE = "__FILE"
"""At the end of such a name: the value is a file that holds the setting."""


OF_ONE_START = {
    *("TONYPI_HOME", "GLUE_DEMO"),
    *("INFLUXDB_RETENTION_DAYS", "INFLUXDB_KEPT_DAYS"),
}
"""Never kept: see :func:`kept`."""


def names() -> dict[str, Any]:
    """The environment name of each setting, with its field."""
    return {
        str(field.validation_alias): field
        for group in GROUPS.values()
        for field in group.model_fields.values()
    }


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment and the files named in this package's docstring.

    Raises :class:`SettingsError` naming the variable and what it takes.
    """
    env = dict(os.environ) if environ is None else dict(environ)
    home = Path(env.get("TONYPI_HOME") or _default_home())
    kept = addresses.spelled_out(envfile.read(home / STACK_ENV, None).values)
    here = given(env)
    not_theirs = servers.of_other_servers(here, kept)
    kept = {name: value for name, value in kept.items() if name not in not_theirs}
    merged = {**without_other_form(kept, here), **here}
    merged["TONYPI_HOME"] = str(home)
    groups: dict[str, Any] = {name: _build(group, merged) for name, group in GROUPS.items()}
    return Settings(**groups, grafanas_own={n: v for n, v in merged.items() if _is_theirs(n)})


def _is_theirs(name: str) -> bool:
    return name.startswith(GRAFANAS) and name.removesuffix(FROM_FILE) not in names()


def without_other_form(kept: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """``kept`` without Grafana's own settings that ``given`` has in the other form: as a value, or
    as the file that holds it."""
    other = {
        name.removesuffix(FROM_FILE) if name.endswith(FROM_FILE) else f"{name}{FROM_FILE}"
        for name in filter(_is_theirs, given)
    }
    return {name: value for name, value in kept.items() if name not in other}


def read_files(grafanas_own: Mapping[str, str]) -> dict[str, str]:
    """Grafana's own settings with the content of ``GF_…__FILE`` in its place; what is given as a
    value as well stays. Raises :class:`SettingsError` for a file that cannot be read."""
    values = {n: v for n, v in grafanas_own.items() if not n.endswith(FROM_FILE)}
    for pointer, path in grafanas_own.items():
        name = pointer.removesuffix(FROM_FILE)
        if name != pointer and path and not values.get(name):
            values[name] = _secret_file(pointer, path)
    return values


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """What a person said: ``environ`` over ``.env`` in the working directory, addresses and secrets
    in files spelled out. Raises :class:`SettingsError`."""
    there = envfile.read(Path.cwd() / DOTENV, environ)
    merged = {**there.values, **environ}
    known = names()
    for name in sorted(there.blank - set(environ)):
        if name in known or name.startswith(GRAFANAS):
            raise SettingsError(
                f"unusable setting: {name} in {DOTENV} has a $ that names a variable which is not"
                " set; single quotes around the value leave it as it is"
            )
    for name, field in known.items():
        _read_secret(name, field, merged)
    return addresses.spelled_out(merged)


def kept(environ: Mapping[str, str]) -> dict[str, str]:
    """What of ``environ`` holds until something else is said: each setting that is given there, and
    Grafana's own. Not what is of one start alone, and not how long the bucket keeps its points,
    which the bucket knows; of ``DATABASE_URL`` what it stands for and its options. Raises
    :class:`SettingsError`."""
    known = names()
    values = addresses.spelled_out(environ)
    if values.get(addresses.DATABASE):
        values[addresses.DATABASE] = addresses.kept_of_database(values[addresses.DATABASE])
    return {
        name: value
        for name, value in values.items()
        if value and name not in OF_ONE_START and (name in known or name.startswith(GRAFANAS))
    }


def _read_secret(name: str, field: Any, env: dict[str, str]) -> None:
    """Put the content of ``NAME_FILE`` (``NAME__FILE``, as Grafana's image has it) in its place."""
    pointers = [f"{name}_FILE", *([f"{name}{FROM_FILE}"] if name.startswith(GRAFANAS) else [])]
    for pointer in pointers:
        if field.annotation is SecretStr and not env.get(name) and env.get(pointer):
            env[name] = _secret_file(pointer, env[pointer])


def _build(group: type[Group], env: dict[str, str]) -> Group:
    values: dict[str, Any] = {}
    for field in group.model_fields.values():
        key = str(field.validation_alias)
        # An empty variable is one that was not set (Compose passes those), but for this one.
        if env.get(key) or (key == "GRAFANA_URL" and key in env):
            values[key] = env[key]
            if field.annotation in (str, SecretStr) and _CONTROL.search(env[key]):
                raise SettingsError(
                    f"unusable setting: {key}: it has a control character, like a line break"
                )
            if (unit := _seconds(field)) is not None:
                values[key] = _number(values[key], unit)
    if "FLEET_ROBOT_TZ" in values:
        values["FLEET_ROBOT_TZ"] = _json("FLEET_ROBOT_TZ", values["FLEET_ROBOT_TZ"])
    try:
        return group.model_validate(values)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise SettingsError("unusable setting: " + "; ".join(lines)) from None


def _seconds(field: FieldInfo) -> float | None:
    """Of the unit of a setting that is a duration."""
    extra = field.json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return SECONDS.get({"days": "d", "min": "m"}.get(str(unit), str(unit)))


def _number(text: str, unit: float) -> float | str:
    """``text`` in the setting's unit where it is a duration with units of its own."""
    try:
        float(text)
    except ValueError:
        with suppress(BadDuration):
            return duration(text).total_seconds() / unit
    return text


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise SettingsError(f"unusable setting: {name}: not JSON: {error}") from None


def _secret_file(name: str, path: str) -> str:
    try:
        # The line break at its end is the editor's; a space may be the password's.
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingsError(f"unusable setting: {name}: cannot read {path}: {why}") from None
