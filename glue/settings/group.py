"""What every group of settings is made of: a name in the environment, unit, default, reason."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


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
URL = r"^(https?://[^\s/?#]+[^\s?#]*)?$"


class Group(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
