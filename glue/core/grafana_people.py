"""What has to change of accounts and roles in Grafana; touched is what is surely ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from glue.core.grafana_change import Change, Conflict, Owned, Verb
from glue.core.grafana_state import Account, State

FIRST_ADDRESS = "admin@localhost"
"""What Grafana gives its administrator, unless told."""


def accounts(wanted: State, running: State, owned: Owned) -> Iterator[Change | Conflict]:
    """Accounts and their roles in the organisation."""
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


def organisations(wanted: State, running: State) -> Iterator[Change]:
    """Those that our own administrator is to be in."""
    for name in sorted(wanted.organisations - running.organisations):
        yield Change("organisation", "add", name, after=name)


def root_role(wanted: State, running: State) -> Iterator[Change]:
    """Our own administrator put back, where an Admin of the organisation took it out or down."""
    there = running.accounts.get(wanted.root.login) if wanted.root else None
    if there and wanted.root and there.role != wanted.root.role:
        verb = _verb(there.role, wanted.root.role)
        yield Change("role", verb, there.login, there.role, wanted.root.role, there.id)


def other_admins(running: State, owned: Owned) -> Iterator[str]:
    """Who may do all in our organisation and is nobody of ours."""
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


def gone(wanted: State, running: State, owned: Owned) -> Iterator[Change]:
    """Accounts that we made for users who are no longer in the table: out of the organisation at
    once, removed by a prune."""
    by_id = {one.id: one for one in running.accounts.values()}
    for (kind, login), number in owned.items():
        there = by_id.get(number)
        if kind == "user" and login not in wanted.accounts and there is not None:
            if there.role is not None:
                yield Change("role", "remove", login, there.role, None, there.id)
            yield Change("user", "remove", login, before=_person(there), key=there.id)
