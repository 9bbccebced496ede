"""People and states of Grafana to plan with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from glue.core import grafana_desired as desired
from glue.core.grafana_change import Plan, said
from glue.core.grafana_state import State


@dataclass(frozen=True)
class Person:
    username: str
    role: str = "viewer"
    is_active: bool = True
    email: str = ""

    @property
    def id(self) -> str:
        return f"id of {self.username}"

    def __post_init__(self) -> None:
        object.__setattr__(self, "email", self.email or f"{self.username}@example.org")


def wanted(*people: Person, **more: object) -> State:
    accounts = desired.accounts(people)
    state = State(accounts=accounts, teams=desired.teams(accounts), folders=desired.folders("f1"))
    return replace(state, **more)


def in_step(state: State) -> tuple[State, dict[tuple[str, str], int]]:
    """The running state that is as wanted, and what is ours of it."""
    accounts = {
        login: replace(one, id=n) for n, (login, one) in enumerate(state.accounts.items(), 10)
    }
    teams = {name: replace(one, id=n) for n, (name, one) in enumerate(state.teams.items(), 100)}
    marks = {key: replace(one, id=n) for n, (key, one) in enumerate(state.marks.items(), 200)}
    owned = {("user", login): one.id for login, one in accounts.items()}
    owned |= {("team", name): one.id for name, one in teams.items()}
    owned |= {("folder", uid): 0 for uid in state.folders}
    return replace(state, accounts=accounts, teams=teams, marks=marks), owned


def lines(found: Plan) -> list[str]:
    return [said(change) for change in found.changes]
