"""Ourselves in Grafana: the administrator as whom we call, and what else may act there."""

from __future__ import annotations

from glue.core.grafana_state import Account, OrgRole
from glue.grafana.client import ORGANISATION, PAGE, Client
from glue.grafana.errors import GrafanaConflict


class Standing(Client):
    """Calls that work for a server admin whatever became of its membership in our organisation."""

    async def standing(self) -> tuple[Account, frozenset[str]]:
        """Our own account with its role in our organisation, and the names of those that it is in.
        Two reads."""
        me = await self.get("/users/lookup", dict, {"loginOrEmail": self.login})
        number = int(me["id"])
        rows = await self.get(f"/users/{number}/orgs", list)
        role: OrgRole | None = next((r["role"] for r in rows if r["orgId"] == ORGANISATION), None)
        account = Account(
            login=str(me["login"]).lower(),
            email=str(me.get("email") or "").lower(),
            name=str(me.get("name") or ""),
            role=role,
            id=number,
            server_admin=True,
        )
        return account, frozenset(str(row["name"]) for row in rows)

    async def create_organisation(self, name: str) -> None:
        """With us as its Admin; where it is there already, we become its member again."""
        try:
            await self.write("POST", "/orgs", {"name": name})
        except GrafanaConflict:
            there = await self.get(f"/orgs/name/{name}", dict)
            body = {"loginOrEmail": self.login, "role": "Admin"}
            await self.write("POST", f"/orgs/{there['id']}/users", body)

    async def machines(self) -> list[str]:
        """Service accounts and open invitations, told for people: who made them may be gone, and
        they go on. Two reads."""
        found = await self.get("/serviceaccounts/search", dict, {"perpage": PAGE})
        accounts = [
            f"service account {row['name']} ({row['role']}, {row.get('tokens') or 0} tokens)"
            for row in found.get("serviceAccounts") or []
            if not row.get("isDisabled")
        ]
        invitations = [
            f"invitation of {row['email']} ({row['role']}, by {row['invitedByLogin']})"
            for row in await self.get("/org/invites", list)
        ]
        return sorted(accounts) + sorted(invitations)
