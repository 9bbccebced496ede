"""Reports in the console: asked for, planned, and what becomes of them; without a script."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from glue import store
from glue.core.report.compose import compose
from glue.settings import Influx, Postgres
from glue.store import report_files
from tests import notified, reported
from tests.conftest import SettingsFor
from tests.console import Console, open_console

NEW = "/reports/schedules/new"


@pytest_asyncio.fixture
async def console(
    influx: Influx, database: Postgres, settings_for: SettingsFor
) -> AsyncIterator[Console]:
    settings = settings_for(PGDATABASE=database.database, FLEET_TZ="Europe/Berlin")
    async with open_console(settings.model_copy(update={"influx": influx})) as opened:
        yield opened


async def test_a_report_is_asked_for_watched_and_cancelled(console: Console) -> None:
    viewer = await console.as_("viewer")
    await viewer.get("/reports/new")
    wrong = await viewer.send("Make it</button>", type="custom", covers="week", title="Mine")
    assert wrong.status_code == 422 and "sections" in viewer.text
    assert 'value="Mine"' in wrong.text, "what was typed stays"
    sections = (("sections", "battery"), ("sections", "jobs"))
    page = await viewer.send("Make it</button>", *sections)
    assert page.status_code == 200, viewer.text
    assert "In progress" in viewer.text and "waits for its turn" in viewer.text
    (job,) = await console.api.rows("SELECT request, created_by FROM report_jobs")
    assert job["request"]["sections"] == ["battery", "jobs"] and job["created_by"] == "viewer"
    other = await console.as_("operator")
    await other.get("/reports")
    await other.send("Cancel")
    (row,) = await console.api.rows("SELECT state, cancelled_by FROM report_jobs")
    assert row == {"state": "cancelled", "cancelled_by": "operator"}


async def test_a_report_of_a_time_is_in_the_readers_zone(console: Console) -> None:
    viewer = await console.as_("viewer")
    await viewer.get("/reports/new")
    page = await viewer.send(
        "Make it</button>", covers="", since="2026-03-29T00:00", until="2026-03-30T00:00"
    )
    assert page.status_code == 200, viewer.text
    (job,) = await console.api.rows("SELECT request FROM report_jobs")
    # The clocks went forward that night.
    assert job["request"]["since"].startswith("2026-03-28T23:00")
    assert job["request"]["until"].startswith("2026-03-29T22:00")
    await viewer.get("/reports/new")
    page = await viewer.send("Make it</button>", covers="", since="", until="")
    assert page.status_code == 422 and "give since and until, or covers" in viewer.text


async def test_a_report_is_removed_by_whoever_made_it_after_a_question(console: Console) -> None:
    async with store.transaction(console.api.pool) as conn:
        report = await report_files.add(conn, compose(reported.facts(1)), "gone.pdf", "viewer")
    operator = await console.as_("operator")
    await operator.get("/reports")
    assert "Remove" not in operator.text
    assert f'/reports/{report}/file?format=csv"' in operator.page.text  # type: ignore[union-attr]
    viewer = await console.as_("viewer")
    await viewer.get("/reports")
    page = await viewer.send("Remove")
    assert "will be gone for everybody" in viewer.text and page.status_code == 200
    assert await console.api.rows("SELECT 1 FROM reports")
    await viewer.send("Yes, do it")
    assert not await console.api.rows("SELECT 1 FROM reports")


async def test_a_schedule_is_planned_changed_paused_run_and_removed(console: Console) -> None:
    target = await notified.add_target(console.api.pool, "ops", "json://127.0.0.1:9/hook")
    admin = await console.as_("admin")
    await admin.get(NEW)
    page = await admin.send(
        "Plan it</button>",
        ("targets", str(target)),
        name="mondays", every="weekly", weekday="monday", at="06:30", type="performance",
    )  # fmt: skip
    assert page.status_code == 200, admin.text
    assert "Planned: mondays." in admin.text and 'value="30 6 * * 1"' in page.text
    (kept,) = await console.api.rows("SELECT * FROM report_schedules")
    assert (kept["zone"], kept["covers"], kept["targets"]) == ("Europe/Berlin", "week", [target])
    assert kept["enabled"]

    bad = await admin.send("Save</button>", cron="every now and then")
    assert bad.status_code == 422 and 'value="every now and then"' in bad.text
    await admin.get(f"/reports/schedules/{kept['id']}")
    await admin.send("Save</button>", cron="0 5 * * *", enabled="")
    (kept,) = await console.api.rows("SELECT * FROM report_schedules")
    assert (kept["cron"], kept["enabled"], kept["targets"]) == ("0 5 * * *", False, [target])
    assert "paused" in admin.text

    await admin.send("Run it now</button>")
    assert "by schedule mondays" in admin.text
    await admin.get("/reports/schedules")
    assert "performance, the fleet, week" in admin.text and "ops" in admin.text
    await admin.get(f"/reports/schedules/{kept['id']}")
    await admin.send("Remove it</button>")
    assert "Its reports stay" in admin.text
    await admin.send("Yes, do it")
    assert not await console.api.rows("SELECT 1 FROM report_schedules")


async def test_who_may_not_plan_sees_the_plan_alone(console: Console) -> None:
    admin = await console.as_("admin")
    await admin.get(NEW)
    await admin.send("Plan it</button>", name="nights", cron="0 5 * * *", every="", type="job")
    viewer = await console.as_("viewer")
    await viewer.get("/reports/schedules")
    assert "nights" in viewer.text and "Plan a report" not in viewer.text
    (kept,) = await console.api.rows("SELECT id FROM report_schedules")
    page = await viewer.get(f"/reports/schedules/{kept['id']}")
    assert page.status_code == 200 and "0 5 * * *" in viewer.text
    assert "Save" not in viewer.text and "Run it now" not in viewer.text
    operator = await console.as_("operator")
    await operator.get(f"/reports/schedules/{kept['id']}")
    assert "Run it now" in operator.text and "Save" not in operator.text


async def test_who_was_slower_is_told(console: Console) -> None:
    admin = await console.as_("admin")
    await admin.get(NEW)
    await admin.send("Plan it</button>", name="nights", cron="0 5 * * *", every="")
    other = await console.as_("admin")
    (kept,) = await console.api.rows("SELECT id FROM report_schedules")
    await other.get(f"/reports/schedules/{kept['id']}")
    await admin.send("Save</button>", title="First")
    page = await other.send("Save</button>", title="Second")
    assert page.status_code == 412 and "Somebody changed this meanwhile" in other.text
