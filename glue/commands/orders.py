"""Giving a command: recorded, sent, answered, recorded. Nothing is sent that is not on record."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

from glue import store
from glue.broker import BrokerUnavailable
from glue.commands.commander import Commander
from glue.core import commands as core
from glue.core.commands import Answer, Asked
from glue.store import audit
from glue.store import commands as rows
from glue.store.commands import Sent

CONNECT_WITHIN_S = 1.0
RECORD_WITHIN_S = 2.0

WithIt = Callable[[Any, Sent], Awaitable[None]]


@dataclass(frozen=True)
class Order:
    """What somebody asks for. ``robot_id`` None: of all robots."""

    kind: str
    robot_id: str | None
    members: Mapping[str, Any]
    asked_by: str


@dataclass(frozen=True)
class Outcome:
    """``sent``: nobody waited for an answer."""

    sent: Sent
    state: Literal["sent", "answered", "refused", "timed out"]
    asked: Asked

    @property
    def answer(self) -> Answer | None:
        """Of the one robot it was for."""
        return self.asked.answers.get(self.sent.robot_id) if self.sent.robot_id else None


async def give(
    commander: Commander, order: Order, wait: float, with_it: WithIt | None = None
) -> Outcome:
    """Sends the order and waits ``wait`` s for the answer; 0: does not wait. ``with_it`` writes in
    the transaction of the command's row.

    Raises :class:`BrokerUnavailable` when it did not leave, and will not; ``StoreUnavailable``
    before anything is sent.
    """
    if not await commander.connected(CONNECT_WITHIN_S):
        raise BrokerUnavailable("the MQTT broker is away")
    sent = new(order, wait or commander.settings.glue.command_timeout)
    async with store.transaction(commander.pool) as conn:
        present = frozenset([order.robot_id]) if order.robot_id else await rows.present(conn)
        await record(conn, sent, None)
        if order.robot_id is None:
            await rows.expect(conn, sent.command_id, present)
        if with_it is not None:
            await with_it(conn, sent)
    asked = Asked(sent.command_id, order.kind, order.robot_id, present, {})
    with commander.waiting(asked) as waiter:
        try:
            await commander.send(sent, (sent.deadline - sent.asked_at).total_seconds())
        except BrokerUnavailable:
            await commander.keep(partial(_unsent, sent), RECORD_WITHIN_S)
            raise
        if not wait:
            return Outcome(sent, "sent", asked)
        asked = await waiter.complete(wait)
    await commander.keep(partial(_settle, sent, asked), RECORD_WITHIN_S)
    return Outcome(sent, core.state(asked), asked)


def new(order: Order, wait: float) -> Sent:
    """The order with its id and times."""
    now = datetime.now(UTC)
    until = now + timedelta(seconds=wait)
    return Sent(uuid.uuid4(), order.kind, order.robot_id, order.members, order.asked_by, now, until)


async def record(conn: Any, sent: Sent, why: str | None, state: str = "sent") -> None:
    """The command's row and line in the logs, once. ``why`` is an emergency's reason."""
    if not await rows.add(conn, sent, state):
        return
    whom = sent.robot_id or "all robots"
    said = f"{sent.asked_by} told {whom}: {sent.kind}"
    if state == "unsent":
        said += ", which did not leave: the MQTT broker is away"
    await audit.record(
        conn,
        "command",
        said + (f" ({why})" if why else ""),
        level="WARNING" if sent.kind == core.EMERGENCY_STOP else "INFO",
        robot_id=sent.robot_id,
        details={
            "username": sent.asked_by,
            "command_id": str(sent.command_id),
            "type": sent.kind,
            **sent.members,
        },
    )


async def _unsent(sent: Sent, conn: Any) -> None:
    await rows.unsent(conn, sent)


async def _settle(sent: Sent, asked: Asked, conn: Any) -> None:
    await rows.answered(conn, asked.answers.values())
    if not asked.complete:
        await rows.time_out(conn, {sent.command_id: sent.robot_id})
