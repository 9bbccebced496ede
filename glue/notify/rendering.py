"""Templates of targets, rendered in a process that is killed when it takes too long.

The shipped templates are rendered here: they are ours. Whatever somebody else wrote goes to
:mod:`glue.notify.rendering_process`, so that neither the event loop nor this process's memory is at
a template's mercy.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import sys
from collections.abc import Sequence
from typing import Any

from glue.core import messages
from glue.core.messages import BadTemplate, Happened, Message, Places
from glue.notify.rendering_process import Order
from glue.settings.notify import Notify

STARTING_S = 20.0
"""Seconds for the process to start, and to get its share of a busy machine. The limit that matters
is CPU time; this one ends what waits without using any."""

AT_ONCE = 2
"""Processes at a time; others wait."""

LONGEST_ANSWER = 200_000
"""Bytes: title and body at their longest, as JSON."""

_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "TZ")
"""What the process gets: no secret is among it."""


class Renderer:
    """Renders within the limits of ``notify`` (settings)."""

    def __init__(self, notify: Notify) -> None:
        self._seconds = notify.template_seconds
        self._memory = notify.template_memory * 1024 * 1024
        self._turn = asyncio.Semaphore(AT_ONCE)

    @property
    def longest(self) -> float:
        """Seconds that rendering one message takes at most, once it has its turn."""
        return STARTING_S + self._seconds

    async def compose(
        self,
        happened: Sequence[Happened],
        places: Places,
        title: str | None = None,
        body: str | None = None,
    ) -> Message:
        """As :func:`glue.core.messages.compose`. A template that exceeds a limit has failed: the
        shipped one is taken, and the message says so."""
        if not (title or body):
            return messages.compose(happened, places)
        order = Order(title, body, self._seconds, self._memory, list(happened), places)
        try:
            return Message(*await self._ask(order))
        except BadTemplate as error:
            return messages.shipped(happened, places, str(error))

    async def check(self, title: str | None, body: str | None) -> None:
        """Render the templates with an example. Raises :class:`BadTemplate`."""
        if title or body:
            await self._ask(Order(title, body, self._seconds, self._memory))

    async def _ask(self, order: Order) -> list[Any]:
        async with self._turn:
            answer = await self._answer(order)
        try:
            told = json.loads(answer)
        except ValueError:
            raise BadTemplate(
                f"it takes more than {order.seconds:g} s or"
                f" {order.memory // 1024 // 1024} MiB to render"
                " (NOTIFY_TEMPLATE_SECONDS, NOTIFY_TEMPLATE_MEMORY)"
            ) from None
        if error := told.get("error"):
            raise BadTemplate(str(error))
        return list(told["message"])

    async def _answer(self, order: Order) -> bytes:
        """What the process said; empty when a limit ended it. Raises :class:`BadTemplate` when none
        could be started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "glue.notify.rendering_process"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
        except OSError as error:  # no process, memory or descriptor is left
            raise BadTemplate(f"no process could be started to render it: {error}") from None
        try:
            async with asyncio.timeout(self.longest):
                answer, _ = await process.communicate(pickle.dumps(order))
        except TimeoutError:
            return b""
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
        return answer if process.returncode == 0 and len(answer) <= LONGEST_ANSWER else b""
