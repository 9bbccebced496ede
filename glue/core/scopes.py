"""What a machine's token may do: a few areas, each with the least role that may do it.

A route's scope follows from its method, its role and its area; ``session`` is the scope that no
token can have: what only people do, logged in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from glue.core.roles import ROLES, Role, allows

Scope = Literal[
    "read",
    "robots:write",
    "alerts:write",
    "jobs:write",
    "thresholds:write",
    "commands",
    "users:admin",
    "sync",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
SESSION = "session"

LEAST: dict[Scope, Role] = {
    "read": "viewer",
    "robots:write": "operator",
    "alerts:write": "operator",
    "jobs:write": "operator",
    "thresholds:write": "operator",
    "commands": "operator",
    "users:admin": "admin",
    "sync": "admin",
}
"""The role without which a scope opens nothing."""

OF_AREA: dict[str, str] = {
    "robots": "robots:write",
    "alerts": "alerts:write",
    "jobs": "jobs:write",
    "thresholds": "thresholds:write",
    "commands": "commands",
    "users": "users:admin",
    "sync": "sync",
}
"""By the tag of a route. Changes in any other area take a session."""


def of_route(method: str, area: str, least: Role) -> str:
    """The scope of a route. Reading is ``read``, but for what only admins may read."""
    if method == "GET" and least != "admin":
        return "read"
    return OF_AREA.get(area, SESSION)


def beyond(scopes: Iterable[Scope], role: str) -> list[Scope]:
    """Those of ``scopes`` that somebody with ``role`` cannot give."""
    return [scope for scope in scopes if not allows(role, LEAST[scope])]


def least_role(scopes: Iterable[Scope]) -> Role:
    """The least role that can use all of ``scopes``."""
    return max((LEAST[scope] for scope in scopes), key=ROLES.index, default="viewer")
