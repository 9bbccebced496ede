"""A plan that was done leaves nothing to do, whoever came and went."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from glue.core.grafana_change import Change, Plan
from glue.core.grafana_plan import plan
from glue.core.grafana_state import State
from tests.grafana_plan import Person, in_step, wanted

people = st.lists(
    st.builds(
        Person,
        st.sampled_from(["ada", "Bob", "eve", "mia", "Ada"]),
        st.sampled_from(["viewer", "operator", "admin"]),
        st.booleans(),
    ),
    max_size=6,
)


@given(people, people)
def test_what_is_applied_is_in_step(before: list[Person], after: list[Person]) -> None:
    """From any fleet of people to any other: doing the plan leaves nothing to do."""
    running, owned = in_step(wanted(*before))
    want = wanted(*after)
    done, owned = apply(plan(want, running, owned), want, running, owned)
    assert plan(want, done, owned).changes == ()


def apply(
    found: Plan, want: State, running: State, owned: dict[tuple[str, str], int]
) -> tuple[State, dict[tuple[str, str], int]]:
    """Grafana, as far as people and teams go."""
    accounts, teams = dict(running.accounts), dict(running.teams)
    for change in found.changes:
        match change:
            case Change("user", "add", name):
                number = 1000 + len(owned)
                accounts[name] = replace(want.accounts[name], id=number)
                owned = {**owned, ("user", name): number}
            case Change("user", "change", name):
                there = next(one for one in accounts.values() if one.id == change.key)
                del accounts[there.login]
                fresh = want.accounts[name]
                accounts[name] = replace(there, login=name, email=fresh.email, name=fresh.name)
            case Change("role", _, name):
                accounts[name] = replace(accounts[name], role=change.after)
            case Change("member", verb):
                team = teams[str(change.key)]
                who = {change.after or change.before}
                now = team.members | who if verb == "add" else team.members - who
                teams[team.name] = replace(team, members=now)
    return replace(running, accounts=accounts, teams=teams), owned
