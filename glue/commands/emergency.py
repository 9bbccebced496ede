"""The emergency stop: sent first, recorded after.

Nothing may stand in its way that it can do without: PostgreSQL is asked who is there while the stop
is under way already, and gets its record when it is back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from glue import store
from glue.broker import BrokerUnavailable, Unconfirmed
from glue.commands import orders
from glue.commands.commander import Commander
from glue.commands.orders import Order
from glue.core import commands as core
from glue.core.commands import EMERGENCY_EXPIRY_S, EMERGENCY_STOP, Asked
from glue.store import commands as rows
from glue.store.commands import Sent

log = structlog.get_logger()

CONNECT_WITHIN_S = 2.0
"""The session tries each second."""
STORE_WITHIN_S = 1.0


@dataclass(frozen=True)
class Report:
    """Who has answered. ``recorded`` False: PostgreSQL is away, the record follows."""

    sent: Sent
    asked: Asked
    recorded: bool


async def stop(
    commander: Commander, robot_id: str | None, reason: str, asked_by: str, wait: float
) -> Report:
    """Stops one robot, or all (None), and waits ``wait`` s for the answers.

    Raises :class:`BrokerUnavailable` when it did not leave, :class:`Unconfirmed` when nothing tells
    whether it did.
    """
    order = Order(EMERGENCY_STOP, robot_id, {"reason": reason}, asked_by)
    sent = orders.new(order, wait)
    said = {"by": asked_by, "robot": robot_id or "all", "command_id": str(sent.command_id)}
    expected = frozenset([robot_id]) if robot_id else None
    with commander.waiting(Asked(sent.command_id, order.kind, robot_id, expected, {})) as waiter:
        try:
            if not await commander.connected(CONNECT_WITHIN_S):
                raise BrokerUnavailable("the MQTT broker is away")
            taken = await commander.send(sent, EMERGENCY_EXPIRY_S)
        except BrokerUnavailable as error:
            log.error("commands.emergency_stop_not_sent", why=str(error), **said)
            await commander.keep(partial(_record_unsent, sent, reason), STORE_WITHIN_S)
            raise
        log.warning("commands.emergency_stop", reason=reason, **said)
        first = asyncio.create_task(
            commander.keep(partial(_record, sent, waiter.asked, reason, False), STORE_WITHIN_S)
        )
        if robot_id is None and (present := await _present(commander)) is not None:
            waiter.expect(present)
        asked = await waiter.complete(wait)
    await first
    recorded = await commander.keep(partial(_record, sent, asked, reason, True), STORE_WITHIN_S)
    if not taken and not asked.answers:
        raise Unconfirmed("the MQTT broker did not say that it took it, and no robot has answered")
    return Report(sent, asked, recorded)


async def _present(commander: Commander) -> frozenset[str] | None:
    async def ask() -> frozenset[str]:
        async with store.transaction(commander.pool) as conn:
            return await rows.present(conn)

    try:
        return await store.within(STORE_WITHIN_S, ask())
    except store.StoreUnavailable:
        return None


async def _record(sent: Sent, asked: Asked, reason: str, over: bool, conn: Any) -> None:
    await orders.record(conn, sent, reason)
    if sent.robot_id is None:
        await rows.expect(conn, sent.command_id, asked.expected or frozenset())
    await rows.answered(conn, asked.answers.values())
    if over and core.state(asked) == "timed out":
        await rows.time_out(conn, {sent.command_id: sent.robot_id})


async def _record_unsent(sent: Sent, reason: str, conn: Any) -> None:
    await orders.record(conn, sent, reason, "unsent")
