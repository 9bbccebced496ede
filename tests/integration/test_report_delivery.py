"""Scheduled reports: due once, made, and sent to targets as attachment or link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller

from glue import store
from glue.messengers.apprise import Messenger
from glue.reports import scheduler
from glue.reports.making import make
from glue.reports.sender import Sender
from glue.settings import Postgres, Settings
from glue.stack.probe import free_port
from glue.store import notifications, report_deliveries, report_jobs, report_schedules
from tests import notified
from tests.api import Api, served
from tests.conftest import SettingsFor

SIX = datetime(2026, 11, 23, 5, tzinfo=UTC)
"""Six o'clock in Berlin."""


@dataclass
class Box:
    """A mail server that keeps whole mails; ``refuse`` answers like a full mailbox."""

    port: int
    got: list[EmailMessage] = field(default_factory=list)
    refuse: bool = False

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=glue@example.org&to=ops@example.org"

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:
        if self.refuse:
            return "452 no room"
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 kept"


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box(free_port())
    server = Controller(made, hostname="127.0.0.1", port=made.port)
    server.start()
    try:
        yield made
    finally:
        server.stop()


@dataclass
class Office:
    """Schedules, and who sends."""

    api: Api
    settings: Settings
    pool: store.Pool
    sender: Sender

    async def schedule(self, targets: list[int], form: str = "pdf") -> int:
        values = {
            "name": "mornings",
            "enabled": True,
            "request": {"kind": "job", "robots": []},
            "cron": "0 6 * * *",
            "zone": "Europe/Berlin",
            "covers": "day",
            "format": form,
            "targets": targets,
            "next_run_at": SIX,
            "created_by": "admin",
        }
        async with store.transaction(self.pool) as conn:
            made = await report_schedules.add(conn, values)
        assert made is not None
        return made.id

    async def run(self, now: datetime) -> int:
        return await scheduler.run_due(self.pool, lambda: now)

    async def make(self) -> int | None:
        async def quiet(_: float, __: str) -> None:
            return None

        async with store.transaction(self.pool) as conn:
            held = await report_jobs.lease(conn)
        assert held is not None
        return await make(self.settings, self.pool, held, quiet)

    async def history(self, schedule: int) -> list[dict[str, Any]]:
        async with store.transaction(self.pool) as conn:
            return await report_deliveries.of_schedule(conn, schedule, 10)


@pytest_asyncio.fixture
async def office(
    database: Postgres, settings_for: SettingsFor, tmp_path: Path
) -> AsyncIterator[Office]:
    settings = settings_for(
        PGDATABASE=database.database,
        GLUE_REPORTS_FOLDER=str(tmp_path / "reports"),
        GLUE_SECRET_KEY=notified.KEY,
        NOTIFY_TRIES="2",
        NOTIFY_TIMEOUT="5",
    )
    messenger = Messenger(settings.notify)
    async with served(settings) as api:
        yield Office(api, settings, api.pool, Sender(settings, api.pool, messenger))
    messenger.close()


async def test_a_mail_has_the_pdf_and_the_summary(office: Office, box: Box) -> None:
    schedule = await office.schedule([await notified.add_target(office.pool, "ops", box.url)])
    assert await office.run(SIX) == 1
    await office.make()
    assert await office.sender.send_next()
    assert not await office.sender.send_next()
    (mail,) = box.got
    (file,) = list(mail.iter_attachments())
    assert file.get_filename() == "report-1.pdf"
    assert file.get_payload(decode=True)[:5] == b"%PDF-"  # type: ignore[index]
    assert "Jobs: fleet, 22 Nov 2026" in str(mail["subject"])
    body = mail.get_body(("plain",))
    assert body is not None and "There are no robots" in body.get_content()
    (sent,) = await office.history(schedule)
    assert (sent["state"], sent["sent_as"], sent["attempts"]) == ("delivered", "attachment", 1)


async def test_what_is_too_large_is_a_link_that_opens_the_file(office: Office, box: Box) -> None:
    few = office.settings.reports.model_copy(update={"largest": 10})
    office.sender._settings = office.settings.model_copy(update={"reports": few})
    target = await notified.add_target(office.pool, "ops", box.url)
    schedule = await office.schedule([target], "html")
    await office.run(SIX)
    await office.make()
    await office.sender.send_next()
    body = box.got[0].get_body(("plain",))
    assert body is not None and not list(box.got[0].iter_attachments())
    link = next(word for word in body.get_content().split() if "/reports/shared/" in word)
    page = await office.api.client.get(link.removeprefix(office.settings.glue_for_browsers))
    assert page.status_code == 200 and "Jobs: fleet" in page.text
    assert (await office.history(schedule))[0]["sent_as"] == "link"


async def test_a_target_that_refuses_is_tried_again_and_given_up(office: Office, box: Box) -> None:
    box.refuse = True
    schedule = await office.schedule([await notified.add_target(office.pool, "ops", box.url)])
    await office.run(SIX)
    await office.make()
    assert await office.sender.send_next()
    (row,) = await office.history(schedule)
    assert row["state"] == "queued" and row["last_error"]
    assert not await office.sender.send_next(), "it waits before the next try"
    async with store.transaction(office.pool) as conn:
        await conn.execute("UPDATE report_deliveries SET next_try_at = now()")
    assert await office.sender.send_next()
    assert (await office.history(schedule))[0]["state"] == "given up"
    assert any("was not sent to ops" in one["message"] for one in await office.api.logs("system"))


async def test_runs_missed_are_made_up_for_once(office: Office) -> None:
    schedule = await office.schedule([])
    assert await office.run(SIX - timedelta(seconds=1)) == 0
    assert await office.run(SIX + timedelta(days=3, hours=2)) == 1
    assert await office.run(SIX + timedelta(days=3, hours=2)) == 0
    async with store.transaction(office.pool) as conn:
        kept = await report_schedules.one(conn, schedule)
        job = await report_jobs.one(conn, 1)
    assert kept is not None and job is not None
    assert kept.missed == 3 and kept.next_run_at == SIX + timedelta(days=4)
    assert job["request"]["until"] == "2026-11-25T23:00:00Z"


async def test_two_glues_run_a_schedule_once(office: Office) -> None:
    await office.schedule([])
    made = await asyncio.gather(*(office.run(SIX) for _ in range(4)))
    assert sum(made) == 1


async def test_a_schedule_that_cannot_be_read_is_switched_off_and_told_of(office: Office) -> None:
    schedule = await office.schedule([])
    async with store.transaction(office.pool) as conn:
        await conn.execute("UPDATE report_schedules SET cron = 'nonsense'")
    assert await office.run(SIX) == 0
    async with store.transaction(office.pool) as conn:
        kept = await report_schedules.one(conn, schedule)
    assert kept is not None and not kept.enabled
    assert any("was switched off" in one["message"] for one in await office.api.logs("system"))


async def test_a_target_of_a_schedule_is_not_removed(office: Office, box: Box) -> None:
    target = await notified.add_target(office.pool, "ops", box.url)
    await office.schedule([target])
    answer = await office.api.delete("admin", f"/notifications/targets/{target}")
    assert answer.status_code == 409 and "report schedule mornings" in answer.text
    async with store.transaction(office.pool) as conn:
        assert await notifications.target(conn, target)
