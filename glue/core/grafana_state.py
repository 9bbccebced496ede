"""What we own in Grafana, as values: wanted, or read from a running one.

Names are what people say (login, team name, folder uid); ``id`` is Grafana's number where it offers
nothing better, 0 where nothing has one yet. Logins and addresses are in small letters, as Grafana
keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

OrgRole = Literal["Viewer", "Editor", "Admin"]
Level = Literal["View", "Edit", "Admin"]
"""What a permission on a folder allows."""

Subject = tuple[Literal["role", "team", "user"], str]
"""Who has a permission: ``("role", "Viewer")``, ``("team", "TonyPi operators")``, a login."""

Files = Literal["datasources", "dashboards", "alerting"]
"""A kind of what Grafana reads from files, named as its reload call names it."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of Grafana. ``role`` is the one in our organisation; None: no member of it.

    ``external``: has signed in through us before. Grafana then lets nobody change name and address;
    they follow ours at the next sign-in. ``user_id``: of the row of ``users``, for one that is
    wanted.
    """

    login: str
    email: str
    name: str
    role: OrgRole | None
    id: int = 0
    server_admin: bool = False
    external: bool = False
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """A team and the logins of its members."""

    name: str
    members: frozenset[str] = frozenset()
    id: int = 0


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, and who may do what in it (inherited permissions left out)."""

    uid: str
    title: str
    permissions: Mapping[Subject, Level] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation of ours. Times are milliseconds since 1970; ``until`` None: a moment. ``key``
    is one of its tags and names it for good: Grafana's ids do not survive a lost answer."""

    key: str
    at: int
    until: int | None
    text: str
    tags: frozenset[str]
    id: int = 0


Definitions = Mapping[str, Mapping[str, Any]]
"""What one kind of file defines, by name: data source uid, dashboard uid, ``rule <uid>``,
``contact point <name>``."""


@dataclass(frozen=True, slots=True)
class State:
    """All of it. Keys: login, team name, folder uid, mark key, kind of files. ``root`` is Grafana's
    own administrator, wanted only; ``organisations`` are those that it is in, by name; ``others``
    tells of what may act in Grafana and is not ours. ``sign_outs``: logins of ours whose sessions
    in Grafana are to be ended, and since when (as text)."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    folders: Mapping[str, Folder] = field(default_factory=dict)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    files: Mapping[Files, Definitions] = field(default_factory=dict)
    root: Account | None = None
    organisations: frozenset[str] = frozenset()
    others: tuple[str, ...] = ()
    sign_outs: Mapping[str, str] = field(default_factory=dict)
