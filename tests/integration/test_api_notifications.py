"""Targets, routes and the outbox over the API."""

from __future__ import annotations

import pytest

from tests import notified
from tests.api import is_problem, served

TARGETS, ROUTES, OUTBOX = (f"/notifications/{noun}" for noun in ("targets", "routes", "outbox"))


@pytest.fixture
async def api(database, settings_for):
    settings = settings_for(
        PGDATABASE=database.database, GLUE_SECRET_KEY=notified.KEY, NOTIFY_TIMEOUT="2"
    )
    async with served(settings) as running:
        yield running
        running.app.state.notifier.messenger.close()


@pytest.fixture
def web():
    with notified.web() as server:
        yield server


async def made(api, name="ops", url="json://bot:s3cretpassword@127.0.0.1:9/hook", **more):
    answer = await api.post("admin", TARGETS, {"name": name, "url": url, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_targets_address_comes_in_and_never_out(api):
    target = await made(api)
    assert target["scheme"] == "json" and target["address"].startswith("json://bot:****@127.0.0.1")
    shown = [
        await api.get("operator", TARGETS),
        await api.get("operator", f"{TARGETS}/{target['id']}"),
        await api.patch("admin", f"{TARGETS}/{target['id']}", {"enabled": False}),
    ]
    kept = await api.rows("SELECT * FROM notification_targets")
    assert "s3cretpassword" not in f"{target} {[s.text for s in shown]} {kept}"
    assert "s3cretpassword" not in str(await api.logs("api"))
    assert is_problem(await api.post("admin", TARGETS, {"name": "ops", "url": "json://h/"}), 409)
    assert is_problem(await api.get("viewer", TARGETS), 403)
    assert is_problem(await api.post("operator", TARGETS, {"name": "x", "url": "json://h/"}), 403)


@pytest.mark.parametrize(
    "url",
    ["syslog://", "file:///etc/passwd", "dbus://x", "ops@example.org", "mailto://", "json:// x"],
)
async def test_an_address_that_is_none_or_of_another_kind_is_refused(api, url):
    answer = await api.post("admin", TARGETS, {"name": "ops", "url": url})
    assert is_problem(answer, 422)
    assert answer.json()["errors"][0]["where"] == "body.url"


async def test_templates_are_tried_before_they_are_kept(api):
    body = {"name": "ops", "url": "json://127.0.0.1/"}
    for bad in (
        "{{ nobody }}",
        "{% for %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ items[0].title.format.__globals__ }}",
    ):
        refused = await api.post("admin", TARGETS, {**body, "title_template": bad})
        assert is_problem(refused, 422) and "cannot be rendered" in refused.json()["detail"]
    target = await made(api, title_template="{{ count }} {{ first.value_text }}")
    cleared = await api.patch("admin", f"{TARGETS}/{target['id']}", {"title_template": None})
    assert cleared.json()["title_template"] is None


async def test_without_a_key_nothing_is_kept(api, settings_for, database):
    api.app.state.settings = settings_for(PGDATABASE=database.database, GLUE_SECRET_KEY="short")
    answer = await api.post("admin", TARGETS, {"name": "ops", "url": "json://127.0.0.1/"})
    assert is_problem(answer, 503) and "GLUE_SECRET_KEY" in answer.json()["detail"]


async def test_a_test_message_says_what_came_of_it(api, web):
    works = await made(api, "works", web.url)
    fails = await made(api, "fails")
    told = (await api.post("admin", f"{TARGETS}/{works['id']}/test")).json()
    assert told["delivered"] and web.titles == ["Test message: nothing has happened"]
    told = (await api.post("admin", f"{TARGETS}/{fails['id']}/test")).json()
    assert not told["delivered"] and told["error"] and "s3cret" not in told["error"]
    assert is_problem(await api.post("admin", f"{TARGETS}/99/test"), 404)


async def test_routes_are_added_replaced_and_removed(api):
    target = await made(api)
    body = {
        "name": "night",
        "targets": [target["id"]],
        "severities": ["critical"],
        "robots": ["lab-*"],
        "quiet_hours": {"start": "22:00", "end": "06:00", "zone": "Europe/Berlin"},
        "escalate_after": 600,
        "escalate_to": [target["id"]],
    }
    answer = await api.post("admin", ROUTES, body)
    assert answer.status_code == 201, answer.text
    route, tag = answer.json(), answer.headers["etag"]
    assert route["quiet_hours"]["weekdays"] == [] and route["position"] == 100
    assert is_problem(await api.post("admin", ROUTES, body), 409)
    assert is_problem(await api.post("admin", ROUTES, {**body, "name": "x", "targets": [9]}), 422)
    wrong = {"start": "25:00", "end": "06:00", "zone": "Europe/Berlin"}
    assert is_problem(await api.post("admin", ROUTES, {**body, "name": "x", "hours": wrong}), 422)
    assert is_problem(await api.post("admin", ROUTES, {**body, "escalate_to": []}), 422)
    path = f"{ROUTES}/{route['id']}"
    assert is_problem(await api.delete("admin", f"{TARGETS}/{target['id']}"), 409)
    stale = {"If-Match": '"0"'}
    answer = await api.call("admin", "PUT", f"/api/v1{path}", json=body, headers=stale)
    assert is_problem(answer, 412)
    current = {"If-Match": tag}
    changed = await api.call(
        "admin",
        "PUT",
        f"/api/v1{path}",
        json={"name": "day", "targets": [target["id"]]},
        headers=current,
    )
    assert changed.json()["name"] == "day" and changed.json()["robots"] == []
    assert (await api.delete("admin", path)).status_code == 204
    assert is_problem(await api.get("operator", path), 404)
    assert (await api.delete("admin", f"{TARGETS}/{target['id']}")).status_code == 204


async def test_the_outbox_is_listed_tried_again_and_given_up(api, web):
    web.status = 500
    target = await made(api, "ops", web.url)
    await api.post("admin", ROUTES, {"name": "all", "targets": [target["id"]], "group_wait": 0})
    worker = api.app.state.notifier
    await notified.Episodes(api.pool).open("r1", "r2")
    await worker.router.route()
    assert (await worker.sender.send_next()).error
    page = (await api.get("operator", OUTBOX, state="queued", robot_id="r1")).json()
    (row,) = page["items"]
    assert row["attempts"] == 1 and "500" in row["last_error"] and row["alert_title"]
    assert row["message"]["title"].startswith("Warning: 2 robots")
    gone = (await api.post("admin", f"{OUTBOX}/give-up", {"ids": [row["id"]]})).json()
    assert len(gone["ids"]) == 2  # the message as a whole
    assert (await api.get("operator", f"{OUTBOX}/counts")).json() == {"given up": 2}
    web.status = 200
    again = (await api.post("admin", f"{OUTBOX}/retry", {"ids": [row["id"]]})).json()
    assert again == gone
    assert (await worker.sender.send_next(failing=True)).error == ""
    assert len(web.got) == 1
    assert (await api.get("operator", f"{OUTBOX}/counts")).json() == {"delivered": 2}
    assert (await api.post("admin", f"{OUTBOX}/retry", {"ids": [row["id"]]})).json()["ids"] == []
    assert is_problem(await api.post("admin", f"{OUTBOX}/retry", {"ids": [row["id"], 999]}), 404)
    assert is_problem(await api.get("operator", OUTBOX, state="lost"), 422)
    assert [e["message"] for e in await api.logs("api")][-1].startswith("admin had 0")


async def test_a_target_that_is_removed_gives_up_what_waits_for_it(api, web):
    target = await made(api, "ops", web.url)
    route = (await api.post("admin", ROUTES, {"name": "all", "targets": [target["id"]]})).json()
    await notified.Episodes(api.pool).open("r1")
    await api.app.state.notifier.router.route()
    await api.delete("admin", f"{ROUTES}/{route['id']}")
    assert (await api.delete("admin", f"{TARGETS}/{target['id']}")).status_code == 204
    (row,) = (await api.get("operator", OUTBOX)).json()["items"]
    assert (row["state"], row["reason"], row["target_name"]) == (
        "given up",
        "target deleted",
        "ops",
    )
