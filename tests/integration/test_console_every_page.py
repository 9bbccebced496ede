"""Every page of the console opens, whatever there is to show: with a long past and odd names, and
on the first day with nothing at all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from glue.console.pages import PAGES
from glue.settings import Influx, Postgres
from tests import console_data
from tests.conftest import SettingsFor
from tests.console import Console, is_sound, open_console
from tests.integration.test_series import fresh_bucket

VALUES = {
    "robot_id": "SELECT robot_id FROM robots WHERE robot_id ~ '^h1$|W{50}|gone'",
    "alert_id": "SELECT id FROM alerts WHERE id %% 6 = 0 OR acknowledged OR muted_by <> ''"
    " OR resolved",
    "metric": "SELECT metric FROM metrics WHERE metric IN ('cpu', 'battery')",
    "group": "SELECT DISTINCT unnest(groups) FROM robots",
    "user_id": "SELECT id FROM users",
    "target_id": "SELECT id FROM notification_targets",
    "route_id": "SELECT id FROM notification_routes",
    "schedule_id": "SELECT id FROM report_schedules",
    "window_id": "SELECT id FROM maintenance_windows",
}
"""What stands in the addresses of pages, from the database."""
RAW_TIME = re.compile(r"[+-]\d\d:\d\d\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
NOT_PAGES = {"/sign-in", "/reports/{report_id}/file"}


def addresses() -> Iterator[str]:
    """Of every page, as its route has it."""
    for module in PAGES:
        for route in module.router.routes:
            if "GET" in route.methods and route.path not in NOT_PAGES:  # type: ignore[attr-defined]
                yield route.path  # type: ignore[attr-defined]


@pytest_asyncio.fixture
async def quiet_console(
    influx: Influx, database: Postgres, settings_for: SettingsFor
) -> AsyncIterator[Console]:
    """The console over an empty database and a bucket of its own."""
    settings = settings_for(PGDATABASE=database.database)
    bucket = settings.model_copy(update={"influx": fresh_bucket(influx)})
    async with open_console(bucket) as opened:
        yield opened


async def _each(console: Console, address: str) -> list[str]:
    """``address`` with every value that it may have."""
    names = re.findall(r"{(\w+)(?::\w+)?}", address)
    found = [re.sub(r"{(\w+):\w+}", r"{\1}", address)]
    for name in names:
        rows = await console.api.rows(VALUES[name])
        values = [str(next(iter(row.values()))) for row in rows]
        found = [one.replace(f"{{{name}}}", value) for one in found for value in values]
    return found


async def test_every_page_opens_with_a_long_past(quiet_console: Console) -> None:
    console_data.fill(quiet_console.api.settings.postgres)
    console_data.refuse(quiet_console.api.settings.influx)
    visitor = await quiet_console.as_("admin")
    opened = 0
    for address in addresses():
        for path in await _each(quiet_console, address):
            page = await visitor.get(path)
            assert page.status_code == 200, f"{path}: {page.status_code} {page.text[-1500:]}"
            is_sound(page)
            assert not RAW_TIME.search(visitor.read().text), f"{path}: a time that nobody reads"
            opened += 1
    assert opened > 70
    status = await visitor.get("/status")
    assert "tonypi/battery" in visitor.text and "telegraf" in visitor.text
    assert "1,234,567" in visitor.text
    # Telegraf's refusals have the time of the newest beside them, as ours have.
    rows = [row for row in status.text.split("<tr>") if ">telegraf<" in row]
    assert rows and all("<time" in row for row in rows), rows


async def test_every_page_opens_with_nothing(quiet_console: Console) -> None:
    visitor = await quiet_console.as_("admin")
    for address in addresses():
        for path in await _each(quiet_console, address):
            page = await visitor.get(path)
            assert page.status_code == 200, f"{path}: {page.status_code} {page.text[-1500:]}"
            is_sound(page)


async def test_a_page_that_fails_has_the_menu_beside_it(
    quiet_console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    visitor = await quiet_console.as_("viewer")
    monkeypatch.setattr("glue.stack.report.told_by", fail)
    page = await visitor.get("/status")
    assert page.status_code == 500
    assert "Live charts" in visitor.text and "a bug" not in page.text
    is_sound(page)


async def test_people_find_h2_before_h10_in_every_list_of_robots(quiet_console: Console) -> None:
    api = quiet_console.api
    console_data.fill(api.settings.postgres)
    visitor = await quiet_console.as_("viewer")
    listed = list(console_data.ROBOTS)
    for path in ("/robots", "/limits/robots?metric=cpu"):
        page = await visitor.get(path)
        found = re.findall(r'<th scope="row"><a href="/console/robots/([^"/]+)', page.text)
        assert [r for r in dict.fromkeys(found) if r in listed] == listed, path
    got: list[str] = []
    cursor: str | None = None
    while cursor != "":
        more = {"cursor": cursor} if cursor else {}
        answer = (await api.get("viewer", "/robots", limit=2, sort="robot_id", **more)).json()
        got += [one["robot_id"] for one in answer["items"]]
        cursor = answer["next"] or ""
    assert [r for r in got if r in listed] == listed
