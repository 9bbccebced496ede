"""The console as somebody without a script has it: pages read, forms sent, over a real database."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from glue.core.roles import ROLES
from glue.settings import Influx, Postgres
from tests.conftest import SettingsFor
from tests.console import PASSWORD, ROOT, Console, Read, open_console

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u0308\u202e \u2603 机器人"
OF_ROBOT = "/robots/tonypi_01"
PAGES = (
    *("/", "/robots", OF_ROBOT, f"{OF_ROBOT}/live", f"{OF_ROBOT}/limits/cpu", "/alerts", "/live"),
    *("/reports", "/limits", "/limits/robots", "/limits/battery", "/maintenance", "/commands"),
    *("/registrations", "/registrations?registration=refused", "/status", "/account"),
)
FORM = {"content-type": "application/x-www-form-urlencoded"}
OF_OPERATORS = ("/notifications",)
OF_ADMINS = ("/users", "/users/new")


@pytest_asyncio.fixture
async def console(
    influx: Influx, database: Postgres, settings_for: SettingsFor
) -> AsyncIterator[Console]:
    settings = settings_for(PGDATABASE=database.database)
    async with open_console(settings.model_copy(update={"influx": influx})) as opened:
        yield opened


async def test_the_root_leads_to_the_console_and_the_console_to_its_sign_in(
    console: Console,
) -> None:
    visitor = console.visitor()
    for path in ("/", "/console"):
        answer = await visitor.client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (307, "/console/")
    answer = await visitor.get("/robots", status="online")
    assert answer.status_code == 303
    then = "/console/sign-in?then=%2Frobots%3Fstatus%3Donline"
    assert answer.headers["location"] == then
    await visitor.get(then.removeprefix(ROOT))
    page = await visitor.send("Sign in</button>", username="VIEWER", password=PASSWORD)
    assert (page.url.path, page.url.query) == ("/console/robots", b"status=online")


@pytest.mark.parametrize(
    "then", ["//evil.example", "https://evil.example", "/\\evil.example", "/\nx", "evil"]
)
async def test_nobody_is_led_elsewhere_after_signing_in(console: Console, then: str) -> None:
    visitor = console.visitor()
    await visitor.get("/sign-in", then=then)
    page = await visitor.send("Sign in</button>", username="viewer", password=PASSWORD)
    assert str(page.url) == "http://glue.test/console/"


async def test_a_wrong_password_says_nothing_more_and_is_recorded(console: Console) -> None:
    visitor = console.visitor()
    page = await visitor.sign_in("viewer", "wrong")
    assert page.status_code == 403
    assert "User name or password is wrong." in visitor.text
    assert "viewer" in [v.get("value") for _, v in visitor.read().elements]
    nobody = console.visitor()
    assert (await nobody.sign_in(NASTY, "wrong")).status_code == 403
    refused = [one for one in await console.api.logs("auth") if "login refused" in one["message"]]
    assert [one["details"]["reason"] for one in refused] == ["wrong password", "no such user"]


async def test_cookies_are_out_of_reach_and_go_to_the_console_and_to_single_sign_on_alone(
    console: Console,
) -> None:
    visitor = console.visitor()
    await visitor.get("/sign-in")
    form = visitor.read().forms[0]
    data = dict(form.fields) | {"username": "operator", "password": PASSWORD}
    answer = await visitor.client.post(f"{ROOT}/sign-in", data=data)
    cookies = {c.split("=")[0]: c.lower() for c in answer.headers.get_list("set-cookie")}
    assert set(cookies) == {"tonypi_sso", "tonypi_console"}
    for name, path in (("tonypi_sso", "path=/oauth;"), ("tonypi_console", "path=/console;")):
        assert path in cookies[name] + ";"
        assert "httponly" in cookies[name] and "samesite=lax" in cookies[name]


async def test_over_https_cookies_are_for_https_alone_and_links_stay_below_the_proxys_path(
    database: Postgres, settings_for: SettingsFor, influx: Influx
) -> None:
    settings = settings_for(
        PGDATABASE=database.database, GLUE_PUBLIC_URL="https://robots.example/tonypi"
    )
    async with open_console(settings) as console:
        visitor = console.visitor()
        page = await visitor.get("/sign-in")
        (mark,) = page.headers.get_list("set-cookie")
        assert "Secure" in mark and "Path=/tonypi/console" in mark
        for tag, given in visitor.read().elements:
            for name in ("href", "src", "action"):
                if given.get(name, "").startswith("/"):
                    assert given[name].startswith("/tonypi/console"), (tag, given)


@pytest.mark.parametrize("role", ROLES)
async def test_every_page_opens_for_who_may_and_says_why_not_to_others(
    console: Console, role: str
) -> None:
    visitor = await console.as_(role)
    alert = await console.api.add_alert(title="Servo hot", metric="servo_temp", value=71)
    refused = {"viewer": (*OF_OPERATORS, *OF_ADMINS), "operator": OF_ADMINS, "admin": ()}[role]
    own = f"/users/{console.api.users['viewer']}"
    for path in (*PAGES, *OF_OPERATORS, *OF_ADMINS, own, f"/alerts/{alert}", "/emergency-stop"):
        page = await visitor.get(path)
        may = path not in refused and not (path == own and role != "admin")
        # The form for somebody new is shown, and refused when it is sent.
        may = may or path == "/users/new"
        assert page.status_code == (200 if may else 403), f"{path}: {page.text[-2000:]}"
        assert page.headers["content-type"].startswith("text/html")
        _is_sound(page)
        if not may:
            assert "This takes the role" in visitor.text
    nowhere = await visitor.get("/nowhere")
    assert nowhere.status_code == 404
    assert "There is no page at this address" in visitor.text
    _is_sound(nowhere)


def _is_sound(page: httpx.Response) -> None:
    """Closed tags, one of each landmark, every field with a label, a strict policy."""
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    read = Read(page.text)
    tags = [tag for tag, _ in read.elements]
    assert tags.count("main") == 1 and tags.count("h1") == 1, page.url
    ids = [given["id"] for _, given in read.elements if "id" in given]
    assert len(ids) == len(set(ids)), f"{page.url}: {sorted(ids)}"
    labelled = {given.get("for") for tag, given in read.elements if tag == "label"}
    for tag, given in read.elements:
        assert "style" not in given and not any(name.startswith("on") for name in given)
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden":
            inside = given.get("type") == "checkbox" and given.get("name", "").startswith(
                ("even_if", "is_active")
            )
            named = "aria-label" in given or given.get("id") in labelled or inside
            assert named, f"{page.url}: {given}"
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(given.get(name, "").split()) <= set(ids), f"{page.url}: {given}"


async def test_a_form_from_elsewhere_changes_nothing(console: Console) -> None:
    visitor = await console.as_("operator")
    path = f"{ROOT}{OF_ROBOT}/maintenance"
    await visitor.get(OF_ROBOT)
    token = dict(visitor.read().forms[0].fields)["form_token"]
    other = await console.as_("operator")
    for client, sent in (
        (visitor.client, {}),
        (visitor.client, {"form_token": "x" * 64}),
        (visitor.client, {"form_token": token[:-1]}),
        # Somebody else's page, in our browser.
        (other.client, {"form_token": token}),
    ):
        answer = await client.post(path, data={"do": "begin", **sent})
        assert answer.status_code == 403
        assert "Nothing was changed" in answer.text
    # Without its cookie the token is worth nothing.
    bare = console.visitor()
    assert (await bare.client.post(path, data={"form_token": token})).status_code == 403
    assert not await console.api.rows("SELECT 1 AS one FROM robots WHERE status = 'maintenance'")
    (told, *_) = [one for one in await console.api.logs("auth") if one["level"] == "WARNING"]
    assert "a form that was not shown in this browser" in told["message"]
    # As a JSON body, which another site could send without asking, no more.
    answer = await visitor.client.post(path, json={"do": "begin", "form_token": token})
    assert answer.status_code == 403
    answer = await visitor.client.post(path, data={"do": "begin", "form_token": token})
    assert answer.status_code == 303


async def test_a_form_that_is_too_large_is_told_on_a_page(console: Console) -> None:
    visitor = await console.as_("operator")
    answer = await visitor.client.post(
        f"{ROOT}/maintenance", content=b"x" * (1024 * 1024 + 1), headers=FORM
    )
    assert answer.status_code == 413
    assert "A body may have 1048576 bytes at most." in answer.text
    _is_sound(answer)


async def test_every_form_that_changes_something_has_a_token(console: Console) -> None:
    visitor = await console.as_("admin")
    for path in (*PAGES, *OF_OPERATORS, *OF_ADMINS, "/emergency-stop"):
        await visitor.get(path)
        for form in visitor.read().forms:
            has = "form_token" in dict(form.fields)
            assert has == (form.method == "post"), f"{path}: {form}"


async def test_who_signs_out_is_out_here_and_where_grafana_asks(console: Console) -> None:
    visitor = await console.as_("viewer")
    session = visitor.client.cookies["tonypi_sso"]
    await visitor.get("/")
    page = await visitor.send("Sign out</button>")
    assert "You are signed out." in visitor.text, page.text
    visitor.client.cookies.set("tonypi_console", session, path="/console")
    assert (await visitor.get("/")).status_code == 303
    assert await console.api.rows("SELECT 1 AS one FROM sessions WHERE end_reason = 'signed out'")


async def test_an_ended_session_is_led_to_the_sign_in_and_told_that_nothing_was_changed(
    console: Console,
) -> None:
    visitor = await console.as_("operator")
    await visitor.get(OF_ROBOT)
    await console.api.rows("UPDATE sessions SET ended_at = now(), end_reason = 'test'")
    await visitor.send("Begin maintenance</button>")
    assert "You were signed out meanwhile; nothing was changed." in visitor.text
    assert not await console.api.rows("SELECT 1 AS one FROM robots WHERE status = 'maintenance'")


async def test_names_that_look_like_markup_are_shown_as_they_are(console: Console) -> None:
    api = console.api
    await api.rows("UPDATE robots SET name = %(n)s::text, description = %(n)s::text", n=NASTY)
    await api.rows("UPDATE robots SET camera_url = 'javascript:alert(3)'")
    alert = await api.add_alert(title=NASTY, message=NASTY, source="x'\"<b>")
    await api.rows(
        "INSERT INTO reports (title, description, report_type)"
        " VALUES (%(n)s::text, %(n)s::text, 'system')",
        n=NASTY,
    )
    await api.rows(
        "INSERT INTO refused_messages (topic, reason, count, last_at, last_detail)"
        " VALUES (%(n)s::text, %(n)s::text, 1, now(), %(n)s::text)",
        n=NASTY[:50],
    )
    visitor = await console.as_("admin")
    for path in (
        *PAGES,
        f"/alerts/{alert}",
        f"/alerts?text={NASTY[:20]}",
        "/robots?text=%3Cscript",
    ):
        page = await visitor.get(path)
        _is_sound(page)
        assert 'href="javascript:' not in page.text
        assert "<script>alert" not in page.text and "<img" not in page.text, path
    page = await visitor.get(f"/alerts/{alert}")
    assert NASTY in page.text.replace("&lt;", "<").replace("&gt;", ">").replace(
        "&#34;", '"'
    ).replace("&#39;", "'")


async def test_an_alert_is_acknowledged_commented_and_resolved_by_hand(console: Console) -> None:
    api = console.api
    alert = await api.add_alert(title="Servo hot", metric="servo_temp")
    viewer = await console.as_("viewer")
    page = await viewer.get(f"/alerts/{alert}")
    assert "Acknowledge" not in page.text
    operator = await console.as_("operator")
    await operator.get(f"/alerts/{alert}")
    await operator.send("Comment</button>")
    assert operator.page and operator.page.status_code == 422
    await operator.send("Acknowledge</button>", comment="I go there")
    assert "You look after it now." in operator.text
    await operator.send("Resolve by hand</button>", comment="done")
    assert "resolved" in operator.text
    (row,) = await api.rows("SELECT * FROM alerts WHERE id = %(id)s", id=alert)
    assert (row["acknowledged_by"], row["resolved_by"]) == ("operator", "operator")
    said = [one["message"] for one in await api.logs("api")]
    assert said == [f"operator acknowledged alert {alert}", f"operator resolved alert {alert}"]
    await operator.get(f"/alerts/{alert}")
    assert re.search("I go there.*done", operator.text), "both stand in the timeline"


async def test_an_alert_is_muted_for_a_while_and_told_again(console: Console) -> None:
    alert = await console.api.add_alert(title="Servo hot", metric="servo_temp")
    operator = await console.as_("operator")
    await operator.get(f"/alerts/{alert}")
    await operator.send("Mute</button>", hours="8")
    assert "Nobody is told of it now." in operator.text and "by operator until" in operator.text
    (row,) = await console.api.rows("SELECT * FROM alerts WHERE id = %(id)s", id=alert)
    left = row["muted_until"] - datetime.now(UTC)
    assert timedelta(hours=7.9) < left <= timedelta(hours=8)
    await operator.send("Tell people again</button>")
    assert "nobody is told" not in operator.text
    await operator.send("Mute</button>", hours="")
    assert "by operator" in operator.text and "by operator until" not in operator.text


async def test_who_acts_on_an_old_page_is_told_that_somebody_was_faster(console: Console) -> None:
    alert = await console.api.add_alert(title="Servo hot")
    slow, fast = await console.as_("operator"), await console.as_("admin")
    await slow.get(f"/alerts/{alert}")
    await fast.get(f"/alerts/{alert}")
    await fast.send("Acknowledge</button>")
    page = await slow.send("Resolve by hand</button>", comment="mine")
    assert page.status_code == 412
    assert "Somebody changed this meanwhile" in slow.text
    (row,) = await console.api.rows("SELECT resolved FROM alerts WHERE id = %(id)s", id=alert)
    assert row["resolved"] is False
    assert "mine" in page.text, "what was typed is not lost"
    for path, button in (
        (OF_ROBOT, "Begin maintenance</button>"),
        (f"{OF_ROBOT}/limits/cpu", "Set these limits</button>"),
        ("/limits/cpu", "Set these limits</button>"),
    ):
        one, other = await console.as_("admin"), await console.as_("admin")
        await one.get(path)
        await other.get(path)
        filled = {"warning": "61", "critical": "81"} if "limits" in path else {}
        assert (await one.send(button, **filled)).status_code == 200
        assert (await other.send(button, **filled)).status_code == 412, path


async def test_many_alerts_are_acknowledged_at_once(console: Console) -> None:
    ids = [await console.api.add_alert(title=f"Servo {n} hot") for n in range(4)]
    visitor = await console.as_("operator")
    await visitor.get("/alerts")
    assert (await visitor.send("Acknowledge the marked</button>")).status_code == 422
    marked = [("id", str(one)) for one in ids[:3]]
    await visitor.send("Acknowledge the marked</button>", *marked, comment="storm")
    assert "3 acknowledged." in visitor.text
    rows = await console.api.rows("SELECT id FROM alerts WHERE acknowledged_by = 'operator'")
    assert sorted(row["id"] for row in rows) == ids[:3]


async def test_lists_go_on_page_by_page_and_keep_their_filter(console: Console) -> None:
    for n in range(60):
        await console.api.add_alert(title=f"Servo {n} hot", severity="critical")
    visitor = await console.as_("viewer")
    page = await visitor.get("/alerts", severity="critical", robot_id="", text="")
    assert page.status_code == 200, "an empty field is no filter"
    (further,) = [
        given["href"] for tag, given in visitor.read().elements if given.get("rel") == "next"
    ]
    assert "severity=critical" in further
    page = await visitor.get(f"/alerts{further}")
    assert "First page" in visitor.text
    assert (await visitor.get("/alerts", severity="terrible")).status_code == 422
    assert (await visitor.get("/alerts", cursor="rubbish")).status_code == 422


async def test_maintenance_begins_with_reason_and_end_and_ends(console: Console) -> None:
    visitor = await console.as_("operator")
    visitor.client.cookies.set("tonypi_console_zone", "Asia/Tokyo", path="/console")
    await visitor.get(OF_ROBOT)
    assert "In Asia/Tokyo" in visitor.text
    page = await visitor.send(
        "Begin maintenance</button>", until="2020-01-01T08:00", reason="servo"
    )
    assert page.status_code == 422 and "has passed" in visitor.text
    soon = datetime.now(UTC).replace(microsecond=0, second=0) + timedelta(days=2)
    local = (soon + timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M")
    await visitor.send("Begin maintenance</button>", until=local, reason="new servo")
    assert f"{local.replace('T', ' ')}:00 +09:00" in visitor.text
    (row,) = await console.api.rows("SELECT * FROM robots WHERE robot_id = 'tonypi_01'")
    assert (row["maintenance_until"], row["maintenance_reason"]) == (soon, "new servo")
    await visitor.get("/maintenance")
    assert "new servo" in visitor.text
    await visitor.get(OF_ROBOT)
    await visitor.send("End it now</button>")
    assert "The maintenance is over." in visitor.text
    await visitor.get("/maintenance")
    await visitor.send("Begin maintenance</button>", robot_ids="tonypi_01, nobody")
    assert "nobody: no such robot" in visitor.text


async def test_limits_are_set_and_taken_back_by_who_may(console: Console) -> None:
    operator = await console.as_("operator")
    await operator.get(f"{OF_ROBOT}/limits/cpu")
    page = await operator.send("Set these limits</button>", warning="80", critical="70")
    assert page.status_code == 422 and 'value="80"' in page.text
    await operator.send("Set these limits</button>", warning="60.5", critical="80")
    assert "Set. In force at the next evaluation." in operator.text
    await operator.get(OF_ROBOT)
    assert "60.5 %" in operator.text and "this robot" in operator.text
    await operator.get("/limits/cpu")
    assert "Set these limits" not in operator.text
    await operator.get(f"{OF_ROBOT}/limits/cpu")
    await operator.send("Back to the fleet’s</button>")
    assert "Back to the fleet’s limits." in operator.text
    admin = await console.as_("admin")
    await admin.get("/limits/cpu")
    await admin.send("Set these limits</button>", warning="55", critical="75", enabled="")
    assert "Now warning 55 and critical 75 %" in admin.text
    said = [one["message"] for one in await console.api.logs("api")]
    assert said == [
        "operator set limits of cpu for robot tonypi_01",
        "operator reset limits of cpu for robot tonypi_01",
        "admin set limits of cpu for the fleet",
    ]
    await admin.get("/limits")
    assert "admin the fleet CPU load 70 / 90 55 / 75" in admin.text


async def test_users_are_added_changed_and_put_out(console: Console) -> None:
    admin = await console.as_("admin")
    await admin.get("/users/new")
    page = await admin.send("Add</button>", username="ada", email="nowhere", role="operator")
    assert page.status_code == 422 and 'value="ada"' in page.text
    page = await admin.send(
        "Add</button>", username="ada", email="ada@example.org", role="operator"
    )
    password = re.search(r'class="secret">([^<]+)<', page.text)
    assert password and page.headers["cache-control"] == "no-store"
    ada = console.visitor()
    await ada.sign_in("ada", password[1])
    await ada.get("/")
    assert "ada operator" in ada.text
    (row,) = await console.api.rows("SELECT id FROM users WHERE username = 'ada'")
    await admin.get(f"/users/{row['id']}")
    await admin.send("Save</button>", role="viewer")
    assert "Saved." in admin.text
    await ada.get("/")
    assert "ada viewer" in ada.text
    await admin.send("Deactivate</button>")
    assert "ada is out" in admin.text
    assert (await ada.get("/")).status_code == 303
    await admin.get(f"/users/{console.api.users['admin']}")
    page = await admin.send("Deactivate</button>")
    assert page.status_code == 409 and "last active admin" in admin.text


async def test_what_a_role_may_not_is_refused_also_to_a_form_made_by_hand(console: Console) -> None:
    alert = await console.api.add_alert(title="Servo hot")
    viewer = await console.as_("viewer")
    await viewer.get("/")
    token = dict(viewer.read().forms[0].fields)["form_token"]
    forms: dict[str, dict[str, Any]] = {
        f"{OF_ROBOT}/maintenance": {"do": "begin"},
        f"{OF_ROBOT}/commands": {"type": "stop"},
        f"{OF_ROBOT}/limits/cpu": {"do": "set", "warning": "1", "critical": "2"},
        f"{OF_ROBOT}/remove": {"confirm": "true"},
        OF_ROBOT: {"name": "mine"},
        f"/alerts/{alert}": {"do": "acknowledge"},
        "/alerts": {"id": str(alert)},
        "/limits/cpu": {"do": "preview", "warning": "50", "critical": "60"},
        "/maintenance": {"robot_ids": "tonypi_01"},
        "/registrations": {"robot_id": "tonypi_01", "do": "refused"},
        "/robots/new": {"robot_id": "new"},
        "/users/new": {"username": "eve", "email": "eve@example.org"},
        f"/users/{console.api.users['viewer']}": {"do": "change", "role": "admin"},
        "/emergency-stop": {},
        f"/emergency-stop/{OF_ROBOT.rpartition('/')[2]}": {},
        "/notifications/targets/1/test": {},
    }
    before = await console.api.rows("SELECT * FROM robots ORDER BY robot_id")
    for path, fields in forms.items():
        answer = await viewer.client.post(f"{ROOT}{path}", data={"form_token": token, **fields})
        assert answer.status_code == 403, f"{path}: {answer.status_code}"
        assert "This takes the role" in answer.text, path
    assert await console.api.rows("SELECT * FROM robots ORDER BY robot_id") == before
    refused = [
        one["details"]
        for one in await console.api.logs("auth")
        if "takes" in (one["details"] or {})
    ]
    assert {one["takes"] for one in refused} == {"operator", "admin"}


async def test_robots_that_wait_are_accepted_by_an_admin(console: Console) -> None:
    await console.api.rows(
        "INSERT INTO robots (robot_id, registration)"
        " VALUES ('new_1', 'pending'), ('new_2', 'pending')"
    )
    admin = await console.as_("admin")
    await admin.get("/")
    assert "wait to be accepted" in admin.text
    await admin.get("/registrations")
    await admin.send("Accept the marked</button>", ("robot_id", "new_1"))
    assert "1 accepted." in admin.text
    await admin.send("Refuse the marked</button>", ("robot_id", "new_2"))
    await admin.get("/registrations?registration=refused")
    assert "new_2" in admin.text


async def test_a_robot_is_edited_removed_after_a_question_and_taken_back(console: Console) -> None:
    operator = await console.as_("operator")
    await operator.get(OF_ROBOT)
    page = await operator.send("Save</button>", time_zone="Mars/Olympus", name="Rosie")
    assert page.status_code == 422 and "no time zone" in operator.text and "Rosie" in page.text
    await operator.send("Save</button>", time_zone="Europe/Berlin", name="Rosie")
    assert "Saved." in operator.text and "Rosie" in operator.text
    await operator.send("Remove this robot …</button>")
    assert "Remove tonypi_01?" in operator.text
    assert not await console.api.rows("SELECT 1 AS one FROM robots WHERE removed_at IS NOT NULL")
    await operator.send("Yes, do it</button>")
    assert "tonypi_01 is removed." in operator.text
    await operator.send("Take it back</button>")
    assert "tonypi_01 is back" in operator.text


async def test_while_postgresql_is_away_pages_say_so_and_robots_can_still_be_stopped(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, viewer = await console.as_("operator"), await console.as_("viewer")
    await operator.get("/")
    await console.api.pool.close()
    page = await operator.get("/robots")
    assert page.status_code == 503 and page.headers["retry-after"]
    assert "PostgreSQL cannot be reached" in operator.text
    _is_sound(page)
    page = await operator.get("/emergency-stop")
    assert page.status_code == 200
    assert "Stop all robots now" in page.text
    assert "tonypi_console_stop" not in str(page.headers), "a believed token gives no next one"
    page = await viewer.get("/emergency-stop")
    assert page.status_code == 503
    stranger = console.visitor()
    assert (await stranger.get("/emergency-stop")).status_code == 303


async def test_who_changes_the_password_stays_in_this_browser_alone(console: Console) -> None:
    here, there = await console.as_("viewer"), await console.as_("viewer")
    await here.get("/account")
    new = "battery horse staple"
    page = await here.send(
        "Change the password</button>", old_password=PASSWORD, new_password=new, again="other"
    )
    assert page.status_code == 422 and "not the same" in here.text and new not in page.text
    page = await here.send(
        "Change the password</button>", old_password="wrong", new_password=new, again=new
    )
    assert page.status_code == 422 and "this is not your password" in here.text
    await here.send(
        "Change the password</button>", old_password=PASSWORD, new_password=new, again=new
    )
    assert "You have another password" in here.text
    assert here.text.count("this one") == 1 and "End the session" not in here.text
    assert (await there.get("/")).status_code == 303
    again = console.visitor()
    assert (await again.sign_in("viewer", new)).status_code == 200
    assert "Overview" in again.text


async def test_limits_are_tried_on_the_past_without_a_script(console: Console) -> None:
    operator = await console.as_("operator")
    await operator.get("/limits/cpu")
    page = await operator.send("Try on the past</button>", warning="", critical="95", hours="1")
    assert page.status_code == 200, "what is left empty is tried as it is"
    assert "What warning 70 and critical 95 % would have done" in operator.text
    assert page.text.count("<svg") >= 2 and "No data in this time." in page.text
    page = await operator.send("Try on the past</button>", warning="97", critical="95")
    assert page.status_code == 422 and "critical 95 is not above warning 97" in operator.text
    await operator.send("Suggest</button>", warning="", critical="")
    assert "too few readings" in operator.text
    assert not await console.api.logs("api"), "nothing was set"


async def test_a_glue_that_makes_reports_is_asked_for_one(console: Console) -> None:
    visitor = await console.as_("viewer")
    known = console.api.app.state.operations
    asked = "/reports/new"
    known.pop("make_report", None)
    await visitor.get("/reports")
    assert asked not in [given.get("href") for _, given in visitor.read().elements]
    known["make_report"] = known["list_reports"]
    await visitor.get("/reports")
    assert asked in [given.get("href") for _, given in visitor.read().elements]


async def test_pages_are_counted_by_route_beside_the_apis(console: Console) -> None:
    visitor = await console.as_("viewer")
    await visitor.get(OF_ROBOT)
    figures = (await visitor.client.get("/metrics")).text
    assert 'method="GET",route="/console/robots/{robot_id}",status="200"' in figures
