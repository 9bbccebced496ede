"""What every group of settings is made of: a name in the environment, unit, default, reason."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


class SettingsError(Exception):
    """A setting is missing or unusable; the text names it and says what to do."""


def setting(default: Any, env: str, reason: str, unit: str = "", **kw: Any) -> Any:
    return Field(
        default,
        validation_alias=env,
        description=reason,
        json_schema_extra={"unit": unit} if unit else None,
        **kw,
    )


Port = Annotated[int, Field(ge=1, le=65535)]


def _sent_in_a_header(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isascii():
        raise ValueError("it is sent in an HTTP header, which takes ASCII characters alone")
    return value


def _influx_token(value: SecretStr) -> SecretStr:
    text = _sent_in_a_header(value).get_secret_value()
    if " " in text or text.count(":") > 1:
        raise ValueError("InfluxDB takes no space in it, and no : but the one behind the user")
    return value


def _not_expanded(value: str) -> str:
    if re.search(r"\$(__\w+)?\{", value):
        raise ValueError("Grafana takes ${…} and $__env{…} in it for a variable; leave out the ${")
    return value


def _secret_not_expanded(value: SecretStr) -> SecretStr:
    _not_expanded(value.get_secret_value())
    return value


HeaderSecret = Annotated[SecretStr, AfterValidator(_sent_in_a_header)]
InfluxToken = Annotated[SecretStr, AfterValidator(_influx_token)]
GrafanaText = Annotated[str, AfterValidator(_not_expanded)]
GrafanaSecret = Annotated[SecretStr, AfterValidator(_secret_not_expanded)]
"""Reach Grafana through its environment, which it expands."""


class Group(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
