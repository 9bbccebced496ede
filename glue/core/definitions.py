"""What the files that Grafana reads define, and whether a running Grafana holds it.

Compared both ways: what a file says must run, and what runs must stand in the file, or a member
that was taken out of a rule would go on deciding. What Grafana adds of its own (ids, versions,
defaults) is no difference, and secrets cannot be read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from glue.core.grafana_state import Definitions

NOT_SHOWN = frozenset({"secureJsonData", "authorization_credentials", "password"})
"""Members that Grafana keeps to itself."""

NOT_DEFINED = frozenset({"id", "version", "iteration", "orgId", "editable", "apiVersion"})
"""Members that count for the file or for Grafana alone."""

NOT_WRITTEN = frozenset(
    (
        *("folder", "dasboardUid", "dashboardUid", "panelId", "guid", "provenance", "updated"),
        *("typeName", "typeLogoUrl", "readOnly", "pluginVersion"),
    )
)
"""Members that Grafana tells and no file of ours needs: of rules (also as 11.0 misspells them), of
data sources, of panels."""

ASSUMED = {
    "access": "proxy",
    "execErrState": "Alerting",
    "for": "0s",
    "intervalMs": 1000,
    "maxDataPoints": 43200,
    "noDataState": "NoData",
}
"""What Grafana takes where a file says nothing."""

MISSING = "missing"
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Difference:
    """``where`` in the definition ``name`` the running one is not as the file has it."""

    name: str
    where: str
    wanted: Any
    running: Any

    def __str__(self) -> str:
        place = f"{self.name} {self.where}".strip()
        return f"{place}: {_short(self.running)} → {_short(self.wanted)}"


def differences(wanted: Definitions, running: Definitions) -> Iterator[Difference]:
    """Each place where a definition of ``wanted`` and the running one of that name differ."""
    for name, definition in wanted.items():
        if name not in running:
            yield Difference(name, "", "defined in a file", MISSING)
        else:
            yield from _compare(name, "", definition, running[name])


def _compare(name: str, where: str, wanted: Any, running: Any) -> Iterator[Difference]:
    if isinstance(wanted, Mapping) and isinstance(running, Mapping):
        for member in {**wanted, **running}:
            if member in NOT_SHOWN or member in NOT_DEFINED or _added(member, wanted, running):
                continue
            place = f"{where}.{member}".lstrip(".")
            yield from _compare(name, place, wanted.get(member), running.get(member))
    elif isinstance(wanted, list) and isinstance(running, list) and len(wanted) == len(running):
        for n, (one, other) in enumerate(zip(wanted, running, strict=True)):
            yield from _compare(name, f"{where}[{n}]", one, other)
    elif not _same(wanted, running):
        yield Difference(name, where, wanted, running)


def _added(member: str, wanted: Mapping[str, Any], running: Mapping[str, Any]) -> bool:
    """Whether only Grafana tells of it, by itself."""
    if member in wanted:
        return False
    return member in NOT_WRITTEN or running[member] == ASSUMED.get(member, object())


def _same(wanted: Any, running: Any) -> bool:
    """Grafana leaves out what is empty, false or zero."""
    return bool(wanted == running or (not wanted and not running))


def expanded(value: Any, environment: Mapping[str, str]) -> Any:
    """``value`` with ``$NAME`` and ``${NAME}`` from ``environment``, as Grafana expands files; a
    name that is not there becomes empty, and a whole number one, as there."""
    if isinstance(value, Mapping):
        return {key: expanded(inner, environment) for key, inner in value.items()}
    if isinstance(value, list):
        return [expanded(inner, environment) for inner in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda m: environment.get(m[1] or m[2], ""), value)
    return value


def duration(text: str) -> str:
    """Whole seconds (``90s``) as Grafana prints them (``1m30s``); anything else as it is."""
    if not (seconds := re.fullmatch(r"(\d+)s", text)):
        return text
    left, parts = int(seconds[1]), []
    for unit, length in (("h", 3600), ("m", 60), ("s", 1)):
        many, left = divmod(left, length)
        parts.append(f"{many}{unit}" if many else "")
    return "".join(parts) or "0s"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
