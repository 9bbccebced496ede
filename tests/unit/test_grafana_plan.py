"""What the reconciler would write, from two states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from glue.core import grafana_desired as desired
from glue.core.grafana_change import Conflict, Plan, said
from glue.core.grafana_plan import plan
from glue.core.grafana_state import Account, Folder, Mark, State, Team
from tests.grafana_plan import Person, in_step, lines, wanted

ADA, BOB = Person("Ada", "admin"), Person("bob", "operator")


def test_in_step_nothing_is_written() -> None:
    want = wanted(ADA, BOB, Person("eve"))
    running, owned = in_step(want)
    assert plan(want, running, owned) == Plan()


def test_an_empty_grafana_gets_everything_in_the_order_of_need() -> None:
    found = plan(wanted(ADA, Person("gone", is_active=False)), State(), {})
    kinds = [change.kind for change in found.changes]
    assert kinds == sorted(
        kinds, key=["files", "user", "team", "member", "folder", "permissions"].index
    )
    assert lines(found)[:2] == [
        "↻ files dashboards: folder Robots",
        "+ user ada: login ada, email ada@example.org, name Ada, role Admin",
    ]
    assert "+ member ada in TonyPi admins: ada" in lines(found)
    assert not any("gone" in line for line in lines(found))


def test_sessions_end_of_those_whose_account_is_ours_and_there() -> None:
    want = wanted(ADA, BOB, sign_outs={"bob": "2026-01-31", "eve": "2026-01-31"})
    running, owned = in_step(want)
    (change,) = plan(want, running, owned).changes
    assert (change.kind, change.verb, change.name) == ("sessions", "remove", "bob")
    assert change.key == running.accounts["bob"].id
    gone = replace(running, accounts={"ada": running.accounts["ada"]})
    assert not [one for one in plan(want, gone, owned).changes if one.kind == "sessions"]


def test_a_role_changed_is_one_role_and_two_teams() -> None:
    running, owned = in_step(wanted(ADA, BOB))
    found = plan(wanted(ADA, replace(BOB, role="viewer")), running, owned)
    assert lines(found) == [
        "- member bob in TonyPi operators: was bob",
        "~ role bob: Editor → Viewer",
        "+ member bob in TonyPi viewers: bob",
    ]


def test_who_is_deactivated_leaves_teams_before_the_organisation() -> None:
    running, owned = in_step(wanted(ADA, BOB))
    found = plan(wanted(ADA, replace(BOB, is_active=False)), running, owned)
    assert lines(found) == [
        "- member bob in TonyPi operators: was bob",
        "- role bob: was Editor",
    ]


def test_a_user_who_left_the_table_is_put_out_and_removed_only_by_a_prune() -> None:
    running, owned = in_step(wanted(ADA, BOB))
    found = plan(wanted(ADA), running, owned)
    assert "- role bob: was Editor" in lines(found)
    assert [(one.kind, one.verb, one.name) for one in found.leftovers] == [
        ("user", "remove", "bob")
    ]


@pytest.mark.parametrize(
    "other",
    [
        Account("bob", "someone@else.org", "Bob", "Viewer", 7),
        Account("robert", "bob@example.org", "Robert", "Viewer", 7),
        Account("bob", "bob@example.org", "Bob", "Admin", 7, server_admin=True),
    ],
    ids=["same name", "same address", "server admin"],
)
def test_others_accounts_are_never_touched(other: Account) -> None:
    running, owned = in_step(wanted(ADA))
    running = replace(running, accounts={**running.accounts, other.login: other})
    found = plan(wanted(ADA, BOB), running, owned)
    assert not found.changes
    assert [(one.kind, one.name) for one in found.conflicts] == [("user", "bob")]
    assert f"<{other.email}>" in found.conflicts[0].why


def test_an_account_of_a_lost_answer_is_taken_over() -> None:
    want = wanted(ADA, BOB)
    running, owned = in_step(want)
    del owned["user", "bob"], owned["team", "TonyPi operators"]
    assert lines(plan(want, running, owned)) == ["= user bob", "= team TonyPi operators"]


def test_a_foreign_team_of_our_name_is_a_conflict() -> None:
    want = wanted(ADA)
    running, owned = in_step(want)
    name = "TonyPi viewers"
    del owned["team", name]
    running = replace(running, teams={**running.teams, name: Team(name, frozenset({"zoe"}), 9)})
    found = plan(want, running, owned)
    assert not found.changes
    assert found.conflicts == (Conflict("team", name, found.conflicts[0].why),)


def test_what_was_renamed_by_hand_is_renamed_back_without_leaving_its_team() -> None:
    want = wanted(ADA, BOB)
    running, owned = in_step(want)
    bob = running.accounts["bob"]
    renamed = {"ada": running.accounts["ada"], "robert": replace(bob, login="robert")}
    team = running.teams["TonyPi operators"]
    running = replace(
        running,
        accounts=renamed,
        teams={**running.teams, team.name: replace(team, members=frozenset({"robert"}))},
        folders={
            **running.folders,
            "f1": Folder("f1", "Others", running.folders["f1"].permissions),
        },
    )
    assert lines(plan(want, running, owned)) == [
        "~ folder Robot rules: Others → Robot rules",
        "~ user bob: login: robert → bob",
    ]


def test_a_team_renamed_by_hand_is_renamed_back_with_members_and_permissions() -> None:
    want = wanted(ADA, BOB)
    running, owned = in_step(want)
    name = "TonyPi operators"
    teams = dict(running.teams)
    teams["Crew"] = replace(teams.pop(name), name="Crew", members=frozenset())
    own = running.folders["own"]
    shown = {
        ("team", "Crew") if who == ("team", name) else who: may
        for who, may in own.permissions.items()
    }
    folders = {**running.folders, "own": replace(own, permissions=shown)}
    running = replace(running, teams=teams, folders=folders)
    found = plan(want, running, owned)
    assert lines(found) == [
        "~ team TonyPi operators: Crew → TonyPi operators",
        "+ member bob in TonyPi operators: bob",
    ]
    assert found.changes[0].key == owned["team", name]


def test_a_team_renamed_by_hand_whose_name_another_took_is_a_conflict() -> None:
    want = wanted(ADA, BOB)
    running, owned = in_step(want)
    name = "TonyPi operators"
    teams = dict(running.teams)
    teams["Crew"] = replace(teams[name], name="Crew")
    teams[name] = Team(name, frozenset({"zoe"}), 9)
    found = plan(want, replace(running, teams=teams), owned)
    assert [(one.kind, one.name) for one in found.conflicts] == [("team", name)]
    assert "Crew" in found.conflicts[0].why
    assert [one.kind for one in found.changes] == ["permissions"]


@pytest.mark.parametrize("uid", ["own", "robots"])
def test_a_foreign_folder_of_our_uid_is_a_conflict(uid: str) -> None:
    want = wanted(ADA)
    running, owned = in_step(want)
    del owned["folder", uid]
    foreign = Folder(uid, "Kitchen", {("role", "Viewer"): "Edit"})
    found = plan(want, replace(running, folders={**running.folders, uid: foreign}), owned)
    assert not found.changes
    assert [one.kind for one in found.conflicts] == ["folder"]
    assert "Kitchen" in found.conflicts[0].why


def test_a_folder_of_a_lost_answer_is_taken_over() -> None:
    want = wanted(ADA)
    running, owned = in_step(want)
    for uid in want.folders:
        del owned["folder", uid]
    robots = Folder("robots", "Robots", {("role", "Viewer"): "Edit"})
    found = plan(want, replace(running, folders={**running.folders, "robots": robots}), owned)
    assert not found.conflicts
    assert [(one.kind, one.verb, one.key) for one in found.changes] == [
        ("folder", "adopt", "robots"),
        ("folder", "adopt", "own"),
        ("folder", "adopt", "f1"),
        ("permissions", "change", "robots"),
    ]


def test_a_permission_changed_by_hand_is_set_back() -> None:
    want = wanted(ADA)
    running, owned = in_step(want)
    robots = running.folders["robots"]
    open_to_all = {**robots.permissions, ("role", "Viewer"): "Edit"}
    running = replace(
        running, folders={**running.folders, "robots": replace(robots, permissions=open_to_all)}
    )
    assert lines(plan(want, running, owned)) == ["~ permissions Robots: role Viewer: Edit → View"]


def test_a_mark_that_ended_is_changed_and_one_nobody_knows_is_left_for_a_prune() -> None:
    mark = Mark("change:1", 1000, 5000, "Maintenance for r1", frozenset({"tonypi", "change:1"}))
    want = wanted(ADA, marks={mark.key: mark})
    running, owned = in_step(want)
    stranger = replace(mark, key="change:99", id=99)
    open_one = replace(running.marks["change:1"], until=1000)
    running = replace(running, marks={"change:1": open_one, "change:99": stranger})
    found = plan(want, running, owned)
    assert lines(found) == ["~ mark change:1: until: — → 5000"]
    assert [one.key for one in found.leftovers] == [99]


def test_a_mark_that_loses_a_tag_is_made_anew() -> None:
    """Grafana would go on finding it by that tag."""
    mark = Mark("change:1", 1000, 5000, "Maintenance", frozenset({"tonypi", "change:1"}))
    want = wanted(ADA, marks={mark.key: mark})
    running, owned = in_step(want)
    tagged = replace(running.marks["change:1"], tags=mark.tags | {"robot:r2"})
    found = plan(want, replace(running, marks={"change:1": tagged}), owned)
    assert [(one.verb, one.name) for one in found.changes] == [
        ("remove", "change:1"),
        ("add", "change:1"),
    ]


def test_a_mark_that_is_there_twice_goes_at_once() -> None:
    mark = Mark("change:1", 1000, 5000, "Maintenance", frozenset({"tonypi", "change:1"}))
    want = wanted(ADA, marks={mark.key: mark})
    running, owned = in_step(want)
    twice = {**running.marks, "change:1 again 7": replace(mark, id=7)}
    found = plan(want, replace(running, marks=twice), owned)
    assert [(one.verb, one.key) for one in found.changes] == [("remove", 7)]
    assert not found.leftovers


def test_a_folder_gets_its_title_back_before_files_are_read_again() -> None:
    files = {"datasources": {"influxdb": {"url": "http://a"}}}
    want = wanted(ADA, files=files)
    running, owned = in_step(wanted(ADA))
    renamed = {**running.folders, "f1": Folder("f1", "Mine", running.folders["f1"].permissions)}
    found = plan(want, replace(running, folders=renamed), owned)
    assert [one.kind for one in found.changes] == ["folder", "files"]


def test_grafanas_administrator_leaves_our_first_user_its_address() -> None:
    want = State(root=desired.root("tonypi-root", "root@tonypi.invalid"))
    born = Account("tonypi-root", "admin@localhost", "tonypi-root", "Admin", 1, server_admin=True)
    found = plan(want, State(accounts={born.login: born}), {})
    assert lines(found) == ["~ user tonypi-root: email: admin@localhost → root@tonypi.invalid"]
    own = replace(born, email="boss@example.org")
    assert not plan(want, State(accounts={own.login: own}), {}).drift


def test_our_own_rights_come_first() -> None:
    """Taken out of the organisation by one of its Admins, with no other to be in."""
    want = State(root=desired.root("root", "r@t.invalid"), organisations=frozenset({desired.KEEP}))
    there = Account("root", "r@t.invalid", "root", None, 1, server_admin=True)
    found = plan(want, State(accounts={"root": there}), {})
    assert lines(found) == ["+ organisation TonyPi keeper: TonyPi keeper", "+ role root: Admin"]


def test_a_team_that_we_had_is_ours_whoever_made_it_again() -> None:
    want = wanted(ADA)
    running, owned = in_step(want)
    name = "TonyPi viewers"
    running = replace(running, teams={**running.teams, name: Team(name, frozenset({"zoe"}), 9)})
    assert lines(plan(want, running, owned)) == [
        "= team TonyPi viewers",
        "- member zoe in TonyPi viewers: was zoe",
    ]


def test_a_foreign_team_gets_no_permission_by_its_name() -> None:
    want = wanted(ADA)
    running, owned = in_step(want)
    name = "TonyPi admins"
    del owned["team", name]
    running = replace(running, teams={**running.teams, name: Team(name, frozenset({"zoe"}), 9)})
    found = plan(want, running, owned)
    assert [one.name for one in found.conflicts] == [name]
    taken = [one for one in found.changes if one.kind == "permissions"]
    assert len(taken) == 3
    assert all(f"team {name}" not in one.after for one in taken)


def test_what_else_may_act_is_told() -> None:
    want = wanted(ADA)
    running, owned = in_step(want)
    zoe = Account("zoe", "zoe@other.org", "Zoe", "Admin", 77)
    running = replace(
        running, accounts={**running.accounts, "zoe": zoe}, others=("service account x",)
    )
    assert plan(want, running, owned).others == (
        "user zoe <zoe@other.org> (Admin)",
        "service account x",
    )


def test_what_is_in_no_file_any_more_is_left_for_a_prune() -> None:
    rule = {"rule tonypi-a": {"title": "A"}}
    want = wanted(ADA, files={"alerting": rule, "dashboards": {}})
    running, owned = in_step(want)
    there = {"alerting": {**rule, "rule tonypi-b": {"title": "B"}},
             "dashboards": {"tonypi-old": {"title": "Old"}}}  # fmt: skip
    found = plan(want, replace(running, files=there), owned)
    assert not found.drift
    assert [(said(one), one.key) for one in found.leftovers] == [
        ("- files rule tonypi-b: was B", "tonypi-b"),
        ("- files dashboard tonypi-old: was Old", "tonypi-old"),
    ]


def test_files_that_differ_are_reloaded_with_the_difference_told() -> None:
    files = {"datasources": {"influxdb": {"url": "http://a", "secureJsonData": {"x": "y"}}}}
    want = wanted(ADA, files=files)
    running, owned = in_step(
        wanted(ADA, files={"datasources": {"influxdb": {"url": "http://b", "id": 3}}})
    )
    assert lines(plan(want, running, owned)) == [
        "↻ files datasources: influxdb url: http://b → http://a"
    ]
