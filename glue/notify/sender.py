"""Sending: one message after the other is leased, sent, marked.

A lease that its process did not live to mark is free when its time is over, and the message is sent
again: that is the one duplicate a crash may cost. Targets that work are served one at a time, so
that it stays one; those that fail are tried beside them and delay nobody.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from glue import store
from glue.core import ack_link, routes, sealing
from glue.core.ack_link import AckLink
from glue.core.messages import Happened, Message, Places
from glue.messengers.apprise import BadTarget, Messenger, NotDelivered
from glue.notify.rendering import Renderer
from glue.settings import Settings
from glue.store import audit, notifications, outbox
from glue.store.notifications import Target
from glue.store.outbox import Lease

log = structlog.get_logger()

LONGEST_WAIT = 3600.0
"""Seconds between two tries."""


class Sent(NamedTuple):
    """What became of one message; ``error`` is '' when it was delivered."""

    rows: int
    error: str


def places(settings: Settings) -> Places:
    """Where links lead, without that of a message."""
    grafana = settings.grafana_for_browsers if settings.grafana.url else ""
    return Places(grafana, settings.fleet.tz)


class Sender:
    """Empties the outbox."""

    def __init__(self, settings: Settings, pool: store.Pool, messenger: Messenger) -> None:
        self._settings = settings
        self._pool = pool
        self._messenger = messenger
        self._renderer = Renderer(settings.notify)
        self._places = places(settings)

    async def send_next(self, failing: bool = False) -> Sent | None:
        """Send the next message that is due, of targets that work or of those that fail; None when
        there is none. Raises ``StoreUnavailable``: what was sent then is sent again."""
        leased = await self._lease(failing)
        if leased is None:
            return None
        lease, happened, target = leased
        name = target.name
        message = lease.message or await self._message(lease, happened, target)
        try:
            await self._messenger.send(self._url(target), message)
        except (BadTarget, NotDelivered) as error:
            return await self._failed(lease, name, str(error))
        async with store.transaction(self._pool) as conn:
            await outbox.delivered(conn, lease)
        log.info("notification.delivered", target=name, rows=len(lease.ids), batch=lease.batch)
        return Sent(len(lease.ids), "")

    async def _lease(self, failing: bool) -> tuple[Lease, list[Happened], Target] | None:
        """A message that is due, what it tells where it was not rendered before, and to whom."""
        seconds = self._messenger.longest + 2 * self._renderer.longest + 15
        async with store.transaction(self._pool) as conn:
            await outbox.lock(conn)
            lease = await outbox.lease(conn, failing, seconds)
            if lease is None:
                return None
            target = await notifications.target(conn, lease.target_id)
            assert target is not None, "a row that can be leased has its target"
            happened = [] if lease.message else await outbox.happened(conn, lease.ids)
        return lease, happened, target

    async def _message(self, lease: Lease, happened: list[Happened], target: Target) -> Message:
        """Rendered outside the transaction: a template may take its time. Every try sends the same,
        unless the glue ends before it is kept."""
        message = await self._renderer.compose(
            happened,
            replace(self._places, acknowledge=self._acknowledge(lease)),
            target.title_template,
            target.body_template,
        )
        async with store.transaction(self._pool) as conn:
            await outbox.keep_message(conn, lease.batch, message)
        return message

    def _url(self, target: Target) -> str:
        """The address. Raises :class:`BadTarget`, but not for good: somebody may give the key."""
        try:
            return sealing.unseal(
                self._settings.notify.secret_key.get_secret_value(), target.sealed
            )
        except (sealing.NoKey, sealing.SealedOtherwise) as error:
            raise BadTarget(str(error)) from None

    def _acknowledge(self, lease: Lease) -> str:
        """Where this message can be acknowledged; '' where no link may be made."""
        notify, root = self._settings.notify, self._settings.glue_for_browsers
        if not notify.ack_days or not root:
            return ""
        until = datetime.now(UTC) + timedelta(days=notify.ack_days)
        link = AckLink(lease.batch, lease.target_id)
        try:
            token = ack_link.token(notify.secret_key.get_secret_value(), link, until)
        except sealing.NoKey:
            return ""
        return f"{root}{ack_link.PATH}/{token}"

    async def _failed(self, lease: Lease, name: str, error: str) -> Sent:
        notify = self._settings.notify
        wait = routes.back_off(lease.attempts, notify.retry_first, LONGEST_WAIT)
        why = f"{lease.attempts} tries failed" if lease.attempts >= notify.tries else None
        async with store.transaction(self._pool) as conn:
            ours = await outbox.failed(conn, lease, error, wait, why)
            if ours and why is not None:
                await audit.record(
                    conn,
                    "system",
                    f"a notification to {name} was given up: {error}",
                    level="ERROR",
                    details={"target": name, "rows": lease.ids[:100], "attempts": lease.attempts},
                )
        event = "notification.given_up" if why else "notification.failed"
        if lease.attempts == 1 or why:
            log.warning(event, target=name, rows=len(lease.ids), why=error)
        return Sent(len(lease.ids), error)
