"""What Grafana should hold of people and folders, from the rows of PostgreSQL.

An active user is a member of the organisation with the role that goes with theirs, and of the team
of their role. One who is deactivated stays an account without organisation: Grafana refuses to
disable somebody who has signed in through us.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from glue.core.grafana_state import Account, Folder, OrgRole, Subject, Team
from glue.core.grafana_state import Level as Allowed
from glue.core.provisioning import RULE_FOLDER
from glue.core.roles import ROLES

ORG_ROLES: Mapping[str, OrgRole] = {"viewer": "Viewer", "operator": "Editor", "admin": "Admin"}
TEAMS: Mapping[str, str] = {role: f"TonyPi {role}s" for role in ROLES}

DASHBOARDS = Folder("robots", "Robots")
"""Where Grafana puts our dashboards; as provisioning/dashboards/robots.yml."""

KEEP = "TonyPi keeper"
"""An organisation of Grafana's administrator alone. Whoever is Admin of ours may remove members,
and Grafana removes the account of one that is in no other."""

OWN = Folder("own", "Own dashboards")
"""For what people make themselves. Only the folder is ours; what is in it is never touched."""

_READ: Mapping[Subject, Allowed] = {
    ("role", "Viewer"): "View",
    ("role", "Editor"): "View",
    ("team", TEAMS["admin"]): "Admin",
}
_WRITE: Mapping[Subject, Allowed] = {
    ("role", "Viewer"): "View",
    ("role", "Editor"): "Edit",
    ("team", TEAMS["operator"]): "Edit",
    ("team", TEAMS["admin"]): "Admin",
}


class Person(Protocol):
    """A row of ``users``."""

    @property
    def id(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def is_active(self) -> bool: ...


def accounts(people: Iterable[Person]) -> dict[str, Account]:
    """By login. Where an adopted table has two of one name or address, the first counts that is
    active: Grafana takes neither twice."""
    wanted: dict[str, Account] = {}
    addresses: set[str] = set()
    for person in sorted(people, key=lambda one: not one.is_active):
        login, email = person.username.lower(), person.email.lower()
        if login in wanted or email in addresses:
            continue
        role = ORG_ROLES.get(person.role) if person.is_active else None
        wanted[login] = Account(login, email, person.username, role, user_id=person.id)
        addresses.add(email)
    return wanted


def root(login: str, email: str) -> Account:
    """Grafana's own administrator, as its settings name it: who writes all of this."""
    return Account(login.lower(), email.lower(), login, role="Admin", server_admin=True)


def teams(wanted: Mapping[str, Account]) -> dict[str, Team]:
    """One a role, by name."""
    return {
        name: Team(
            name, frozenset(one.login for one in wanted.values() if one.role == ORG_ROLES[role])
        )
        for role, name in TEAMS.items()
    }


def folders(rules_uid: str | None) -> dict[str, Folder]:
    """By uid. ``rules_uid`` is that of the rules' folder, None while Grafana has not made it: it
    takes no uid from us."""
    found = [
        Folder(DASHBOARDS.uid, DASHBOARDS.title, _READ),
        Folder(OWN.uid, OWN.title, _WRITE),
    ]
    if rules_uid:
        found.append(Folder(rules_uid, RULE_FOLDER, _READ))
    return {folder.uid: folder for folder in found}
