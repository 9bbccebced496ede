"""What has to change in Grafana so that it is as wanted: a plan, in the order of its doing.

Touched is what is ours alone: what the plan made (``owned`` has Grafana's id of it), or what is
plainly the same thing after an answer that was lost (an account with name and address of ours). The
rest is a conflict, which is shown and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from glue.core.definitions import differences
from glue.core.grafana_desired import DASHBOARDS
from glue.core.grafana_state import Account, Folder, Level, Mark, State, Subject, Team

Kind = Literal[
    "organisation", "files", "user", "role", "team", "member", "folder", "permissions", "mark"
]
Verb = Literal["add", "adopt", "change", "remove", "reload"]

ORDER = (
    "organisation",
    # A reload finds the rules' folder by its title, and makes another where it is not there.
    "folder change",
    "files",
    "user",
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

Owned = Mapping[tuple[str, str], int]
"""Grafana's id by (``user`` or ``team``, name) of what we made."""

FIRST_ADDRESS = "admin@localhost"
"""What Grafana gives its administrator, unless told."""

SHOWN = 5
"""Differences of files that a plan shows."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write. ``name`` is whom people know it by; ``key`` what Grafana does, where that differs
    (an id, a uid). ``before`` and ``after`` are JSON values, None: it was, it will not be there."""

    kind: Kind
    verb: Verb
    name: str
    before: Any = None
    after: Any = None
    key: int | str = 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something of others stands where ours should be."""

    kind: Kind
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``changes`` are done by an apply, ``leftovers`` (ours, wanted no more) only by a prune.
    ``others`` may act in Grafana and are nobody's of ours: people look at them."""

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    leftovers: tuple[Change, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def drift(self) -> bool:
        """Whether an apply would write anything."""
        return bool(self.changes)


def plan(wanted: State, running: State, owned: Owned) -> Plan:
    """Compares two states; ``running`` holds all accounts, and of the rest what bears our names."""
    people = list(_accounts(wanted, running, owned))
    strangers = {one.name for one in people if isinstance(one, Conflict)}
    people += [*_organisations(wanted, running), *_root_role(wanted, running)]
    teams = list(_teams(wanted, _by_our_names(running, owned), owned, strangers))
    foreign = {one.name for one in teams if isinstance(one, Conflict)}
    found = [
        *_files(wanted, running),
        *people,
        *teams,
        *_folders(wanted, running, foreign),
        *_marks(wanted.marks, running.marks),
    ]
    changes = [one for one in found if isinstance(one, Change)]
    gone = [*_gone_accounts(wanted, running, owned), *_gone_marks(wanted.marks, running.marks)]
    changes += [one for one in gone if one.kind == "role"]
    return Plan(
        tuple(sorted(_once(changes), key=_rank)),
        tuple(one for one in found if isinstance(one, Conflict)),
        tuple(one for one in gone if one.kind != "role"),
        (*_other_admins(running, owned), *running.others),
    )


def _files(wanted: State, running: State) -> Iterator[Change]:
    for kind, definitions in wanted.files.items():
        found = [str(one) for one in differences(definitions, running.files.get(kind, {}))]
        if found:
            more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
            yield Change("files", "reload", kind, after=[*found[:SHOWN], *more], key=kind)


def _accounts(wanted: State, running: State, owned: Owned) -> Iterator[Change | Conflict]:
    if wanted.root:
        yield from _root(wanted.root, running)
    by_id = {one.id: one for one in running.accounts.values()}
    for login, want in wanted.accounts.items():
        there = by_id.get(owned.get(("user", login), 0)) or running.accounts.get(login)
        if there is None:
            # Who is deactivated needs no account.
            if want.role is None:
                continue
            other = next((a for a in running.accounts.values() if a.email == want.email), None)
            if other is not None:
                yield Conflict("user", login, _foreign(other, "its address"))
                continue
            yield Change("user", "add", login, after={**_person(want), "role": want.role})
            continue
        if owned.get(("user", login)) != there.id and not _same_person(want, there):
            yield Conflict("user", login, _foreign(there, "its name"))
            continue
        if owned.get(("user", login)) != there.id:
            yield Change("user", "adopt", login, key=there.id)
        if _person(there) != _person(want) and not there.external:
            yield Change("user", "change", login, *_changed(there, want), key=there.id)
        if there.role != want.role:
            yield Change(
                "role", _verb(there.role, want.role), login, there.role, want.role, there.id
            )


def _root(want: Account, running: State) -> Iterator[Change]:
    """Of Grafana's own administrator only the address that it was born with: our first user has it
    too, and Grafana takes none twice."""
    there = running.accounts.get(want.login)
    if there and there.server_admin and there.email == FIRST_ADDRESS != want.email:
        before, after = {"email": there.email}, {"email": want.email}
        yield Change("user", "change", want.login, before, after, there.id)


def _organisations(wanted: State, running: State) -> Iterator[Change]:
    for name in sorted(wanted.organisations - running.organisations):
        yield Change("organisation", "add", name, after=name)


def _root_role(wanted: State, running: State) -> Iterator[Change]:
    """Our own administrator put back, where an Admin of the organisation took it out or down."""
    there = running.accounts.get(wanted.root.login) if wanted.root else None
    if there and wanted.root and there.role != wanted.root.role:
        verb = _verb(there.role, wanted.root.role)
        yield Change("role", verb, there.login, there.role, wanted.root.role, there.id)


def _other_admins(running: State, owned: Owned) -> Iterator[str]:
    ours = {number for (kind, _), number in owned.items() if kind == "user"}
    for there in running.accounts.values():
        if there.role == "Admin" and there.id not in ours and not there.server_admin:
            yield f"user {there.login} <{there.email}> (Admin)"


def _person(account: Account) -> dict[str, str]:
    return {"login": account.login, "email": account.email, "name": account.name}


def _changed(there: Account, want: Account) -> tuple[dict[str, str], dict[str, str]]:
    was, will = _person(there), _person(want)
    keys = [key for key in will if was[key] != will[key]]
    return {key: was[key] for key in keys}, {key: will[key] for key in keys}


def _same_person(want: Account, there: Account) -> bool:
    return not there.server_admin and (there.login, there.email) == (want.login, want.email)


def _foreign(there: Account, what: str) -> str:
    kind = "a server admin" if there.server_admin else "another account"
    return (
        f"Grafana has {kind} {there.login} <{there.email}> of {what}; rename or remove that one in"
        " Grafana, or this user"
    )


def _verb(before: Any, after: Any) -> Verb:
    return "add" if before is None else "remove" if after is None else "change"


def _gone_accounts(wanted: State, running: State, owned: Owned) -> Iterator[Change]:
    """Accounts that we made for users who are no longer in the table: out of the organisation at
    once, removed by a prune."""
    by_id = {one.id: one for one in running.accounts.values()}
    for (kind, login), number in owned.items():
        there = by_id.get(number)
        if kind == "user" and login not in wanted.accounts and there is not None:
            if there.role is not None:
                yield Change("role", "remove", login, there.role, None, there.id)
            yield Change("user", "remove", login, before=_person(there), key=there.id)


def _by_our_names(running: State, owned: Owned) -> Mapping[str, Team]:
    """Teams whose members are called as we call them, whatever somebody renamed them to."""
    ours = {number: name for (kind, name), number in owned.items() if kind == "user"}
    names = {there.login: ours.get(there.id, there.login) for there in running.accounts.values()}
    return {
        name: Team(name, frozenset(names.get(one, one) for one in team.members), team.id)
        for name, team in running.teams.items()
    }


def _teams(
    wanted: State, running: Mapping[str, Team], owned: Owned, strangers: set[str]
) -> Iterator[Change | Conflict]:
    for name, declared in wanted.teams.items():
        want = Team(name, declared.members - strangers)
        there = running.get(name)
        if there is None:
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


def _folders(wanted: State, running: State, foreign: set[str]) -> Iterator[Change]:
    """``foreign``: teams of our names that are others'; they get no permission."""
    for uid, declared in wanted.folders.items():
        allowed = {
            subject: level
            for subject, level in declared.permissions.items()
            if subject[0] != "team" or subject[1] not in foreign
        }
        want = Folder(uid, declared.title, allowed)
        there = running.folders.get(uid)
        if there is None:
            if uid == DASHBOARDS.uid:
                # Only its provisioning makes it, whatever became of it.
                yield Change(
                    "files",
                    "reload",
                    "dashboards",
                    after=[f"folder {want.title}"],
                    key="dashboards",
                )
                continue
            yield Change("folder", "add", want.title, after=uid, key=uid)
            there = Folder(uid, want.title)
        if there.title != want.title:
            yield Change("folder", "change", want.title, there.title, want.title, uid)
        if dict(there.permissions) != dict(want.permissions):
            before, after = _permissions(there), _permissions(want)
            yield Change("permissions", "change", want.title, before, after, uid)


def subjects(told: Mapping[str, Level]) -> dict[Subject, Level]:
    """The permissions that a change tells, as Grafana's adapter takes them."""
    parts = {name.partition(" "): level for name, level in told.items()}
    return {(kind, name): level for (kind, _, name), level in parts.items()}  # type: ignore[misc]


def _permissions(folder: Folder) -> dict[str, str]:
    return {f"{kind} {name}": level for (kind, name), level in sorted(folder.permissions.items())}


def _marks(wanted: Mapping[str, Mark], running: Mapping[str, Mark]) -> Iterator[Change]:
    for name, there in running.items():
        if name != there.key and there.key in wanted:
            # The same one twice: an answer was lost, and the look after it came too early.
            yield Change("mark", "remove", name, before=_told(there), key=there.id)
    for key, want in wanted.items():
        found = running.get(key)
        if found is None:
            yield Change("mark", "add", key, after=_told(want), key=key)
        elif found.tags - want.tags:
            # Grafana goes on finding a mark by a tag that an edit took away (11.0:
            # annotationsimpl/xorm_store.go deletes where the tag is also 0).
            yield Change("mark", "remove", key, before=_told(found), key=found.id)
            yield Change("mark", "add", key, after=_told(want), key=key)
        elif _told(found) != _told(want):
            yield Change("mark", "change", key, _told(found), _told(want), found.id)


def _gone_marks(wanted: Mapping[str, Mark], running: Mapping[str, Mark]) -> Iterator[Change]:
    for key, there in running.items():
        if there.key not in wanted:
            yield Change("mark", "remove", key, before=_told(there), key=there.id)


def _told(mark: Mark) -> dict[str, Any]:
    # Grafana gives a moment its own time as its end.
    until = mark.until if mark.until != mark.at else None
    return {"at": mark.at, "until": until, "text": mark.text, "tags": sorted(mark.tags)}


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


SIGNS: Mapping[Verb, str] = {"add": "+", "adopt": "=", "change": "~", "remove": "-", "reload": "↻"}


def said(change: Change) -> str:
    """One line for people: ``~ role ada: Viewer → Editor``."""
    start = f"{SIGNS[change.verb]} {change.kind} {change.name}"
    if change.kind == "mark" and None in (change.before, change.after):
        return f"{start}: {(change.after or change.before)['text']}"
    match change.before, change.after:
        case None, None:
            return start
        case None, after:
            return f"{start}: {_value(after)}"
        case before, None:
            return f"{start}: was {_value(before)}"
        case dict(before), dict(after):
            told = [
                f"{key}: {_value(before.get(key))} → {_value(after.get(key))}"
                for key in {**before, **after}
                if before.get(key) != after.get(key)
            ]
            return f"{start}: {', '.join(told)}"
        case before, after:
            return f"{start}: {_value(before)} → {_value(after)}"


def _value(value: Any) -> str:
    match value:
        case None:
            return "—"
        case dict():
            return ", ".join(f"{key} {_value(inner)}" for key, inner in value.items())
        case list():
            return ", ".join(map(str, value)) or "nobody"
        case _:
            return str(value)
