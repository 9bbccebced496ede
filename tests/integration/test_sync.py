"""Grafana follows PostgreSQL and the files: on a real Grafana, every write counted."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime

import httpx
import psycopg
import pytest

from glue.core.grafana_change import said
from glue.grafana import GrafanaUnavailable
from tests.sync import Synced, done


async def test_people_get_their_account_role_and_team(synced: Synced) -> None:
    synced.add_user("Ada", "admin")
    synced.add_user("bob", "operator")
    synced.add_user("eve", "viewer")
    synced.add_user("zed", active=False)
    async with synced.reconciler() as reconciler:
        outcome = await reconciler.apply()
        assert not outcome.left.drift
        roles = synced.roles()
        assert (roles["ada"], roles["bob"], roles["eve"]) == ("Admin", "Editor", "Viewer")
        assert "zed" not in roles
        assert synced.team("TonyPi operators") == {"bob"}
        # In step: a look costs requests, and not one write.
        synced.proxy.forget()
        again = await reconciler.apply()
    assert (again.done, again.writes, synced.proxy.writes) == ([], 0, [])
    assert again.requests == len(synced.proxy.seen)


async def test_a_plan_writes_nothing(synced: Synced) -> None:
    synced.add_user("mia", "operator")
    synced.row("INSERT INTO robots (robot_id) VALUES ('plan1') ON CONFLICT DO NOTHING")
    synced.row("UPDATE robots SET status = 'maintenance' WHERE robot_id = 'plan1'")
    before = count(synced, "SELECT count(*) FROM grafana_objects")
    async with synced.reconciler() as reconciler:
        found = await reconciler.plan()
    assert next(said(one) for one in found.changes).startswith("+ user mia")
    assert any(one.kind == "mark" for one in found.changes)
    assert synced.proxy.seen, "it looked"
    assert synced.proxy.writes == []
    assert count(synced, "SELECT count(*) FROM grafana_objects") == before


def count(synced: Synced, query: str) -> int:
    with psycopg.connect(synced.settings.postgres.dsn) as conn:
        row = conn.execute(query).fetchone()
        assert row is not None
        return int(row[0])


async def test_one_role_changed_is_exactly_four_writes(synced: Synced) -> None:
    synced.add_user("ann", "operator")
    synced.add_user("ben", "viewer")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        synced.row("UPDATE users SET role = 'viewer' WHERE username = 'ann'")
        synced.proxy.forget()
        outcome = await reconciler.apply()
    assert done(outcome) == [
        *done(outcome)[:1],
        "- member ann in TonyPi operators: was ann",
        "~ role ann: Editor → Viewer",
        "+ member ann in TonyPi viewers: ann",
    ]
    assert done(outcome)[0].startswith("- sessions ann: was ")
    assert [method for method, _ in synced.proxy.writes] == ["POST", "DELETE", "PATCH", "POST"]
    assert synced.roles()["ann"] == "Viewer"


async def test_who_is_deactivated_is_signed_out_and_out_of_the_organisation(synced: Synced) -> None:
    synced.add_user("cai", "operator")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        number = synced.user_id("cai")
        synced.row("UPDATE users SET is_active = false WHERE username = 'cai'")
        synced.proxy.forget()
        await reconciler.apply()
        assert "cai" not in synced.roles()
        assert ("POST", f"/api/admin/users/{number}/logout") in synced.proxy.writes
        assert synced.user_id("cai") == number, "the account stays"
        # And comes back as the same one.
        synced.row("UPDATE users SET is_active = true WHERE username = 'cai'")
        await reconciler.apply()
    assert synced.roles()["cai"] == "Editor"
    assert synced.user_id("cai") == number


PASSWORD = "correct horse battery"


def _signed_in(synced: Synced, login: str) -> httpx.Client:
    """A browser of that user, in Grafana."""
    synced.send("PUT", f"/admin/users/{synced.user_id(login)}/password", {"password": PASSWORD})
    browser = httpx.Client(base_url=synced.settings.grafana.url)
    answer = browser.post("/login", json={"user": login, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    assert browser.get("/api/user").status_code == 200
    return browser


ENDS = {
    "password": "UPDATE users SET password_hash = '!2' WHERE username = 'dee'",
    "role": "UPDATE users SET role = 'operator' WHERE username = 'dee'",
    "deactivation": "UPDATE users SET is_active = false WHERE username = 'dee'",
    "all sessions": "SELECT sign_out_of_grafana(id::text) FROM users WHERE username = 'dee'",
}


@pytest.mark.parametrize("statement", ENDS.values(), ids=ENDS)
async def test_what_ends_a_persons_sessions_ends_those_in_grafana(
    synced: Synced, statement: str
) -> None:
    synced.add_user("dee")
    synced.add_user("eli")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        with closing(_signed_in(synced, "dee")) as dee, closing(_signed_in(synced, "eli")) as eli:
            synced.row(statement)
            # Grafana is not well: it stays to be done.
            synced.proxy.break_next("refuse", lambda _, path: path.endswith("/logout"))
            with pytest.raises(GrafanaUnavailable):
                await reconciler.apply()
            assert dee.get("/api/user").status_code == 200
            outcome = await reconciler.apply()
            assert not outcome.left.drift
            assert dee.get("/api/user").status_code == 401
            assert eli.get("/api/user").status_code == 200
        synced.proxy.forget()
        await reconciler.apply()
        assert synced.proxy.writes == []


async def test_what_is_changed_by_hand_is_set_back(synced: Synced) -> None:
    synced.add_user("dot", "viewer")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        number = synced.user_id("dot")
        synced.send("PATCH", f"/orgs/1/users/{number}", {"role": "Admin"})
        (team,) = synced.get("/teams/search", name="TonyPi viewers")["teams"]
        synced.send("DELETE", f"/teams/{team['id']}/members/{number}")
        open_to_all = {"items": [{"role": "Viewer", "permission": 2}]}
        synced.send("POST", "/folders/robots/permissions", open_to_all)
        outcome = await reconciler.apply()
        *people, folder = done(outcome)
        assert people == ["~ role dot: Admin → Viewer", "+ member dot in TonyPi viewers: dot"]
        assert folder.startswith("~ permissions Robots: ")
        assert "role Viewer: Edit → View" in folder
        assert not (await reconciler.plan()).drift


async def test_deleted_and_renamed_by_hand_it_comes_back(synced: Synced) -> None:
    synced.add_user("eli", "operator")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        number = synced.user_id("eli")
        hers = {"login": "elias", "email": "eli@example.org", "name": "Elias"}
        synced.send("PUT", f"/users/{number}", hers)
        (team,) = synced.get("/teams/search", name="TonyPi operators")["teams"]
        synced.send("DELETE", f"/teams/{team['id']}")
        (crew,) = synced.get("/teams/search", name="TonyPi admins")["teams"]
        synced.send("PUT", f"/teams/{crew['id']}", {"name": "Crew"})
        rules = next(f for f in synced.get("/folders") if f["title"] == "Robot rules")
        synced.send("PUT", f"/folders/{rules['uid']}", {"title": "Mine", "overwrite": True})
        synced.send("PUT", "/folders/robots", {"title": "Ours", "overwrite": True})
        outcome = await reconciler.apply()
        assert not outcome.left.drift, done(outcome)
    assert synced.user_id("eli") == number
    assert synced.team("TonyPi operators") == {"eli"}
    teams = {team["name"]: team["id"] for team in synced.get("/teams/search")["teams"]}
    assert teams["TonyPi admins"] == crew["id"]
    assert "Crew" not in teams
    titles = {folder["uid"]: folder["title"] for folder in synced.get("/folders")}
    assert titles["robots"] == "Robots"
    assert titles[rules["uid"]] == "Robot rules"
    assert len([title for title in titles.values() if title == "Robot rules"]) == 1


async def test_others_objects_are_never_touched(synced: Synced) -> None:
    stranger = {"login": "fay", "email": "fay@other.org", "name": "Fay", "password": "other's"}
    synced.send("POST", "/admin/users", {**stranger, "OrgId": 1})
    synced.send("POST", "/teams", {"name": "Others"})
    synced.send("POST", "/folders", {"uid": "others", "title": "Others"})
    text = {"text": "a note", "tags": ["note"], "time": int(datetime.now(UTC).timestamp() * 1000)}
    synced.send("POST", "/annotations", text)
    synced.add_user("fay", "admin")
    synced.add_user("gil", "viewer")
    before = others(synced)
    async with synced.reconciler() as reconciler:
        outcome = await reconciler.apply(prune=True)
        assert [(one.kind, one.name) for one in outcome.left.conflicts] == [("user", "fay")]
        synced.row("DELETE FROM users")
        await reconciler.apply(prune=True)
    assert others(synced) == before


async def test_what_else_may_act_in_grafana_is_told(synced: Synced) -> None:
    made = synced.send("POST", "/serviceaccounts", {"name": "robot hand", "role": "Admin"})
    try:
        async with synced.reconciler() as reconciler:
            found = await reconciler.plan()
    finally:
        synced.send("DELETE", f"/serviceaccounts/{made['id']}")
    assert "service account robot hand (Admin, 0 tokens)" in found.others
    assert not found.drift


def others(synced: Synced) -> str:
    """All that is not ours, as Grafana tells it."""
    user = synced.get("/users/lookup", loginOrEmail="fay")
    kept = {key: user[key] for key in ("id", "login", "email", "name", "isDisabled")}
    teams = [t for t in synced.get("/teams/search")["teams"] if t["name"] == "Others"]
    folder = synced.get("/folders/others")
    rights = sorted(
        (row["role"] if "role" in row else row["userLogin"], row["permissionName"])
        for row in synced.get("/folders/others/permissions")
    )
    notes = [a["text"] for a in synced.get("/annotations", tags="note")]
    return json.dumps([kept, synced.roles()["fay"], teams, folder["version"], rights, notes])


async def test_every_write_is_logged_with_the_difference(synced: Synced) -> None:
    synced.add_user("hal", "viewer")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        synced.send("PATCH", f"/orgs/1/users/{synced.user_id('hal')}", {"role": "Editor"})
        await reconciler.apply()
    with psycopg.connect(synced.settings.postgres.dsn) as conn:
        message, details = conn.execute(
            "SELECT message, details FROM system_logs WHERE details ->> 'grafana' = 'role'"
            " AND details ->> 'name' = 'hal' ORDER BY id DESC LIMIT 1"
        ).fetchone()  # type: ignore[misc]
    assert message == "Grafana: ~ role hal: Editor → Viewer"
    assert (details["before"], details["after"]) == ("Editor", "Viewer")


async def test_a_prune_removes_what_is_ours_alone(synced: Synced) -> None:
    synced.add_user("ivy", "viewer")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        synced.row("DELETE FROM users WHERE username = 'ivy'")
        kept = await reconciler.apply()
        assert "ivy" not in synced.roles()
        assert [one.name for one in kept.left.leftovers] == ["ivy"]
        await reconciler.apply(prune=True)
    assert synced.direct.get("/api/users/lookup", params={"loginOrEmail": "ivy"}).status_code == 404


@pytest.mark.parametrize("kind", ["hang", "lose"])
async def test_a_lost_answer_is_not_written_twice(synced: Synced, kind: str) -> None:
    """Grafana did it, or not, and nobody was told: the next look knows."""
    name = f"kim-{kind}"
    synced.add_user(name, "operator")
    synced.proxy.break_next(
        kind, lambda method, path: (method, path) == ("POST", "/api/admin/users"), seconds=3
    )
    async with synced.reconciler(timeout=1.5) as hasty:
        with pytest.raises(GrafanaUnavailable):
            await hasty.apply()
    async with synced.reconciler() as reconciler:
        outcome = await reconciler.apply()
        assert not outcome.left.drift
    assert synced.roles()[name] == "Editor"
    created = [one for one in synced.proxy.writes if one == ("POST", "/api/admin/users")]
    assert len(created) == (1 if kind == "lose" else 2)


@pytest.mark.parametrize("how", ["demoted", "removed"])
async def test_an_admin_cannot_shut_the_reconciler_out(synced: Synced, how: str) -> None:
    """Whoever is Admin of the organisation may take our administrator out of it."""
    synced.add_user("una", "admin")
    synced.add_user("boss", "admin")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        root = synced.settings.grafana.admin_user
        number = synced.user_id(root)
        path = f"/admin/users/{synced.user_id('una')}/password"
        synced.send("PUT", path, {"password": "for a test"})
        with httpx.Client(base_url=synced.direct.base_url, auth=("una", "for a test")) as una:
            if how == "removed":
                answer = una.delete(f"/api/org/users/{number}")
            else:
                answer = una.patch(f"/api/org/users/{number}", json={"role": "Viewer"})
            assert answer.status_code == 200, answer.text
        synced.row("UPDATE users SET role = 'viewer' WHERE username = 'una'")
        outcome = await reconciler.apply()
        assert done(outcome)[0].startswith(("+ role", "~ role"))
        assert not outcome.left.drift
    assert synced.roles()[root] == "Admin"
    assert synced.roles()["una"] == "Viewer"


async def test_who_is_renamed_keeps_the_account(synced: Synced) -> None:
    synced.add_user("vic", "operator")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        number = synced.user_id("vic")
        synced.row("UPDATE users SET username = 'vera' WHERE username = 'vic'")
        synced.row(
            "INSERT INTO users (username, email, password_hash, role)"
            " VALUES ('vic', 'another@example.org', '!', 'admin')"
        )
        outcome = await reconciler.apply()
        assert not outcome.left.drift, done(outcome)
        assert not outcome.left.conflicts
    assert synced.user_id("vera") == number
    assert synced.user_id("vic") != number
    assert (synced.roles()["vera"], synced.roles()["vic"]) == ("Editor", "Admin")


async def test_an_account_that_was_deleted_by_hand_is_made_again(synced: Synced) -> None:
    synced.add_user("wes", "viewer")
    async with synced.reconciler() as reconciler:
        await reconciler.apply()
        synced.send("DELETE", f"/admin/users/{synced.user_id('wes')}")
        outcome = await reconciler.apply()
        assert not outcome.left.drift
    assert synced.roles()["wes"] == "Viewer"
    assert count(synced, "SELECT count(*) FROM grafana_objects WHERE name = 'wes'") == 1
    with psycopg.connect(synced.settings.postgres.dsn) as conn:
        row = conn.execute(
            "SELECT o.email, o.external, o.user_id = u.id FROM grafana_objects o"
            " JOIN users u ON u.username = o.name WHERE o.name = 'wes'"
        ).fetchone()
    assert row == ("wes@example.org", False, True)
