"""What each call of the Grafana adapter does, told once as a story of steps.

``tests/integration/test_grafana_adapter.py`` plays it to a real Grafana, and compares (or writes
down, with ``RECORD_GRAFANA=1``) what went over the wire; ``tests/unit/test_grafana_contract.py``
plays what was written down, so that the same holds where no Grafana is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from glue.core.definitions import differences
from glue.core.grafana_state import Account, Files, Folder, Mark, Team
from glue.core.silences import Matcher, Silence
from glue.grafana import (
    Grafana,
    GrafanaConflict,
    GrafanaError,
    GrafanaMissing,
    client,
    marks,
)
from glue.settings import load
from glue.sync import files
from tests.grafana_tape import FOLDER, clean


@dataclass(frozen=True)
class Step:
    """``do`` gives ``gives``, or raises it; it takes so many requests."""

    name: str
    do: Callable[[Grafana], Awaitable[Any]]
    gives: Any = None
    reads: int = 0
    writes: int = 0


ROOT = Account("tonypi-root", "tonypi-root@grafana.invalid", "", "Admin", id=1, server_admin=True)
ANN = Account("ann", "ann@example.org", "Ann", "Viewer", id=2)
BEN = Account("ben", "ben@example.org", "Ben", "Editor", id=3)
CAT = Account("cat", "cat@example.org", "Cat", None, id=4)
ANNA = replace(ANN, login="anna", email="anna@example.org", name="Anna B")
NOBODY = 4711

T0 = 1_700_000_000_000
MOMENT = Mark("change:1", T0, None, "Limits 70 → 65", frozenset({"tonypi", "change:1", "limits"}))
STRETCH = Mark("change:2", T0, T0 + 60_000, "Maintenance", frozenset({"tonypi", "change:2"}))
ALL = ("tonypi", T0 - 1000, T0 + 86_400_000)

READ = {("role", "Viewer"): "View", ("team", "Crew"): "Admin", ("user", "ben"): "Edit"}
WANTED = files.defined(FOLDER / "checkout", load({}))


def defined(kind: Files) -> Callable[[Grafana], Awaitable[Any]]:
    """What differs from the files; nothing does."""

    async def look(grafana: Grafana) -> Any:
        found = await grafana.defined(kind, [*WANTED[kind], "not there"])
        return [str(one) for one in differences(WANTED[kind], found)], sorted(found)

    return look


async def people_by_two(grafana: Grafana) -> Any:
    before, client.PAGE = client.PAGE, 2
    try:
        return await grafana.accounts()
    finally:
        client.PAGE = before


async def marks_by_two(grafana: Grafana) -> Any:
    before, marks.AT_ONCE = marks.AT_ONCE, 2
    try:
        return sorted(await grafana.marks(*ALL))
    finally:
        marks.AT_ONCE = before


async def uid(asked: Awaitable[str | None]) -> Any:
    return clean(await asked)


NEW_YEAR = datetime(2100, 1, 1, tzinfo=UTC)
SILENCE = Silence(
    "",
    (Matcher("robot_id", "lab-.*", is_regex=True), Matcher("metric", "cpu", is_equal=False)),
    NEW_YEAR,
    NEW_YEAR + timedelta(hours=2),
    "TonyPi",
    "new floor",
)
LONGER = replace(SILENCE, ends_at=NEW_YEAR + timedelta(days=1))


async def silences(grafana: Grafana) -> Any:
    """Without who made them, which is not written down."""
    found = await grafana.silences()
    return [replace(one, id=clean(one.id), created_by="") for one in found]


async def lengthened(grafana: Grafana) -> Any:
    (one,) = await grafana.silences()
    return clean(await grafana.set_silence(replace(LONGER, id=one.id)))


async def expired(grafana: Grafana) -> None:
    for one in await grafana.silences():
        await grafana.expire_silence(one.id)


def people(*accounts: Account) -> dict[str, Account]:
    return {account.login: account for account in accounts}


ACCOUNTS = [
    Step("version", lambda g: g.version(), "11.0.0", reads=1),
    Step("nobody but us", lambda g: g.accounts(), people(ROOT), reads=2),
    Step("a viewer is made", lambda g: g.create_account(ANN), 2, reads=1, writes=1),
    Step("an editor is made", lambda g: g.create_account(BEN), 3, reads=1, writes=2),
    Step("somebody outside is made", lambda g: g.create_account(CAT), 4, reads=1, writes=2),
    Step("a login is taken", lambda g: g.create_account(ANN), GrafanaConflict, writes=1),
    Step("everybody", lambda g: g.accounts(), people(ROOT, ANN, BEN, CAT), reads=2),
    Step("everybody in pages", people_by_two, people(ROOT, ANN, BEN, CAT), reads=4),
    Step("an account is changed", lambda g: g.edit_account(2, ANNA), writes=1),
    # 11.0 does not say that there is nobody of this number.
    Step("an account is not there", lambda g: g.edit_account(NOBODY, CAT), None, 0, 1),
    Step("a role is changed", lambda g: g.set_role(3, "ben", "Editor", "Admin"), writes=1),
    Step("a member is taken out", lambda g: g.set_role(3, "ben", "Admin", None), writes=2),
    Step("a member comes back", lambda g: g.set_role(3, "ben", None, "Editor"), writes=1),
    Step("a member is one", lambda g: g.set_role(3, "ben", None, "Editor"), GrafanaConflict, 0, 1),
    Step(
        "the last admin stays", lambda g: g.set_role(1, "x", "Admin", "Viewer"), GrafanaError, 0, 1
    ),
    Step("everybody again", lambda g: g.accounts(), people(ROOT, ANNA, BEN, CAT), reads=2),
]

TEAMS = [
    Step("no team", lambda g: g.teams(["Crew"]), {}, reads=1),
    Step("a team is made", lambda g: g.create_team("Crew"), 1, reads=1, writes=2),
    Step("a team is taken", lambda g: g.create_team("Crew"), GrafanaConflict, writes=1),
    Step("a member is added", lambda g: g.add_member(1, 3), writes=1),
    Step("a member is added twice", lambda g: g.add_member(1, 3), GrafanaConflict, writes=1),
    Step(
        "a team",
        lambda g: g.teams(["Crew", "not there"]),
        {"Crew": Team("Crew", frozenset({"ben"}), 1)},
        reads=2,
    ),
    Step("a team is renamed", lambda g: g.rename_team(1, "Gang"), writes=1),
    Step(
        "a team by its number",
        lambda g: g.teams(["Crew"], [1]),
        {"Gang": Team("Gang", frozenset({"ben"}), 1)},
        reads=2,
    ),
    Step("a team is named back", lambda g: g.rename_team(1, "Crew"), writes=1),
]

FOLDERS = [
    Step(
        "folders of files",
        lambda g: g.folders(["robots", "own"]),
        {
            "robots": Folder(
                "robots", "Robots", {("role", "Viewer"): "View", ("role", "Editor"): "Edit"}
            )
        },
        reads=3,
    ),
    Step("a folder by title", lambda g: uid(g.folder_uid("Rules")), "made-up-uid", reads=1),
    Step("no folder by title", lambda g: g.folder_uid("Roles"), None, reads=2),
    Step("the folder of a rule", lambda g: uid(g.rule_folder("hot")), "made-up-uid", reads=1),
    Step("no such rule", lambda g: g.rule_folder("cold"), None, reads=1),
    Step("a folder is made", lambda g: g.create_folder(Folder("own", "Own")), writes=1),
    Step("a uid is taken", lambda g: g.create_folder(Folder("own", "X")), GrafanaConflict, 0, 1),
    Step("a title is taken", lambda g: g.create_folder(Folder("x", "Own")), GrafanaConflict, 0, 1),
    Step("a folder is renamed", lambda g: g.rename_folder("own", "Our own"), writes=1),
    Step("permissions", lambda g: g.set_permissions("own", READ, {"Crew": 1}), reads=1, writes=1),
    Step("no such folder", lambda g: g.set_permissions("x", {}, {}), GrafanaMissing, writes=1),
    Step("a folder", lambda g: g.folders(["own"]), {"own": Folder("own", "Our own", READ)}, 2),
]

MARKS = [
    Step("no mark", lambda g: g.marks(*ALL), {}, reads=1),
    Step("a moment", lambda g: g.add_mark(MOMENT), 1, writes=1),
    Step("a stretch", lambda g: g.add_mark(STRETCH), 2, writes=1),
    Step("a stretch twice", lambda g: g.add_mark(STRETCH), 3, writes=1),
    Step("a mark of others", lambda g: g.add_mark(replace(MOMENT, tags=frozenset("t"))), 4, 0, 1),
    Step(
        "marks",
        lambda g: g.marks(*ALL),
        {
            "change:1": replace(MOMENT, id=1),
            "change:2": replace(STRETCH, id=2),
            "change:2 again 3": replace(STRETCH, id=3),
        },
        reads=1,
    ),
    Step("more marks than asked", marks_by_two, ["change:1", "change:2", "change:2 again 3"], 2),
    Step("a mark is removed", lambda g: g.remove_mark(3), writes=1),
    # 11.0 does not say that it was not there.
    Step("a mark is gone", lambda g: g.remove_mark(3), None, writes=1),
    Step(
        "a stretch becomes a moment",
        lambda g: g.edit_mark(2, replace(STRETCH, until=None, text="It was short")),
        writes=1,
    ),
    Step(
        "marks again",
        lambda g: g.marks(*ALL),
        {
            "change:1": replace(MOMENT, id=1),
            "change:2": replace(STRETCH, until=None, text="It was short", id=2),
        },
        reads=1,
    ),
    Step(
        "too many tags",
        lambda g: g.add_mark(replace(MOMENT, tags=frozenset(f"robot:{n:050}" for n in range(9)))),
        GrafanaError,
        writes=1,
    ),
    Step(
        "a tag ends at its second colon",
        lambda g: g.add_mark(
            replace(MOMENT, key="change:9", tags=frozenset({"change:9", "a:b:c"}))
        ),
        5,
        writes=1,
    ),
    Step(
        "what became of it",
        lambda g: g.marks("change:9", *ALL[1:]),
        {"change:9": replace(MOMENT, key="change:9", tags=frozenset({"change:9", "a:b"}), id=5)},
        reads=1,
    ),
]

DEFINED = [
    Step("data sources", defined("datasources"), ([], ["limits", "series"]), reads=1),
    Step("dashboards", defined("dashboards"), ([], ["fleet"]), reads=3),
    Step("alerting", defined("alerting"), ([], ["contact point glue", "rule hot"]), reads=2),
    Step("data sources reload", lambda g: g.reload("datasources"), writes=1),
    Step("dashboards reload", lambda g: g.reload("dashboards"), writes=1),
    Step("alerting reload", lambda g: g.reload("alerting"), writes=1),
]

SILENCES = [
    Step("no silence", silences, [], reads=1),
    Step("a silence is made", lambda g: uid(g.set_silence(SILENCE)), "made-up-uuid", 0, 1),
    Step("a silence", silences, [replace(SILENCE, id="made-up-uuid", created_by="")], reads=1),
    Step("a silence is made longer", lengthened, "made-up-uuid", reads=1, writes=1),
    Step(
        "a longer silence", silences, [replace(LONGER, id="made-up-uuid", created_by="")], reads=1
    ),
    Step("a silence is ended", expired, reads=1, writes=1),
    Step("a silence is over", silences, [], reads=1),
    Step("no such silence", lambda g: g.expire_silence("x"), None, writes=1),
    Step(
        "a silence of nothing",
        lambda g: g.set_silence(replace(SILENCE, matchers=())),
        GrafanaError,
        writes=1,
    ),
]

GONE = [
    Step("a member is removed", lambda g: g.remove_member(1, 3), writes=1),
    Step("a member is none", lambda g: g.remove_member(1, 3), GrafanaMissing, writes=1),
    Step("a team is removed", lambda g: g.delete_team(1), writes=1),
    Step("a team is gone", lambda g: g.delete_team(1), GrafanaMissing, writes=1),
    Step("an account is removed", lambda g: g.delete_account(2), writes=1),
    Step("an account is gone", lambda g: g.delete_account(2), GrafanaMissing, writes=1),
]

STORY = {
    "accounts": ACCOUNTS,
    "teams": TEAMS,
    "folders": FOLDERS,
    "marks": MARKS,
    "files": DEFINED,
    "silences": SILENCES,
    "gone": GONE,
}
"""Chapters, each with a tape of its own, in their order."""


async def play(step: Step, grafana: Grafana) -> list[str]:
    """Do it; returns what was not as told."""
    calls = grafana.calls
    reads, writes = calls.reads, calls.writes
    found: Any
    try:
        found = await step.do(grafana)
    except GrafanaError as error:
        found = type(error)
        if found is not step.gives:
            return [f"{step.name}: {error!r} instead of {step.gives!r}"]
    wrong = [] if found == step.gives else [f"{step.name}: {found!r} instead of {step.gives!r}"]
    made = (calls.reads - reads, calls.writes - writes)
    if made != (step.reads, step.writes):
        wrong.append(f"{step.name}: {made} reads and writes, not {(step.reads, step.writes)}")
    return wrong
