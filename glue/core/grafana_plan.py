"""What has to change in Grafana so that it is as wanted: a plan, in the order of its doing.

Touched is what is ours alone: what the plan made (``owned`` has Grafana's id of it), or what is
plainly the same thing after an answer that was lost (an account with name and address of ours, a
folder with uid and title). The rest is a conflict, which is shown and left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from glue.core import grafana_marks as marks
from glue.core import grafana_people as people
from glue.core.definitions import differences
from glue.core.grafana_change import Change, Conflict, Owned, Plan
from glue.core.grafana_desired import DASHBOARDS, OWN
from glue.core.grafana_state import Files, Folder, State, Subject, Team

ORDER = (
    "organisation",
    # A reload finds the rules' folder by its title, and makes another where it is not there.
    "folder change",
    "files",
    "user",
    # Nobody waits longer than needed for these to end.
    "sessions",
    "team",
    # Who leaves the organisation leaves its teams with it.
    "member remove",
    "role",
    "member",
    "folder",
    "permissions",
    "mark",
)
"""What others depend on first: kinds, and a kind's verb where that goes elsewhere."""

CHOSEN = frozenset({DASHBOARDS.uid, OWN.uid})
"""Folders whose uids are ours to choose."""

SHOWN = 5
"""Differences of files that a plan shows."""


def plan(wanted: State, running: State, owned: Owned) -> Plan:
    """Compares two states; ``running`` holds all accounts, and of the rest what bears our names."""
    persons = list(people.accounts(wanted, running, owned))
    strangers = {one.name for one in persons if isinstance(one, Conflict)}
    renamed = _renamed(wanted, running, owned)
    teams = list(_teams(wanted, _by_our_names(running, owned), renamed, owned, strangers))
    foreign = {one.name for one in teams if isinstance(one, Conflict)}
    found = [
        *_files(wanted, running),
        *persons,
        *people.organisations(wanted, running),
        *people.root_role(wanted, running),
        *teams,
        *_folders(wanted, _called_ours(running, renamed), owned, foreign),
        *marks.changes(wanted.marks, running.marks),
        *_sign_outs(wanted, running, owned),
    ]
    changes = [one for one in found if isinstance(one, Change)]
    gone = [
        *people.gone(wanted, running, owned),
        *marks.gone(wanted.marks, running.marks),
        *_in_no_file(wanted, running),
    ]
    changes += [one for one in gone if one.kind == "role"]
    return Plan(
        tuple(sorted(_once(changes), key=_rank)),
        tuple(one for one in found if isinstance(one, Conflict)),
        tuple(one for one in gone if one.kind != "role"),
        (*people.other_admins(running, owned), *running.others),
    )


def _sign_outs(wanted: State, running: State, owned: Owned) -> Iterator[Change]:
    there = {account.id for account in running.accounts.values()}
    for login, since in wanted.sign_outs.items():
        number = owned.get(("user", login), 0)
        if number in there:
            yield Change("sessions", "remove", login, before=since, key=number)


def _files(wanted: State, running: State) -> Iterator[Change]:
    for kind, definitions in wanted.files.items():
        found = list(differences(definitions, running.files.get(kind, {})))
        if found:
            told = [str(one) for one in found[:SHOWN]]
            more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
            yield _reload(kind, [*told, *more], repr(found))


def _in_no_file(wanted: State, running: State) -> Iterator[Change]:
    """Rules and dashboards that came from files where they do not stand any more: Grafana keeps
    them, and goes on alerting by them."""
    for kind, definitions in wanted.files.items():
        for name, told in running.files.get(kind, {}).items():
            if name not in definitions:
                called = name if kind == "alerting" else f"dashboard {name}"
                title = told.get("title")
                yield Change("files", "remove", called, before=title, key=name.rpartition(" ")[2])


def _reload(kind: Files, told: list[str], differ: str) -> Change:
    digest = hashlib.sha256(differ.encode()).hexdigest()
    return Change("files", "reload", kind, after=told, key=kind, digest=digest)


def _by_our_names(running: State, owned: Owned) -> Mapping[str, Team]:
    """Teams whose members are called as we call them, whatever somebody renamed them to."""
    ours = {number: name for (kind, name), number in owned.items() if kind == "user"}
    names = {there.login: ours.get(there.id, there.login) for there in running.accounts.values()}
    return {
        name: Team(name, frozenset(names.get(one, one) for one in team.members), team.id)
        for name, team in running.teams.items()
    }


def _renamed(wanted: State, running: State, owned: Owned) -> dict[str, Team]:
    """Our teams that somebody gave another name, by ours."""
    by_id = {team.id: team for team in running.teams.values()}
    found = {name: by_id.get(owned.get(("team", name), 0)) for name in wanted.teams}
    return {name: team for name, team in found.items() if team and team.name != name}


def _teams(
    wanted: State,
    running: Mapping[str, Team],
    renamed: Mapping[str, Team],
    owned: Owned,
    strangers: set[str],
) -> Iterator[Change | Conflict]:
    for name, declared in wanted.teams.items():
        want = Team(name, declared.members - strangers)
        there = running.get(name)
        if name in renamed:
            if there is not None:
                was = renamed[name].name
                yield Conflict(
                    "team", name, f"ours was renamed to {was} and another has its name; rename that"
                )
                continue
            there = running[renamed[name].name]
            yield Change("team", "change", name, there.name, name, there.id)
        elif there is None:
            yield Change("team", "add", name, after=sorted(want.members))
            there = Team(name)
        elif owned.get(("team", name)) != there.id:
            # One that we had, removed and made again by somebody, is ours all the same.
            if ("team", name) not in owned and not there.members <= wanted.accounts.keys():
                yield Conflict(
                    "team", name, "Grafana has a team of this name with others in it; rename that"
                )
                continue
            yield Change("team", "adopt", name, key=there.id)
        for login in sorted(want.members - there.members):
            yield Change("member", "add", f"{login} in {name}", after=login, key=name)
        for login in sorted(there.members - want.members):
            yield Change("member", "remove", f"{login} in {name}", before=login, key=name)


def _called_ours(running: State, renamed: Mapping[str, Team]) -> Mapping[str, Folder]:
    """Folders whose permissions name our teams as we do, whatever somebody renamed them to."""
    ours: dict[Subject, Subject] = {
        ("team", team.name): ("team", name) for name, team in renamed.items()
    }
    return {
        uid: replace(
            folder, permissions={ours.get(who, who): may for who, may in folder.permissions.items()}
        )
        for uid, folder in running.folders.items()
    }


def _folders(
    wanted: State, running: Mapping[str, Folder], owned: Owned, foreign: set[str]
) -> Iterator[Change | Conflict]:
    """``foreign``: teams of our names that are others'; they get no permission."""
    for uid, declared in wanted.folders.items():
        allowed = {
            subject: level
            for subject, level in declared.permissions.items()
            if subject[0] != "team" or subject[1] not in foreign
        }
        want = Folder(uid, declared.title, allowed)
        there = running.get(uid)
        if there is None:
            if uid == DASHBOARDS.uid:
                # Only its provisioning makes it, whatever became of it.
                yield _reload("dashboards", [f"folder {want.title}"], f"folder {uid}")
                continue
            yield Change("folder", "add", want.title, after=uid, key=uid)
            there = Folder(uid, want.title)
        elif ("folder", uid) not in owned:
            # We chose these uids, and somebody may have had them before. The rules' folder has the
            # uid that Grafana gave it: ours are in it.
            if uid in CHOSEN and there.title != want.title:
                why = f"Grafana has a folder {there.title} of the uid {uid}; give that another uid"
                yield Conflict("folder", want.title, why)
                continue
            yield Change("folder", "adopt", want.title, key=uid)
        if there.title != want.title:
            yield Change("folder", "change", want.title, there.title, want.title, uid)
        if dict(there.permissions) != dict(want.permissions):
            before, after = _permissions(there), _permissions(want)
            yield Change("permissions", "change", want.title, before, after, uid)


def _permissions(folder: Folder) -> dict[str, str]:
    return {f"{kind} {name}": level for (kind, name), level in sorted(folder.permissions.items())}


def _once(changes: Iterable[Change]) -> Iterator[Change]:
    """Files are reloaded once, whatever asks for it."""
    reloaded = set()
    for one in changes:
        if one.kind != "files" or one.key not in reloaded:
            yield one
        if one.kind == "files":
            reloaded.add(one.key)


def _rank(change: Change) -> int:
    special = f"{change.kind} {change.verb}"
    return ORDER.index(special if special in ORDER else change.kind)
