"""Settings as an environment, for the programs we start: Telegraf, Grafana, the glue itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from glue.settings import GROUPS, Settings


def exported(settings: Settings, secrets: bool = True) -> dict[str, str]:
    """Every set setting under its environment name, on demand without ``secrets``. Empty ones are
    left out, but for the URL of Grafana, which is empty where there is none."""
    found: dict[str, str] = {}
    for name, group in GROUPS.items():
        values = getattr(settings, name)
        for field, about in group.model_fields.items():
            name_there = str(about.validation_alias)
            if isinstance(value := getattr(values, field), SecretStr) and not secrets:
                continue
            text = _text(value)
            if text or name_there == "GRAFANA_URL":
                found[name_there] = text
    return found


def mentioned(settings: Settings, files: Iterable[Path]) -> dict[str, str]:
    """The settings that ``files`` refer to, and no other secret: what a program is given."""
    names = {name for file in files for name in variables(file.read_text())}
    return {name: value for name, value in exported(settings).items() if name in names}


def variables(text: str) -> set[str]:
    """Names that ``text`` takes from the environment, as ``$NAME`` or ``${NAME…}``."""
    return set(re.findall(r"\$\{?([A-Z][A-Z0-9_]+)", text))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return str(value.get_secret_value())
    if isinstance(value, dict):
        return json.dumps(value) if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
