"""Teams and who is in them."""

from __future__ import annotations

from collections.abc import Iterable

from glue.core.grafana_state import Team
from glue.grafana.client import Client
from glue.grafana.errors import GrafanaConflict, GrafanaError


class Teams(Client):
    """Calls about teams."""

    async def teams(self, names: Iterable[str], ids: Iterable[int] = ()) -> dict[str, Team]:
        """Those of ``names`` or ``ids`` that exist, with their members' logins in small letters.

        One read, and one for each that exists. Ourselves we leave out: Grafana makes whoever
        creates a team its member.
        """
        wanted, numbers = set(names), set(ids)
        found = {}
        async for row in self.pages("/teams/search", "teams"):
            number = int(row["id"])
            if row["name"] in wanted or number in numbers:
                members = await self.get(f"/teams/{number}/members", list)
                logins = frozenset(str(one["login"]).lower() for one in members) - {self.login}
                found[row["name"]] = Team(row["name"], logins, number)
        return found

    async def create_team(self, name: str) -> int:
        """An empty team; returns its id. Two writes: Grafana makes us its member, and we leave.

        Raises :class:`~glue.grafana.GrafanaConflict` when the name is taken.
        """
        number = int((await self.write("POST", "/teams", {"name": name}))["teamId"])
        for member in await self.get(f"/teams/{number}/members", list):
            await self.remove_member(number, int(member["userId"]))
        return number

    async def rename_team(self, team_id: int, name: str) -> None:
        """Its address goes with the old name: a team of ours has none.

        Raises :class:`~glue.grafana.GrafanaConflict` when the name is taken.
        """
        await self.write("PUT", f"/teams/{team_id}", {"name": name})

    async def delete_team(self, team_id: int) -> None:
        """Removes the team and the permissions it has."""
        await self.write("DELETE", f"/teams/{team_id}")

    async def add_member(self, team_id: int, account_id: int) -> None:
        """Somebody of our organisation becomes a member. Who is one already is a
        :class:`~glue.grafana.GrafanaConflict`."""
        try:
            await self.write("POST", f"/teams/{team_id}/members", {"userId": account_id})
        except GrafanaError as error:
            if error.status == 400 and "already" in str(error):
                raise GrafanaConflict(str(error), error.status) from error
            raise

    async def remove_member(self, team_id: int, account_id: int) -> None:
        """Raises :class:`~glue.grafana.GrafanaMissing` when it is none."""
        await self.write("DELETE", f"/teams/{team_id}/members/{account_id}")
