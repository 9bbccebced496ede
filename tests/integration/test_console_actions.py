"""What people do in the console, without a script: forms sent, over a real database."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue.console.page import Page
from glue.console.pages import PAGES
from glue.settings import Influx, Postgres
from tests.conftest import SettingsFor
from tests.console import PASSWORD, ROOT, Console, is_sound, open_console
from tests.integration.test_series import fresh_bucket

OF_ROBOT = "/robots/tonypi_01"


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
    later = await api.add_alert(
        title="Servo hot again", resolved=True, resolved_at=datetime.now(UTC)
    )
    await operator.get(f"/alerts/{later}")
    assert "Acknowledge</button>" not in operator.page.text, "what is over needs nobody"
    await operator.get("/alerts", state="any")
    assert f'value="{later}"' not in operator.page.text


async def test_an_alerts_page_tells_the_present_reading_and_units(console: Console) -> None:
    api = console.api
    await api.rows(
        "INSERT INTO heartbeats (name, beat_at, listened) VALUES ('events', now(), 1900)"
        " ON CONFLICT (name) DO UPDATE SET listened = 1900, beat_at = now()"
    )
    await api.rows(
        "UPDATE robots SET heard_at = 1000, last_seen = now(), status = 'online',"
        " clean_offline = false WHERE robot_id = 'tonypi_01'"
    )
    alert = await api.add_alert(
        robot_id="tonypi_01", metric="silence", value=63.9996, threshold=60.0, title="Silent"
    )
    viewer = await console.as_("viewer")
    facts = re.sub(r"<[^>]*>", " ", (await viewer.get(f"/alerts/{alert}")).text)
    assert re.search(r"Now\s+15 min\s+When it opened or changed\s+1 min, limit 1 min", facts)


async def test_an_alert_that_is_stale_or_was_worse_says_so(console: Console) -> None:
    alert = await console.api.add_alert(
        title="Node down",
        metric="rule:node_down:0123456789ab",
        severity="warning",
        worst_severity="critical",
        repeated_at=datetime.now(UTC) - timedelta(days=2),
        stale_since=datetime.now(UTC) - timedelta(days=1),
    )
    operator = await console.as_("operator")
    listed = (await operator.get("/alerts")).text
    assert "was critical" in listed and "<small>stale</small>" in listed
    assert "Node down" in (await operator.get("/alerts", state="stale")).text
    assert "was critical" in (await operator.get(f"/alerts/{alert}")).text
    assert "Last repeated" in operator.text and "2 d ago" in operator.text
    await operator.send("Resolve by hand</button>", comment="")
    (row,) = await console.api.rows("SELECT * FROM alerts WHERE id = %(id)s", id=alert)
    assert (row["severity"], row["resolve_reason"]) == ("critical", "not repeated")


async def test_an_alert_is_muted_for_a_while_and_told_again(console: Console) -> None:
    alert = await console.api.add_alert(title="Servo hot", metric="servo_temp")
    operator = await console.as_("operator")
    await operator.get(f"/alerts/{alert}")
    await operator.send("Mute</button>", hours="8")
    assert "Muted." in operator.text and "by operator until" in operator.text
    (row,) = await console.api.rows("SELECT * FROM alerts WHERE id = %(id)s", id=alert)
    left = row["muted_until"] - datetime.now(UTC)
    assert timedelta(hours=7.9) < left <= timedelta(hours=8)
    await operator.send("Unmute</button>")
    assert "suppressed" not in operator.text
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
    tip = f"{local.replace('T', ' ')}:00 +09:00 (Asia/Tokyo)"
    assert tip in [given.get("title") for _, given in visitor.read().elements]
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


async def test_the_role_is_checked_before_what_a_form_says(console: Console) -> None:
    """Also of a form that makes no sense, of a thing that is not there, of every button."""
    viewer = await console.as_("viewer")
    await viewer.get("/")
    token = dict(viewer.read().forms[0].fields)["form_token"]
    refused = 0
    for module in PAGES:
        for route in module.router.routes:
            assert isinstance(route, Page)
            buttons = ["", "nonsense", *route.does.by_button] if "POST" in route.methods else []
            for button in buttons:
                if route.does.least(button) in (None, "viewer"):
                    continue
                path = re.sub(r"{metric(:\w+)?}", "cpu", route.path)
                path = re.sub(r"{\w+(:\w+)?}", "77", path)
                sent = {"form_token": token, "do": button, "until": "never", "hours": "x"}
                answer = await viewer.client.post(f"{ROOT}{path}", data=sent)
                assert answer.status_code == 403, f"{path} {button}: {answer.status_code}"
                assert "This takes the role" in answer.text, path
                refused += 1
    assert refused > 60


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
    is_sound(page)
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


async def test_limits_are_tried_on_the_past_without_a_script(
    influx: Influx, database: Postgres, settings_for: SettingsFor
) -> None:
    settings = settings_for(PGDATABASE=database.database)
    # A bucket that no other test has written into.
    async with open_console(
        settings.model_copy(update={"influx": fresh_bucket(influx)})
    ) as console:
        await _try_limits(console)


async def _try_limits(console: Console) -> None:
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
