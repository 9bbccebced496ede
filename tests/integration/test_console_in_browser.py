"""The console in a real browser, over a running glue, simulated robots and their readings, without
a Grafana: signing in, what each role does, how it looks to those who cannot see or have a phone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from glue.settings import Broker, Influx
from glue.stack import probe
from tests import programs
from tests.alert_stack import running_glue
from tests.browser import Browser, Page
from tests.conftest import browsing
from tests.console import PASSWORD, kept
from tests.console_in_browser import (
    CONTRASTS,
    ROLES,
    Stack,
    episodes,
    open_page,
    past,
    picture,
    robots,
    sign_in,
)
from tests.integration.test_series import fresh_bucket

PAGES = (
    *("/", "/robots", "/robots/sim_01", "/robots/sim_01/live", "/robots/sim_01/limits/cpu"),
    *("/alerts", "/alerts/1", "/live", "/reports", "/limits", "/limits/robots", "/limits/cpu"),
    *("/maintenance", "/commands", "/registrations", "/notifications", "/users", "/users/new"),
    *("/status", "/account", "/emergency-stop", "/robots/new", "/nowhere"),
    *("/reports/new", "/reports/schedules", "/reports/schedules/new", "/mutes", "/groups"),
    *("/notifications/targets/new", "/notifications/routes/new"),
    *("/maintenance/windows", "/maintenance/windows/new"),
)


SPOKEN = {"button", "link", "textbox", "combobox", "checkbox", "spinbutton", "searchbox"}


@pytest.fixture(scope="module")
def stack(
    ground: programs.Ground, postgres: programs.Cluster, mosquitto: Broker, influx: Influx
) -> Iterator[Stack]:
    database, bucket = postgres.create("fleet_console"), fresh_bucket(influx)
    settings = ground.settings(
        PGDATABASE=database.database,
        GRAFANA_URL="",
        GLUE_PORT=probe.free_port(),
        MQTT_GLUE_CLIENT_ID="tonypi-glue-console",
        FLEET_TZ="Europe/Berlin",
    ).model_copy(update={"influx": bucket})
    made = Stack(settings)
    with running_glue(ground, settings, "glue-console"):
        # The first users, whose passwords were made up.
        named = made.sql("UPDATE users SET password_hash = %(h)s RETURNING username", h=kept())
        assert {name for (name,) in named} == set(ROLES)
        with robots(ground, made):
            past(bucket)
            episodes(made)
            yield made


@pytest.fixture(scope="module")
def browser(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Browser]:
    with browsing(request, tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.person() as opened:
        yield opened


@pytest.mark.parametrize("role", ROLES)
def test_each_role_signs_in_and_sees_what_it_may_do(page: Page, stack: Stack, role: str) -> None:
    sign_in(page, stack, role)
    assert page.value("document.querySelector('.who').innerText").split() == [role, role]
    menu = page.value("document.querySelector('.side').innerText")
    assert ("Users" in menu) == (role == "admin")
    assert ("Notifications" in menu) == (role != "viewer")
    assert ("Emergency stop" in page.text) == (role != "viewer")
    open_page(page, stack, "/robots/sim_01")
    assert ("Begin maintenance" in page.text) == (role != "viewer")
    open_page(page, stack, "/users")
    assert ("This takes the role admin" in page.text) == (role != "admin")


def test_an_alert_is_acknowledged_from_the_list_and_its_timeline_says_so(
    page: Page, stack: Stack
) -> None:
    sign_in(page, stack, "operator")
    open_page(page, stack, "/alerts?severity=critical")
    page.click("[name=id][value='2']")
    page.fill("#f-comment", "I bring oil")
    page.click("form .row button")
    page.wait_for_text("1 acknowledged.")
    assert "with operator" in page.text
    page.click("tbody a")
    page.wait_for_text("Timeline")
    assert "I bring oil" in page.text
    picture(page, "alert")
    page.click("[value=resolve]")
    page.wait_for_text("Resolved by hand.")
    assert "critical by operator" in page.text
    assert stack.sql("SELECT resolved_by FROM alerts WHERE id = 2") == [("operator",)]


def test_a_limit_is_tried_on_the_past_drawn_and_set(page: Page, stack: Stack) -> None:
    sign_in(page, stack, "operator")
    open_page(page, stack, "/robots/sim_01/limits/cpu")
    page.fill("#f-warning", "60")
    page.fill("#f-critical", "80")
    page.value("document.querySelector('#f-hours').value = '6'")
    page.click("[value=preview]")
    page.wait_for_text("What warning 60 and critical 80 % would have done")
    assert "1\nwould have been, 1 critical" in page.text
    assert "1\nhappened, 0 critical" in page.text
    lines, episodes = "svg[aria-label^='CPU load']", "svg[aria-label^='Episodes']"
    assert "highest 84" in page.value(f'document.querySelector("{lines}").textContent')
    drawn = f'document.querySelectorAll("{episodes} rect > title")'
    told = page.value(f"[...{drawn}].slice(0, 2).map(t => t.textContent)")
    assert [one.split(" from ")[0] for one in told] == ["sim_01: critical", "sim_01: warning"]
    assert not stack.sql("SELECT 1 FROM alert_thresholds WHERE robot_id = 'sim_01'")
    picture(page, "preview")
    page.click("[value=set]")
    page.wait_for_text("Set. In force at the next evaluation.")
    set_ = "SELECT warning_threshold, critical_threshold FROM alert_thresholds"
    assert stack.sql(f"{set_} WHERE robot_id = 'sim_01'") == [(60, 80)]
    page.click("[value=suggest]")
    page.wait_for_text("Suggested")
    assert page.value("document.querySelector('#f-warning').value") not in ("", "60")


def test_maintenance_is_given_an_end_in_the_browsers_own_zone(page: Page, stack: Stack) -> None:
    page.call("Emulation.setTimezoneOverride", timezoneId="America/St_Johns")
    sign_in(page, stack, "operator")
    open_page(page, stack, "/robots/sim_02")
    assert "In America/St_Johns" in page.text
    page.fill("#f-reason", "new battery")
    page.value("document.querySelector('#f-until').value = '2027-01-31T18:00'")
    page.click("[value=begin]")
    page.wait_for_text("31 Jan 2027, 18:00")
    tips = page.value("[...document.querySelectorAll('time')].map(t => t.title)")
    assert "2027-01-31 18:00:00 -03:30 (America/St_Johns)" in tips
    assert "new battery" in page.text
    page.click("[value=end]")
    page.wait_for_text("The maintenance is over.")


def test_what_moves_a_robot_is_asked_about_and_then_answered(page: Page, stack: Stack) -> None:
    sign_in(page, stack, "operator")
    open_page(page, stack, "/robots/sim_01")
    assert page.value("document.querySelector('[data-for=move]').hidden")
    page.value(
        "(t => { t.value = 'move'; t.dispatchEvent(new Event('change', {bubbles: true})) })"
        "(document.querySelector('#type'))"
    )
    assert not page.value("document.querySelector('[data-for=move]').hidden")
    page.fill("#f-distance", "2.5")
    page.click("[aria-labelledby=commands] button")
    page.wait_for_text("sim_01 would walk.")
    page.click("main .danger")
    page.wait_for_text("sim_01: ")
    told = "SELECT type, payload, state FROM commands WHERE robot_id = 'sim_01'"
    newest = f"{told} ORDER BY asked_at DESC LIMIT 1"
    assert stack.sql(newest) == [("move", {"distance": 2.5}, "answered")]


def test_the_fleet_is_stopped_after_a_question_and_resumed(page: Page, stack: Stack) -> None:
    sign_in(page, stack, "operator")
    page.click("header .stop")
    page.wait_for_text("Emergency stop: all robots")
    assert stack.sql("SELECT count(*) FROM robots WHERE emergency_stopped") == [(0,)]
    page.fill("#f-reason", "smoke")
    page.click("main .stop")
    page.wait_for_text("Stopped.")
    assert "sim_01" in page.text and "sim_02" in page.text
    picture(page, "stopped")
    open_page(page, stack, "/robots/sim_01")
    page.wait("document.body.innerText.includes('emergency stop') || location.reload()")
    open_page(page, stack, "/commands")
    page.click("main .acts button")
    page.wait_for_text("Every robot would leave the emergency stop")
    page.click("main .danger")
    page.wait_for_text("2 robots answered.")


def test_live_charts_are_drawn_anew_without_a_reload(page: Page, stack: Stack) -> None:
    sign_in(page, stack, "viewer")
    open_page(page, stack, "/robots/sim_01/live?hours=6")
    assert page.value("document.querySelectorAll('#charts .on-wide svg').length") == 5
    assert "highest 84" in page.value("document.querySelector('#charts svg').textContent")
    picture(page, "live")
    open_page(page, stack, "/")
    page.value("window.same = true")
    stack.sql("UPDATE robots SET is_active = true")
    page.wait("document.querySelector('#freshness').textContent.startsWith('Updated')", 20)
    assert page.value("window.same") is True


def test_every_page_has_names_landmarks_and_contrast_in_light_and_dark(
    page: Page, stack: Stack
) -> None:
    sign_in(page, stack, "admin")
    for path in PAGES:
        open_page(page, stack, path)
        for scheme in ("light", "dark"):
            page.in_colours(scheme)
            assert page.value(CONTRASTS) == [], f"{path}, {scheme}"
            picture(page, f"{path.strip('/').replace('/', '-') or 'overview'}-{scheme}")
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        said = [(_of(one, "role"), _of(one, "name")) for one in nodes if not one.get("ignored")]
        nameless = [one for one in said if one[0] in SPOKEN and not one[1].strip()]
        assert not nameless, path
        roles = [role for role, _ in said]
        assert [roles.count(name) for name in ("main", "banner")] == [1, 1], path
        headings = page.value(
            "[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])"
        )
        assert headings[0] == 1 and headings.count(1) == 1, (path, headings)
        steps = [after - before for before, after in itertools.pairwise(headings)]
        assert max(steps, default=0) <= 1, (path, headings)
    page.call("Emulation.setEmulatedMedia", features=[])


def _of(node: dict[str, Any], what: str) -> str:
    return str(node.get(what, {}).get("value", ""))


def test_a_keyboard_reaches_the_content_first_and_sees_where_it_is(
    page: Page, stack: Stack
) -> None:
    sign_in(page, stack, "operator")
    open_page(page, stack, "/alerts")
    _press(page, "Tab")
    assert page.value("document.activeElement.className") == "skip"
    shown = page.value("document.activeElement.getBoundingClientRect().left")
    assert shown >= 0, "the skip link is seen while it has the focus"
    _press(page, "Enter")
    page.wait("location.hash === '#main'")
    _press(page, "Tab")
    assert page.value("document.querySelector('main').contains(document.activeElement)")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.value(outline) == "solid"


def _press(page: Page, key: str) -> None:
    code = {"Tab": 9, "Enter": 13}[key]
    text = {"text": "\r"} if key == "Enter" else {}
    for kind in ("keyDown", "keyUp"):
        page.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            code=key,
            windowsVirtualKeyCode=code,
            **text,
        )


@pytest.mark.parametrize("width", [320, 390])
def test_no_page_is_wider_than_a_phone(page: Page, stack: Stack, width: int) -> None:
    sign_in(page, stack, "admin")
    page.resize(width, 800)
    for path in PAGES:
        open_page(page, stack, path)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.value(wide) == 0, path
        if width == 390:
            picture(page, f"{path.strip('/').replace('/', '-') or 'overview'}-phone")
    open_page(page, stack, "/")
    assert not page.value("document.querySelector('.side').checkVisibility()")
    page.click("summary")
    page.click(".menu a[href$='/robots']")
    page.wait("location.pathname === '/console/robots'")


def test_what_is_needed_works_without_scripts(page: Page, stack: Stack) -> None:
    page.without_scripts()
    page.go(f"{stack.console}/sign-in")
    page.fill("#username", "operator")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait("location.pathname === '/console/'")
    open_page(page, stack, "/alerts/3")
    page.click("[value=acknowledge]")
    page.wait_for_text("You look after it now.")
    open_page(page, stack, "/robots/sim_01")
    assert not page.value("document.querySelector('[data-for=move]').hidden"), (
        "all fields are there"
    )
    tip = page.value("document.querySelector('time').title")
    assert tip.endswith("(Europe/Berlin)"), "times are in the fleet's zone"
    page.click("summary")
    page.click("header form button")
    page.wait_for_text("You are signed out.")


def test_no_page_breaks_its_own_policy(page: Page, stack: Stack) -> None:
    """Whatever the browser refuses to load or run it says on the console."""
    page.call("Log.enable")
    sign_in(page, stack, "admin")
    for path in PAGES:
        open_page(page, stack, path)
    events = [one["params"] for one in page.events if one["method"] == "Log.entryAdded"]
    entries = [one["entry"] for one in events]
    told = [one["text"] for one in entries if one["source"] in ("security", "javascript")]
    assert told == [], json.dumps(told)
