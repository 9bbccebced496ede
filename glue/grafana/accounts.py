"""Users of Grafana, and their roles in our organisation."""

from __future__ import annotations

import secrets
from typing import Any, get_args

from glue.core.grafana_state import Account, OrgRole
from glue.grafana.client import ORGANISATION, Client

MEMBERS = f"/orgs/{ORGANISATION}/users"


class Accounts(Client):
    """Calls about users. Ids are numbers: Grafana 11 has nothing better for users."""

    async def accounts(self) -> dict[str, Account]:
        """Everybody who has an account (service accounts left out), by login in small letters.

        Two reads for each 1,000 users.
        """
        roles = {
            int(row["userId"]): _role(row["role"])
            async for row in self.pages(f"{MEMBERS}/search", "orgUsers")
        }
        found = [
            Account(
                login=str(row["login"]).lower(),
                email=str(row.get("email") or "").lower(),
                name=str(row.get("name") or ""),
                role=roles.get(int(row["id"])),
                id=int(row["id"]),
                server_admin=bool(row.get("isAdmin")),
                external=bool(row.get("authLabels")),
            )
            async for row in self.pages("/users/search", "users")
        ]
        return {account.login: account for account in found}

    async def create_account(self, account: Account) -> int:
        """A new user with a password that nobody knows; returns its id.

        One write where Grafana gives new users ``account.role`` by itself (its setting
        ``auto_assign_org_role``, Viewer), else two: the second gives the role or takes the user
        out of the organisation.
        Raises :class:`~glue.grafana.GrafanaConflict` when login or address is taken.
        """
        body = {
            "login": account.login,
            "email": account.email,
            "name": account.name,
            "password": secrets.token_urlsafe(32),
            "OrgId": ORGANISATION,
        }
        number = int((await self.write("POST", "/admin/users", body))["id"])
        there = await self._role_of(number)
        if there != account.role:
            await self._put_role(number, account.login, there, account.role)
        return number

    async def edit_account(self, account_id: int, account: Account) -> None:
        """Login, address and name. That nobody has this number Grafana does not say.

        Grafana refuses it (403, :class:`~glue.grafana.GrafanaDenied`) for who has ever signed in
        through somebody else (the glue): theirs follow when they sign in the next time.
        """
        body = {"login": account.login, "email": account.email, "name": account.name}
        await self.write("PUT", f"/users/{account_id}", body)

    async def set_role(
        self, account_id: int, login: str, before: OrgRole | None, after: OrgRole | None
    ) -> None:
        """The role in our organisation; None: no member of it. One write; two to take somebody
        out, who is signed out first, so that open sessions end.

        Taking out never removes the account: only ``DELETE /api/org/users/:id`` (of the current
        organisation) does that to who is in no other.
        """
        if after is None:
            await self.sign_out(account_id)
        await self._put_role(account_id, login, before, after)

    async def sign_out(self, account_id: int) -> None:
        """Ends all sessions of the user."""
        await self.write("POST", f"/admin/users/{account_id}/logout")

    async def delete_account(self, account_id: int) -> None:
        """Removes the user from Grafana, with teams, sessions and permissions."""
        await self.write("DELETE", f"/admin/users/{account_id}")

    async def _put_role(
        self, number: int, login: str, before: OrgRole | None, after: OrgRole | None
    ) -> None:
        if after is None:
            await self.write("DELETE", f"{MEMBERS}/{number}")
        elif before is None:
            await self.write("POST", MEMBERS, {"loginOrEmail": login, "role": after})
        else:
            await self.write("PATCH", f"{MEMBERS}/{number}", {"role": after})

    async def _role_of(self, number: int) -> OrgRole | None:
        for member in await self.get(f"/users/{number}/orgs", list):
            if member["orgId"] == ORGANISATION:
                return _role(member["role"])
        return None


def _role(said: Any) -> OrgRole | None:
    """Grafana also has the role None: a member who may nothing, which counts as no member."""
    return said if said in get_args(OrgRole) else None
