"""One change of a plan, done: the write in Grafana, what we own of it, and a line in the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glue import store
from glue.core.grafana_change import Change, said, subjects
from glue.core.grafana_state import Account
from glue.grafana import Grafana, GrafanaMissing
from glue.store import audit, grafana_objects
from glue.sync import files
from glue.sync.states import Looked


@dataclass
class Writer:
    """Writes the changes of one look, in their order. ``made``: ids that Grafana gave."""

    pool: store.Pool
    grafana: Grafana
    seen: Looked
    checkout: Path
    made: dict[tuple[str, str], int] = field(default_factory=dict)

    async def write(self, change: Change) -> None:
        """Raises ``GrafanaError``, ``StoreUnavailable``, ``FilesError``; then nobody knows whether
        it was done, and one has to look again."""
        await self._write(change, int(change.key) if str(change.key).isdigit() else 0)
        async with store.transaction(self.pool) as conn:
            await self._own(conn, change)
            told = {"before": change.before, "after": change.after}
            details = {"grafana": change.kind, "name": change.name, **told}
            await audit.record(conn, "system", f"Grafana: {said(change)}", details=details)

    async def _write(self, change: Change, number: int) -> None:
        grafana, wanted, name, key = self.grafana, self.seen.wanted, change.name, str(change.key)
        match change.kind, change.verb:
            case "organisation", _:
                await grafana.create_organisation(name)
            case "files", "reload":
                await grafana.reload(change.key)  # type: ignore[arg-type]
            case "files", "remove" if name.startswith("rule "):
                # Grafana takes a rule of a file back by a file alone.
                with files.without_rule(self.checkout, key):
                    await grafana.reload("alerting")
            case "files", "remove":
                await grafana.delete_dashboard(key)
            case _, "adopt":
                pass  # only our own record changes
            case "user", "add":
                self.made["user", name] = await grafana.create_account(wanted.accounts[name])
            case "user", "change":
                account = wanted.accounts.get(name) or wanted.root
                assert account is not None, "a plan names what is wanted"
                await grafana.edit_account(number, account)
            case "user", "remove":
                await grafana.delete_account(number)
            case "sessions", _:
                await grafana.sign_out(number)
            case "role", _:
                await grafana.set_role(
                    number, self._login(number, name), change.before, change.after
                )
            case "team", "add":
                self.made["team", name] = await grafana.create_team(name)
            case "team", "change":
                await grafana.rename_team(number, name)
            case "member", "add":
                await grafana.add_member(self._team(key), self._account(change.after))
            case "member", "remove":
                await grafana.remove_member(self._team(key), self._account(change.before))
            case "folder", "add":
                await grafana.create_folder(wanted.folders[key])
            case "folder", "change":
                await grafana.rename_folder(key, change.after)
            case "permissions", _:
                allowed = subjects(change.after)
                teams = {name: self._team(name) for kind, name in allowed if kind == "team"}
                await grafana.set_permissions(key, allowed, teams)
            case "mark", "add":
                await grafana.add_mark(wanted.marks[name])
            case "mark", "change":
                await grafana.edit_mark(number, wanted.marks[name])
            case "mark", "remove":
                await grafana.remove_mark(number)
            case other:
                raise NotImplementedError(other)

    async def _own(self, conn: Any, change: Change) -> None:
        if change.kind == "folder":
            if change.verb in ("add", "adopt"):
                await grafana_objects.own(conn, "folder", str(change.key), 0)
            return
        match change.verb:
            case "remove" if change.kind == "sessions":
                await grafana_objects.signed_out(conn, change.name, change.before)
            case "add" if (change.kind, change.name) in self.made:
                number = self.made[change.kind, change.name]
                await grafana_objects.own(conn, change.kind, change.name, number, self._of(change))
            case "adopt":
                number = int(change.key)
                await grafana_objects.own(conn, change.kind, change.name, number, self._of(change))
            case "remove" if change.kind == "user":
                await grafana_objects.disown(conn, change.kind, change.name)

    def _of(self, change: Change) -> Account | None:
        return self.seen.wanted.accounts.get(change.name) if change.kind == "user" else None

    def _login(self, number: int, name: str) -> str:
        """What Grafana calls the account, which may have another name there."""
        there = (one.login for one in self.seen.running.accounts.values() if one.id == number)
        return next(there, name)

    def _team(self, name: str) -> int:
        there = self.seen.running.teams.get(name)
        number = there.id if there else self.made.get(("team", name))
        # One that was renamed by hand has its name again by now.
        number = number or self.seen.owned.get(("team", name))
        if not number:
            raise GrafanaMissing(f"team {name} could not be made")
        return number

    def _account(self, login: str) -> int:
        known = self.made.get(("user", login)) or self.seen.owned.get(("user", login))
        there = self.seen.running.accounts.get(login)
        number = known or (there.id if there else 0)
        if not number:
            raise GrafanaMissing(f"user {login} could not be made")
        return number
