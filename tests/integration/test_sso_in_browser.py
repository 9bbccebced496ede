"""Single sign-on as people meet it: a real browser, a real Grafana, the glue with its reconciler.

Browsers know the stack as robots.test; neither Grafana's server nor the glue could resolve that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from glue.core import passwords
from glue.settings import Broker, Influx, Settings
from glue.stack import probe
from glue.stack.parts import glue
from tests import programs
from tests.alert_stack import running_glue
from tests.browser import Browser, Page
from tests.conftest import browsing

PASSWORD = "correct horse battery"
PEOPLE = {"Vera": "viewer", "Otto": "operator", "Ada": "admin"}
NAMES = {"robots.test": "127.0.0.1", "also.test": "127.0.0.1"}
EMERGENCY = "/login?disableAutoLogin=true"
PICTURES = os.environ.get("TONYPI_TEST_PICTURES", "")
"""A folder for pictures of the pages, for people to look at."""


@dataclass
class Stack:
    settings: Settings
    admin: httpx.Client
    """Grafana's emergency admin."""
    ground: programs.Ground

    @property
    def grafana(self) -> str:
        return self.settings.grafana_for_browsers

    def sql(self, statement: str, **named: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.settings.postgres.dsn) as conn:
            done = conn.execute(statement, named)
            return done.fetchall() if done.description else []

    def add(self, name: str, role: str) -> None:
        """A row of ``users``; the reconciler does the rest."""
        email = f"{name.lower()}@example.org"
        values = {"n": name, "e": email, "h": passwords.hashed(PASSWORD), "r": role}
        self.sql(
            "INSERT INTO users (id, username, email, password_hash, role) VALUES"
            " (gen_random_uuid()::text, %(n)s, %(e)s, %(h)s, %(r)s)",
            **values,
        )
        eventually(lambda: self.in_grafana(name) is not None, f"{name} is not made in Grafana")

    def in_grafana(self, name: str) -> dict[str, Any] | None:
        """The member of the organisation, None when there is none of this name."""
        members = self.admin.get("/api/org/users").json()
        return next((m for m in members if m["login"] == name.lower()), None)


def eventually(is_so: Callable[[], bool], what: str, within: float = 30) -> None:
    until = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < until, what
        time.sleep(0.2)


@pytest.fixture(scope="module")
def stack(
    ground: programs.Ground,
    postgres: programs.Cluster,
    mosquitto: Broker,
    influx: Influx,
    request: pytest.FixtureRequest,
) -> Iterator[Stack]:
    if ground.programs.grafana() is None:
        pytest.skip("no Grafana on this machine (GRAFANA_HOME, tools cache, PATH)")
    postgres.execute("CREATE DATABASE grafana_sso OWNER grafana")
    database = postgres.create("fleet_sso")
    ports = {name: probe.free_port() for name in ("grafana", "glue")}
    settings = ground.settings(
        PGDATABASE=database.database,
        GRAFANA_URL=f"http://127.0.0.1:{ports['grafana']}",
        GRAFANA_PUBLIC_URL=f"http://robots.test:{ports['grafana']}",
        GLUE_PORT=ports["glue"],
        GLUE_PUBLIC_URL=f"http://robots.test:{ports['glue']}",
        GLUE_WEBHOOK_URL=f"http://127.0.0.1:{ports['glue']}/webhooks/grafana",
        MQTT_GLUE_CLIENT_ID="tonypi-glue-sso",
    )
    env = {"GF_DATABASE_NAME": "grafana_sso", "GF_UNIFIED_ALERTING_EXECUTE_ALERTS": "false"}
    programs.running_grafana(ground, settings, env=env, name="grafana-sso")
    grafana = settings.grafana
    login = (grafana.admin_user, grafana.admin_password.get_secret_value())
    with (
        running_glue(ground, settings, "glue-sso"),
        httpx.Client(base_url=grafana.url, auth=login, trust_env=False, timeout=30) as admin,
    ):
        made = Stack(settings, admin, ground)
        for name, role in PEOPLE.items():
            made.add(name, role)
        yield made
    ground.stop("grafana-sso")


@pytest.fixture(scope="module")
def browser(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Browser]:
    with browsing(request, tmp_path_factory.mktemp("browser"), NAMES) as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.person() as opened:
        yield opened


def arrive(page: Page, url: str) -> None:
    """Open Grafana, whose sign-in leads to the glue's page."""
    page.go(url)
    page.wait("location.pathname === '/oauth/authorize' && !!document.querySelector('#password')")


def give(page: Page, name: str, password: str = PASSWORD) -> None:
    page.fill("#username", name)
    page.fill("#password", password)
    page.click("button")


def sign_in(page: Page, stack: Stack, name: str) -> None:
    arrive(page, f"{stack.grafana}/")
    give(page, name)
    page.wait(
        f"location.origin === {stack.grafana!r} && !!window.grafanaBootData?.user?.isSignedIn"
    )


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.picture(Path(PICTURES) / f"{name}.png")


@pytest.mark.parametrize(
    ("name", "role", "edits", "administers"),
    [
        ("Vera", "Viewer", False, False),
        ("Otto", "Editor", True, False),
        ("Ada", "Admin", True, True),
    ],
)
def test_each_role_sees_what_it_may(
    page: Page, stack: Stack, name: str, role: str, edits: bool, administers: bool
) -> None:
    sign_in(page, stack, name)
    user = page.value("window.grafanaBootData.user")
    assert (user["login"], user["orgRole"], user["email"]) == (
        name.lower(),
        role,
        f"{name.lower()}@example.org",
    )
    assert user["isGrafanaAdmin"] is False
    assert page.ask("/api/org/users")[0] == (200 if administers else 403)
    assert page.ask("/api/admin/settings")[0] == 403, "server admin is only the emergency admin"
    for folder, may in (("own", edits), ("robots", administers)):
        assert page.ask(f"/api/folders/{folder}")[1]["canSave"] is may, folder
    # Whom Grafana does not let make a dashboard it leads home.
    page.go(f"{stack.grafana}/dashboard/new")
    lands = "/dashboard/new" if edits else "/"
    page.wait(f"location.pathname === '{lands}' && document.title.includes('Grafana')")
    page.click("button[aria-label='Open menu']")
    page.wait_for_text("Dashboards")
    assert ("Administration" in page.text) is administers
    picture(page, f"grafana-{role.lower()}")
    page.go(f"{stack.grafana}/d/tonypi-fleet/fleet")
    page.wait("document.title.includes('Fleet')")


def test_the_page_says_what_is_wrong_and_keeps_the_name(page: Page, stack: Stack) -> None:
    arrive(page, f"{stack.grafana}/d/tonypi-fleet/fleet")
    give(page, "Vera", "not hers at all")
    page.wait_for_text("User name or password is wrong.")
    assert page.value("document.querySelector('#username').value") == "Vera"
    assert page.value("document.querySelector('#password').value") == ""
    assert page.value("document.activeElement.id") == "password"
    picture(page, "wrong-password")
    give(page, "Vera")
    # On to where she was going.
    page.wait("location.pathname.startsWith('/d/tonypi-fleet')")
    page.wait("window.grafanaBootData?.user?.login === 'vera'")


def test_it_works_without_scripts_and_shows_in_light_dark_and_on_a_phone(
    browser: Browser, stack: Stack
) -> None:
    grounds = set()
    for scheme, width, height in (("light", 1280, 900), ("dark", 1280, 900), ("light", 360, 640)):
        with browser.person(width, height) as page:
            page.in_colours(scheme)
            arrive(page, f"{stack.grafana}/")
            grounds.add(page.value("getComputedStyle(document.body).backgroundColor"))
            assert page.value("document.documentElement.scrollWidth <= innerWidth")
            low = page.value("document.querySelector('button').getBoundingClientRect().bottom")
            assert low <= height, "the button is to be seen without scrolling"
            fields = "[...document.querySelectorAll('input:not([type=hidden])')]"
            assert page.value(f"{fields}.map(field => field.labels.length)") == [1, 1]
            picture(page, f"sign-in-{scheme}-{width}")
    assert len(grounds) == 3
    with browser.person() as page:
        arrive(page, f"{stack.grafana}/")
        page.without_scripts()
        give(page, "Vera")
        # Without scripts Grafana itself shows nothing; its cookie says that she is in.
        eventually(lambda: "grafana_session" in page.cookies(), "no session in Grafana")


def test_the_glues_cookie_is_for_the_glue_alone(page: Page, stack: Stack) -> None:
    sign_in(page, stack, "Vera")
    assert "tonypi_sso" not in page.cookies(), "Grafana's pages are another path"
    page.go(f"{stack.settings.glue_for_browsers}/oauth/logout")
    page.wait_for_text("Sign out?")
    assert "Vera" in page.text
    picture(page, "sign-out")
    cookie = page.cookies()["tonypi_sso"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/oauth"
    assert "tonypi_sso" not in page.value("document.cookie")
    page.click("button")
    page.wait_for_text("You are signed out of TonyPi")
    picture(page, "signed-out")
    assert "tonypi_sso" not in page.cookies()


def test_signed_in_once_signed_out_for_good(page: Page, stack: Stack) -> None:
    sign_in(page, stack, "Otto")
    # Grafana's own session is gone, the glue's is not: no password is asked for.
    page.call("Network.deleteCookies", name="grafana_session", url=f"{stack.grafana}/")
    page.call("Network.deleteCookies", name="grafana_session_expiry", url=f"{stack.grafana}/")
    page.go(f"{stack.grafana}/dashboards")
    page.wait("window.grafanaBootData?.user?.login === 'otto'")
    page.go(f"{stack.grafana}/logout")
    page.wait("location.pathname === '/oauth/authorize' && !!document.querySelector('#password')")


def test_a_sign_in_may_begin_at_another_name_of_the_host(page: Page, stack: Stack) -> None:
    elsewhere = stack.grafana.replace("robots.test", "also.test")
    arrive(page, f"{elsewhere}/")
    give(page, "Vera")
    page.wait(f"location.origin === '{stack.grafana}' && !!window.grafanaBootData")
    assert page.value("window.grafanaBootData.user.login") == "vera"


def test_who_is_deactivated_is_out_and_stays_out(page: Page, stack: Stack) -> None:
    stack.add("Dora", "operator")
    sign_in(page, stack, "Dora")
    stack.sql("UPDATE users SET is_active = false WHERE username = 'Dora'")
    eventually(lambda: stack.in_grafana("Dora") is None, "Dora is still a member", 10)
    eventually(lambda: page.ask("/api/user")[0] == 401, "Dora is still signed in to Grafana", 10)
    # The cookie of the glue is still there, and opens nothing.
    arrive(page, f"{stack.grafana}/")
    give(page, "Dora")
    page.wait_for_text("User name or password is wrong.")
    assert stack.sql("SELECT end_reason FROM sessions WHERE end_reason = 'deactivated'")
    stack.sql("UPDATE users SET is_active = true WHERE username = 'Dora'")
    eventually(lambda: stack.in_grafana("Dora") is not None, "Dora is no member again")
    give(page, "Dora")
    page.wait("window.grafanaBootData?.user?.login === 'dora'")


def test_a_sign_in_leaves_roles_to_the_reconciler(browser: Browser, stack: Stack) -> None:
    stack.add("Rolf", "viewer")
    with browser.person() as page:
        sign_in(page, stack, "Rolf")
        assert page.value("window.grafanaBootData.user.orgRole") == "Viewer"
    stack.sql("UPDATE users SET role = 'operator' WHERE username = 'Rolf'")
    eventually(lambda: (stack.in_grafana("Rolf") or {}).get("role") == "Editor", "role stays", 10)
    with browser.person() as page:
        sign_in(page, stack, "Rolf")
        assert page.value("window.grafanaBootData.user.orgRole") == "Editor"
    assert (stack.in_grafana("Rolf") or {})["role"] == "Editor"


def test_a_password_of_the_glue_opens_nothing_in_grafana_itself(stack: Stack) -> None:
    for name in PEOPLE:
        answer = httpx.get(
            f"{stack.settings.grafana.url}/api/user", auth=(name.lower(), PASSWORD), trust_env=False
        )
        assert answer.status_code == 401
    # Nobody's sign-in has become the emergency admin's, or changed it.
    root = stack.admin.get("/api/user").json()
    assert (root["login"], root["email"]) == ("tonypi-root", "tonypi-root@grafana.invalid")
    assert root["isGrafanaAdmin"] is True and not root["authLabels"]


def test_when_the_glue_is_down_the_emergency_admin_gets_in(page: Page, stack: Stack) -> None:
    stack.ground.stop("glue-sso")
    try:
        page.go(f"{stack.grafana}{EMERGENCY}")
        page.wait("!!document.querySelector('input[name=password]')")
        page.wait_for_text("Sign in with TonyPi")
        picture(page, "grafana-sign-in")
        grafana = stack.settings.grafana
        page.fill("input[name=user]", grafana.admin_user)
        page.fill("input[name=password]", grafana.admin_password.get_secret_value())
        page.click("button[type=submit]")
        page.wait("!document.querySelector('input[name=password]')")
        page.go(f"{stack.grafana}/admin/users")
        page.wait("window.grafanaBootData?.user?.login === 'tonypi-root'")
    finally:
        part = replace(glue.part(stack.ground.site(stack.settings)), name="glue-sso")
        stack.ground.start(part)
