"""The console as somebody without a script has it: pages read, forms sent, over a real database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from glue import store
from glue.core.roles import ROLES
from glue.settings import Influx, Postgres
from glue.store import heartbeats
from tests.conftest import SettingsFor
from tests.console import PASSWORD, ROOT, Console, is_sound, open_console

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u0308\u202e \u2603 机器人"
OF_ROBOT = "/robots/tonypi_01"
PAGES = (
    *("/", "/robots", OF_ROBOT, f"{OF_ROBOT}/live", f"{OF_ROBOT}/limits/cpu", "/alerts", "/live"),
    *("/reports", "/reports/new", "/reports/schedules", "/mutes", "/groups"),
    *("/maintenance/windows", "/maintenance/windows/new"),
    *("/limits", "/limits/robots", "/limits/battery", "/maintenance", "/commands"),
    *("/registrations", "/registrations?registration=refused", "/status", "/account"),
)
FORM = {"content-type": "application/x-www-form-urlencoded"}
OF_OPERATORS = ("/notifications", "/notifications/routes/new")
OF_ADMINS = ("/users", "/users/new", "/reports/schedules/new", "/notifications/targets/new")
SHOWN = OF_ADMINS[1:]
"""Forms for somebody or something new are shown, and refused when they are sent."""


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
        may = may or path in SHOWN
        assert page.status_code == (200 if may else 403), f"{path}: {page.text[-2000:]}"
        assert page.headers["content-type"].startswith("text/html")
        is_sound(page)
        if not may:
            assert "This takes the role" in visitor.text
    nowhere = await visitor.get("/nowhere")
    assert nowhere.status_code == 404
    assert "There is no page at this address" in visitor.text
    is_sound(nowhere)


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
    is_sound(answer)


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
        is_sound(page)
        assert 'href="javascript:' not in page.text
        assert "<script>alert" not in page.text and "<img" not in page.text, path
    page = await visitor.get(f"/alerts/{alert}")
    assert NASTY in page.text.replace("&lt;", "<").replace("&gt;", ">").replace(
        "&#34;", '"'
    ).replace("&#39;", "'")


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


async def test_a_glue_that_makes_reports_is_asked_for_one(console: Console) -> None:
    visitor = await console.as_("viewer")
    known = console.api.app.state.operations
    asked = "/console/reports/new"
    known.pop("make_report", None)
    await visitor.get("/reports")
    assert asked not in [given.get("href") for _, given in visitor.read().elements]
    known["make_report"] = known["list_reports"]
    await visitor.get("/reports")
    assert asked in [given.get("href") for _, given in visitor.read().elements]


async def test_pages_are_counted_by_route_beside_the_apis(console: Console) -> None:
    visitor = await console.as_("viewer")
    await visitor.get(OF_ROBOT)
    figures = (await visitor.client.get("/metrics", headers={"host": "localhost"})).text
    assert 'method="GET",route="/console/robots/{robot_id}",status="200"' in figures


async def test_pages_with_alerts_warn_while_readings_are_late(console: Console) -> None:
    visitor = await console.as_("viewer")
    late = "Readings are 85 s late, and so are alerts on them. The bound is Telegraf."

    async def warned() -> list[str]:
        pages = ("/", "/alerts", OF_ROBOT, "/robots")
        return [path for path in pages if late in (await visitor.get(path)).text]

    async def write_down(lag: float) -> None:
        async with store.transaction(console.api.pool) as conn:
            details = {"lag_s": lag, "bound": "Telegraf"}
            await heartbeats.beat(conn, "queue", datetime.now(UTC), details)

    await write_down(85.0)
    assert await warned() == ["/", "/alerts", OF_ROBOT]
    await write_down(2.0)
    assert await warned() == []
