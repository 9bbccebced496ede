"""Reports over the API, at the command line, in a browser: asked for, watched, ended, removed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from glue import store
from glue.cli import app as root
from glue.cli import reports as command
from glue.core import passwords
from glue.core.report import request as about
from glue.core.report.compose import compose
from glue.environment import exported
from glue.reports.making import make
from glue.settings import Postgres
from glue.store import report_files, report_jobs
from tests import reported
from tests.api import Api, is_problem, served
from tests.conftest import SettingsFor

JOBS = {"type": "job", "since": "2026-11-15T23:00:00Z", "until": "2026-11-22T23:00:00Z"}
DAILY = {"name": "every morning", "report": {"type": "job"}, "every": "daily"}


@pytest_asyncio.fixture
async def api(database: Postgres, settings_for: SettingsFor, tmp_path: Path) -> Any:
    named = {
        "PGDATABASE": database.database,
        "GLUE_REPORTS_FOLDER": str(tmp_path / "reports"),
        "FLEET_TZ": "Europe/Berlin",
        "REPORTS_QUEUE": "3",
    }
    async with served(settings_for(**named)) as running:
        yield running


async def work(api: Api) -> int | None:
    """What the worker's process does with the next job."""

    async def quiet(_: float, __: str) -> None:
        return None

    async with store.transaction(api.pool) as conn:
        held = await report_jobs.lease(conn)
    assert held is not None
    return await make(api.settings, api.pool, held, quiet)


async def a_report(api: Api, by: str = "viewer", robots: int = 2) -> int:
    content = compose(reported.facts(robots))
    async with store.transaction(api.pool) as conn:
        return await report_files.add(conn, content, "gone.pdf", by)


async def test_a_report_is_asked_for_made_and_had_in_every_format(api: Api) -> None:
    answer = await api.post("viewer", "/reports", JOBS)
    assert answer.status_code == 202, answer.text
    where = answer.headers["location"]
    job = (await api.call("viewer", "GET", where)).json()
    assert (job["state"], job["created_by"], job["report_id"]) == ("queued", "viewer", None)
    assert job["request"]["zone"] == "Europe/Berlin"
    report_id = await work(api)
    job = (await api.call("viewer", "GET", where)).json()
    assert (job["state"], job["report_id"], job["progress"]) == ("done", report_id, 1)
    assert (await api.get("viewer", "/reports/jobs")).json()["items"][0]["id"] == job["id"]
    for form, begin in {
        "pdf": "%PDF",
        "html": "<!doctype",
        "json": "{",
        "csv": "\ufeffsec",
    }.items():
        file = await api.get("viewer", f"/reports/{report_id}/file", format=form)
        assert file.status_code == 200 and file.content.decode("utf-8", "replace").startswith(begin)
    page = await api.get("viewer", f"/reports/{report_id}/file", format="html")
    assert "sandbox" in page.headers["content-security-policy"]


async def test_what_makes_no_sense_is_refused_with_the_place(api: Api) -> None:
    for wrong, where in (
        ({"type": "custom"}, "body"),
        ({"until": "2026-11-15T22:00:00Z"}, "body"),
        ({"zone": "Mars"}, "body"),
        ({"covers": "week"}, "body"),
        ({"title": "a\nb"}, "body"),
        ({"robots": ["no good"]}, "body"),
        ({"paper": "a0"}, "body"),
        ({"unknown": 1}, "body"),
    ):
        answer = await api.post("viewer", "/reports", JOBS | wrong)
        assert is_problem(answer, 422), wrong
        assert answer.json()["errors"][0]["where"].startswith(where)


async def test_the_last_whole_week_can_be_asked_for(api: Api) -> None:
    await api.post("viewer", "/reports", {"type": "job", "covers": "week"})
    (job,) = (await api.get("viewer", "/reports/jobs")).json()["items"]
    since, until = (datetime.fromisoformat(job["request"][k]) for k in ("since", "until"))
    assert timedelta(days=6) < until - since < timedelta(days=8)


async def test_no_more_than_some_wait(api: Api) -> None:
    for _ in range(3):
        assert (await api.post("viewer", "/reports", JOBS)).status_code == 202
    assert is_problem(await api.post("viewer", "/reports", JOBS), 409)


async def test_who_asked_may_end_it_and_an_operator(api: Api) -> None:
    for who, status in (("viewer", 200), ("operator", 200)):
        where = (await api.post("viewer", "/reports", JOBS)).headers["location"]
        answer = await api.call(who, "POST", f"{where}/cancel")
        assert answer.status_code == status and answer.json()["cancelled_by"] == who
        assert is_problem(await api.call(who, "POST", f"{where}/cancel"), 409)
    where = (await api.post("operator", "/reports", JOBS)).headers["location"]
    assert is_problem(await api.call("viewer", "POST", f"{where}/cancel"), 403)


async def test_who_made_it_may_remove_it_and_an_admin(api: Api) -> None:
    mine, others = await a_report(api), await a_report(api, "operator")
    assert is_problem(await api.delete("viewer", f"/reports/{others}"), 403)
    assert is_problem(await api.delete("operator", f"/reports/{mine}"), 403)
    assert (await api.delete("viewer", f"/reports/{mine}")).status_code == 204
    assert (await api.delete("admin", f"/reports/{others}")).status_code == 204
    assert is_problem(await api.delete("admin", f"/reports/{others}"), 404)


async def test_a_report_whose_file_is_gone_is_still_read(api: Api) -> None:
    report = await a_report(api)
    assert is_problem(await api.get("viewer", f"/reports/{report}/file"), 404)
    assert (await api.get("viewer", f"/reports/{report}/file", format="html")).status_code == 200
    (row,) = await api.rows(
        "INSERT INTO reports (title, report_type, data) VALUES ('old', 'job', '[1]') RETURNING id"
    )
    assert is_problem(await api.get("viewer", f"/reports/{row['id']}/file", format="csv"), 404)


async def test_schedules_are_added_changed_run_and_removed(api: Api) -> None:
    assert is_problem(await api.post("operator", "/report-schedules", DAILY), 403)
    made = await api.post("admin", "/report-schedules", DAILY)
    assert made.status_code == 201, made.text
    one = made.json()
    assert (one["cron"], one["zone"], one["covers"]) == ("0 6 * * *", "Europe/Berlin", "day")
    assert is_problem(await api.post("admin", "/report-schedules", DAILY), 409)
    path = f"/report-schedules/{one['id']}"
    changed = DAILY | {"every": None, "cron": "30 7 * * 1-5", "covers": "week", "enabled": False}
    stale = await api.call(
        "admin", "PUT", f"/api/v1{path}", json=changed, headers={"if-match": '"x"'}
    )
    assert is_problem(stale, 412)
    assert (await api.put("admin", path, changed)).json()["cron"] == "30 7 * * 1-5"
    ran = await api.post("operator", f"{path}/run")
    assert ran.status_code == 202
    job = (await api.call("viewer", "GET", ran.headers["location"])).json()
    assert (job["schedule"], job["created_by"]) == ("every morning", "operator")
    assert (await api.get("operator", f"{path}/deliveries")).json() == []
    assert (await api.delete("admin", path)).status_code == 204
    assert is_problem(await api.get("viewer", path), 404)


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": None}, {"cron": "0 6 * * *"}, {"every": None, "cron": "0 0 30 2 *"},
        {"every": None, "cron": "nonsense!"}, {"zone": "Mars"}, {"targets": [99]},
        {"report": {"type": "custom"}}, {"at": "25:00"}, {"day": 31}, {"name": " x"},
    ],
)  # fmt: skip
async def test_schedules_that_make_no_sense_are_refused(api: Api, wrong: dict[str, Any]) -> None:
    assert is_problem(await api.post("admin", "/report-schedules", DAILY | wrong), 422)


async def test_a_link_from_a_dashboard_leads_through_the_sign_in_to_the_file(api: Api) -> None:
    client, password = api.client, "correct horse battery"
    await api.add_user("vera", "viewer", passwords.hashed(password))
    root = api.settings.glue_for_browsers
    asked = "/reports/new?robot=All&from=1763247600000&to=1763852400000&type=job"
    of_one = asked.replace("robot=All", "var-robot=lab-1")
    away = await client.get(asked)
    assert away.status_code == 303 and away.headers["location"].startswith(f"{root}/oauth/reports?")
    door = away.headers["location"].removeprefix(root)
    form = await client.get(door)
    mark = form.text.split('name="form_token" value="')[1].split('"')[0]
    fields = {"username": "vera", "password": "wrong", "form_token": mark}
    assert (await client.post(door, data=fields)).status_code == 403
    signed = await client.post(door, data=fields | {"password": password})
    assert signed.status_code == 303, signed.text
    assert "Path=/reports" in str(signed.headers.get_list("set-cookie"))
    page = await client.get(signed.headers["location"].removeprefix(root))
    assert "Make it" in page.text and "the fleet" in page.text
    assert "of lab-1, " in (await client.get(of_one)).text
    token = page.text.split('name="form_token" value="')[1].split('"')[0]
    assert (await client.post(asked, data={"type": "job", "form_token": "x"})).status_code == 403
    begun = await client.post(asked, data={"type": "job", "form_token": token})
    assert begun.status_code == 303, begun.text
    at = begun.headers["location"].removeprefix(root)
    waits = await client.get(at)
    assert waits.headers["refresh"] and "waits for its turn" in waits.text
    report_id = await work(api)
    ready = await client.get(at)
    assert f"../{report_id}/file?format=pdf" in ready.text
    file = await client.get(f"/reports/{report_id}/file")
    assert file.content.startswith(b"%PDF") and "inline" in file.headers["content-disposition"]
    in_seconds = (await client.get(asked.replace("000&", "&"))).text
    assert in_seconds.partition("<form")[0] == page.text.partition("<form")[0]
    bad = await client.get("/reports/new?from=last+week")
    assert bad.status_code == 400 and "is no time" in bad.text


async def test_without_the_cookie_the_pages_show_nothing(api: Api) -> None:
    report = await a_report(api)
    for path in (f"/reports/{report}/file", "/reports/jobs/1", "/reports/new"):
        answer = await api.client.get(path)
        assert answer.status_code == 303 and "/oauth/reports" in answer.headers["location"]
    assert (await api.client.post("/reports/new", data={})).status_code == 403


async def test_a_link_that_was_sent_opens_one_file_until_it_expires(api: Api) -> None:
    report = await a_report(api)
    async with store.transaction(api.pool) as conn:
        token = await report_files.add_link(conn, report, "html", 7)
    page = await api.client.get(f"/reports/shared/{token}")
    assert page.status_code == 200 and "In short" in page.text
    assert (await api.client.get(f"/reports/shared/{token}x")).status_code == 404
    await api.rows("UPDATE report_links SET expires_at = now() - interval '1 second'")
    assert (await api.client.get(f"/reports/shared/{token}")).status_code == 404
    (kept,) = await api.rows("SELECT token_hash FROM report_links")
    assert token.encode() not in bytes(kept["token_hash"])


def told(settings: Any, *words: str, code: int = 0) -> str:
    if not any(group.name == "reports" for group in root.registered_groups):
        command.register(root)
    done = CliRunner().invoke(root, ["reports", *words], env=exported(settings))
    assert done.exit_code == code, (done.output, done.exception)
    return done.output if code else done.stdout


async def test_the_command_makes_lists_shows_and_removes(api: Api, tmp_path: Path) -> None:
    async def run(*words: str, code: int = 0) -> str:
        return await asyncio.to_thread(told, api.settings, *words, code=code)

    out = tmp_path / "jobs.csv"
    made = json.loads(await run("build", "job", "--last", "day", "--out", str(out), "--json"))
    assert out.read_text("utf-8-sig").startswith("section,table")
    assert "Jobs: fleet" in await run("list")
    assert "There are no robots" in await run("show", str(made["id"]))
    assert json.loads(await run("list", "--json"))[0]["id"] == made["id"]
    assert "would remove" in await run("remove", str(made["id"]), "--dry-run")
    assert "removed" in await run("remove", str(made["id"]))
    assert "there is no report" in await run("show", str(made["id"]), code=1)
    await run("build", "custom", code=1)
    await run("build", "job", "--out", str(tmp_path / "x.docx"), code=2)
    await run("build", "job", "--since", "last week", code=1)
    assert "would_make" in await run("build", "job", "--dry-run")


async def test_the_command_keeps_schedules(api: Api) -> None:
    async def run(*words: str, code: int = 0) -> str:
        return await asyncio.to_thread(told, api.settings, "schedule", *words, code=code)

    added = await run("add", "mondays", "job", "--every", "weekly", "--at", "07:30")
    assert "30 7 * * 1 (Europe/Berlin)" in added
    assert "mondays" in await run("list")
    await run("add", "mondays", "job", "--every", "weekly", code=1)
    await run("add", "x", "job", code=2)
    await run("add", "x", "job", "--cron", "0 0 30 2 *", code=1)
    await run("add", "x", "job", "--every", "daily", "--to", "nobody", code=1)
    assert "queued as job" in await run("run", "mondays")
    assert "removed" in await run("remove", "mondays")
    await run("remove", "mondays", code=1)


@pytest.mark.parametrize(("group", "code"), [("", 0), ("nobody-is-in-it", 1)])
async def test_the_process_of_a_report_ends_in_order(api: Api, group: str, code: int) -> None:
    """While the glue holds its standard input."""
    since, until = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)
    values = {"kind": "job", "since": since, "until": until, "group": group}
    async with store.transaction(api.pool) as conn:
        await report_jobs.add(conn, about.Request.model_validate(values), "olga")
        held = await report_jobs.lease(conn)
    assert held is not None
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "glue.reports.process", str(held.id), str(held.lease)),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **exported(api.settings)},
    )
    assert process.stderr is not None
    said = (await process.stderr.read()).decode()
    assert (await process.wait(), "Fatal" in said) == (code, False), said
    (job,) = await api.rows("SELECT state, error FROM report_jobs")
    why = "no robot is in the group nobody-is-in-it"
    assert job == {"state": "failed", "error": why} if group else {"state": "done", "error": None}


async def test_lists_say_what_a_report_is_about(api: Api) -> None:
    await api.rows("INSERT INTO robots (robot_id, groups) VALUES ('r1', '{hall}'), ('r2', '{}')")
    before = {"since": "2020-01-01", "until": "2020-01-02"}
    for body, said in (
        ({"type": "job", "since": "24h"}, "Fleet of "),
        ({"type": "job", "since": "24h", "robots": ["r1"]}, "r1"),
        ({"type": "job", "since": "24h", "group": "hall"}, "hall, 1 robot"),
        ({"type": "job", **before, "robots": ["r1"]}, "r1"),
    ):
        assert (await api.post("viewer", "/reports", body)).status_code == 202
        report_id = await work(api)
        found = (await api.get("viewer", f"/reports/{report_id}")).json()
        assert found["about"].startswith(said), found["about"]
        (listed, *_) = (await api.get("viewer", "/reports")).json()["items"]
        assert (listed["id"], listed["about"]) == (report_id, found["about"])
    assert found["data"]["missing"][0] == "r1 was registered after this period, and left out."
