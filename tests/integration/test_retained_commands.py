"""What the broker keeps of commands and emergency stops is cleared."""

from __future__ import annotations

import asyncio
import uuid

from glue.broker import Session
from glue.commands.retained import RetainedControls
from glue.settings import PROJECT
from glue.stack.parts import mosquitto as broker_part
from tests.api import served

RETAINED = ("commands/r1", "commands/broadcast", "emergency_stop/r1", "emergency_stop/response")


async def test_retained_control_messages_are_cleared_at_the_start_and_when_they_are_seen(
    mosquitto, database, settings_for
):
    settings = settings_for(PGDATABASE=database.database)
    robot = Session(mosquitto, f"r-{uuid.uuid4().hex[:8]}", volatile=True)
    await robot.start(wait=10)

    async def kept() -> set[str]:
        """What the broker would give to a robot that connects now."""
        new = Session(
            mosquitto,
            f"n-{uuid.uuid4().hex[:8]}",
            ("tonypi/commands/#", "tonypi/emergency_stop/#"),
            retained=True,
        )
        await new.start(wait=10)
        await asyncio.sleep(0.3)
        found = {m.topic for m in await new.batch(100, 0.0, timeout=0.1) if m.retained}
        await new.stop()
        return found

    async def gone() -> None:
        async with asyncio.timeout(30):
            while await kept():
                await asyncio.sleep(0.1)

    async with served(settings) as api:
        for topic in RETAINED:
            robot.publish(f"tonypi/{topic}", '{"type": "resume"}', 1, retain=True)
        robot.publish("tonypi/commands/r2", '{"type": "stop"}', 1)
        await robot.flush(10)
        assert len(await kept()) == len(RETAINED)
        obeyed = broker_part.model(PROJECT).robots_read
        clearing = asyncio.create_task(RetainedControls(settings, api.pool, obeyed).run())
        try:
            await gone()
            robot.publish("tonypi/commands/r3", '{"type": "resume"}', 1, retain=True)
            await robot.flush(10)
            await gone()
            counted = "SELECT topic, reason, count FROM refused_messages ORDER BY topic"
            async with asyncio.timeout(30):
                wanted = [("commands", "retained", 3), ("emergency_stop", "retained", 2)]
                while [tuple(row.values()) for row in await api.rows(counted)] != wanted:
                    await asyncio.sleep(0.1)
        finally:
            clearing.cancel()
            await robot.stop()
