"""Finished reports on their way to the targets of their schedule.

As an attachment where the service takes one and it is not too large, else as a link that opens the
file until it expires. A lease that its process did not live to mark is free when its time is over,
and the report is sent again: that is the one duplicate a crash may cost.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import structlog

from glue import store
from glue.core import routes, sealing
from glue.core.messages import Message
from glue.core.report.content import Content
from glue.messengers.apprise import Attachment, BadTarget, Messenger, NotDelivered, attaches
from glue.reports.formats import FORMATS
from glue.reports.keeping import file_of
from glue.settings import Settings
from glue.store import audit, notifications, report_deliveries, report_files, report_reads
from glue.store.report_deliveries import Delivery

log = structlog.get_logger()

LONGEST_WAIT = 3600.0
"""Seconds between two tries."""
SENTENCES = 6
"""Of the summary, in the message."""


class Sendable(NamedTuple):
    """A file, its name and what is told with it."""

    name: str
    data: bytes
    title: str
    body: str


class Sender:
    """Sends what is due."""

    def __init__(self, settings: Settings, pool: store.Pool, messenger: Messenger) -> None:
        self._settings = settings
        self._pool = pool
        self._messenger = messenger

    async def send_next(self) -> bool:
        """Send the next report that is due; False when there is none. Raises
        ``StoreUnavailable``: what was sent then is sent again."""
        lease_s = 60 + self._messenger.longest
        async with store.transaction(self._pool) as conn:
            due = await report_deliveries.lease(conn, lease_s)
            if due is None:
                return False
            target = await notifications.target(conn, due.target_id) if due.target_id else None
            row = await report_reads.one(conn, due.report_id)
        if target is None or row is None:
            await self._failed(due, "the target was removed", for_good=True)
            return True
        try:
            key = self._settings.notify.secret_key.get_secret_value()
            url = sealing.unseal(key, target.sealed)
            file = await asyncio.to_thread(sendable, self._settings, row, due.format)
            sent_as = await self._send(url, due, file)
        except (BadTarget, ValueError) as error:
            await self._failed(due, str(error), for_good=True)
        except (NotDelivered, sealing.NoKey, sealing.SealedOtherwise, OSError) as error:
            await self._failed(due, str(error))
        else:
            async with store.transaction(self._pool) as conn:
                await report_deliveries.delivered(conn, due, sent_as)
                told = f"sent the report {due.report_id} to {due.target_name} as {sent_as}"
                await audit.record(conn, "system", told, details={"report": due.report_id})
        return True

    async def _send(self, url: str, due: Delivery, file: Sendable) -> str:
        if attaches(url) and len(file.data) <= self._settings.reports.largest:
            attachment = Attachment(file.name, file.data)
            message = Message(file.title, file.body, "info")
            await self._messenger.send(url, message, attachment)
            return "attachment"
        days = self._settings.reports.link
        async with store.transaction(self._pool) as conn:
            token = await report_files.add_link(conn, due.report_id, due.format, days)
        link = f"{self._settings.glue_for_browsers}/reports/shared/{token}"
        body = f"{file.body}\n\n{link}\nThe link opens it without an account for {days} days."
        await self._messenger.send(url, Message(file.title, body, "info"))
        return "link"

    async def _failed(self, due: Delivery, error: str, for_good: bool = False) -> None:
        notify = self._settings.notify
        over = for_good or due.attempts >= notify.tries
        wait = None if over else routes.back_off(due.attempts, notify.retry_first, LONGEST_WAIT)
        if over or due.attempts == 1:
            log.warning("report.not_sent", target=due.target_name, why=error, given_up=over)
        async with store.transaction(self._pool) as conn:
            await report_deliveries.failed(conn, due, error[:300], wait)
            if over:
                why = f"the report {due.report_id} was not sent to {due.target_name}: {error}"
                await audit.record(conn, "system", why[:1000], level="ERROR")


def sendable(settings: Settings, row: report_reads.Row, form: str) -> Sendable:
    """The report's file in ``form``. Raises ``ValueError`` where its data cannot be shown,
    ``OSError`` where its file cannot be read."""
    content = Content.model_validate(row["data"])
    stem = f"report-{row['id']}"
    kept = file_of(settings, row["file_path"]) if form == "pdf" else None
    data = kept.read_bytes() if kept else FORMATS[form].write(content, "a4")
    told = content.summary[:SENTENCES] + content.missing
    return Sendable(f"{stem}.{form}", data, content.title, "\n".join(told))
