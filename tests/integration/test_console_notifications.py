"""Notifications in the console: targets, routes, and what waits; without a script."""

from __future__ import annotations

from tests import notified
from tests.console import Console

URL = "json://bot:s3cretpassword@127.0.0.1:9/hook"


async def test_a_target_is_added_changed_and_removed_and_never_shows_its_address(
    console: Console,
) -> None:
    admin = await console.as_("admin")
    await admin.get("/notifications")
    await admin.get("/notifications/targets/new")
    wrong = await admin.send("Add</button>", name="ops", url="gopher://nowhere")
    assert wrong.status_code == 422 and 'value="ops"' in wrong.text
    assert "gopher" not in wrong.text.partition("<main")[2].partition("<form")[2]
    page = await admin.send("Add</button>", name="ops", url=URL)
    assert page.status_code == 200 and "Added: ops." in admin.text
    (made,) = await console.api.rows("SELECT * FROM notification_targets")
    assert made["enabled"]

    await admin.get(f"/notifications/targets/{made['id']}")
    page = await admin.send("Save</button>", name="night", title_template="{{ heading }}!")
    assert page.status_code == 200 and "s3cretpassword" not in page.text
    (kept,) = await console.api.rows("SELECT * FROM notification_targets")
    assert (kept["name"], kept["sealed"]) == ("night", made["sealed"]), "the address stays"
    assert kept["title_template"] == "{{ heading }}!"

    page = await admin.get(f"/notifications/targets/{made['id']}")
    assert "s3cretpassword" not in page.text and 'value="{{ heading }}!"' in page.text
    await admin.send("Save</button>", enabled="", title_template="", url=URL.replace("bot", "b2"))
    (kept,) = await console.api.rows("SELECT * FROM notification_targets")
    assert (kept["enabled"], kept["title_template"]) == (False, None)
    assert kept["sealed"] != made["sealed"]

    await admin.get(f"/notifications/targets/{made['id']}")
    await admin.send("Remove it</button>")
    assert "What is queued for it is given up" in admin.text
    await admin.send("Yes, do it")
    assert not await console.api.rows("SELECT 1 FROM notification_targets")


async def test_a_route_is_added_with_all_it_can_say_and_read_back(console: Console) -> None:
    ops, boss = [await notified.add_target(console.api.pool, name, URL) for name in ("ops", "boss")]
    await console.api.post("operator", "/robots", {"robot_id": "r7", "groups": ["hall-2"]})
    admin = await console.as_("admin")
    await admin.get("/notifications/routes/new")
    nobody = await admin.send("Add</button>", name="hall", robots="lab-*, r7")
    assert nobody.status_code == 422 and 'value="lab-*, r7"' in nobody.text
    half = await admin.send(
        "Add</button>", ("targets", str(ops)), escalate_after="10", quiet_hours_start="22:00"
    )
    assert half.status_code == 422
    page = await admin.send(
        "Add</button>",
        *(("severities", "critical"), ("severities", "warning"), ("types", "battery")),
        *(("escalate_to", str(boss)), ("quiet_hours_weekdays", "6"), ("quiet_hours_weekdays", "7")),
        quiet_hours_end="07:00", repeat_every="2.5", groups="hall-2", go_on="true",
    )  # fmt: skip
    assert page.status_code == 200, admin.text
    (kept,) = (await console.api.get("admin", "/notifications/routes")).json()
    assert kept == {
        **{"id": kept["id"], "name": "hall", "position": 100, "enabled": True},
        **{"severities": ["critical", "warning"], "types": ["battery"], "metrics": []},
        **{"robots": ["lab-*", "r7"], "groups": ["hall-2"], "hours": None, "remarks": []},
        **{"targets": [ops], "escalate_after": 600, "escalate_to": [boss], "repeat_every": 150},
        **{"send_resolved": True, "group_wait": 1, "group_interval": 60, "go_on": True},
        "quiet_hours": {"start": "22:00", "end": "07:00", "zone": "UTC", "weekdays": [6, 7]},
    }

    # What is shown, sent back, changes nothing.
    await admin.get(f"/notifications/routes/{kept['id']}")
    await admin.send("Save</button>")
    assert (await console.api.get("admin", "/notifications/routes")).json() == [kept]
    await admin.get(f"/notifications/routes/{kept['id']}")
    await admin.send("Remove it</button>")
    await admin.send("Yes, do it")
    assert (await console.api.get("admin", "/notifications/routes")).json() == []


async def test_what_waits_is_tried_again_or_given_up(console: Console) -> None:
    target = await notified.add_target(console.api.pool, "ops", URL)
    await notified.add_route(console.api.pool, [target])
    await notified.Episodes(console.api.pool).open("r1")
    await console.api.app.state.notifier.router.route()
    admin = await console.as_("admin")
    await admin.get("/notifications")
    await admin.send("Give up<span")
    assert "It is given up." in admin.text
    (row,) = await console.api.rows("SELECT state, reason FROM notification_outbox")
    assert row == {"state": "given up", "reason": "given up by admin"}
    await admin.send("Try again<span")
    (row,) = await console.api.rows("SELECT state FROM notification_outbox")
    assert row["state"] == "queued"


async def test_an_operator_sees_and_changes_nothing(console: Console) -> None:
    target = await notified.add_target(console.api.pool, "ops", URL)
    route = await notified.add_route(console.api.pool, [target])
    operator = await console.as_("operator")
    await operator.get("/notifications")
    assert "Add a target" not in operator.text and "ops" in operator.text
    for path in (f"/notifications/targets/{target}", f"/notifications/routes/{route}"):
        page = await operator.get(path)
        assert page.status_code == 200 and "Save" not in operator.text
        refused = await operator.client.post(f"/console{path}", data={"do": "remove"})
        assert refused.status_code == 403
    viewer = await console.as_("viewer")
    assert (await viewer.get(f"/notifications/targets/{target}")).status_code == 403
