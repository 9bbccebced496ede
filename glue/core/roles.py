"""The three roles of people, each containing the one before.

A viewer reads; an operator also handles robots and alerts; an admin also sets what holds for the
whole fleet and keeps the users.
"""

from __future__ import annotations

from typing import Literal

Role = Literal["viewer", "operator", "admin"]

ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
"""Least first."""


def at_least(least: Role) -> tuple[Role, ...]:
    """The roles that may do what ``least`` may."""
    return ROLES[ROLES.index(least) :]


def allows(role: str, least: Role) -> bool:
    """Whether somebody with ``role`` may do what takes ``least``. An unknown role may nothing."""
    return role in at_least(least)
