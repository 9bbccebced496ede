"""``python -m glue.notify.rendering_process``: renders one template of somebody's, and ends.

A process of its own, because no sandbox of Jinja2 bounds the time or the memory that an expression
takes. The limits are the kernel's: CPU seconds, and memory beyond what Python has already. Reads a
pickled :class:`Order` of its parent, and answers in JSON, since what comes back from a template is
not to be trusted: ``{"message": [title, body, kind]}`` or ``{"error": text}``. A limit ends it
without an answer.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from glue.core import messages
from glue.core.messages import Happened, Places


@dataclass(frozen=True)
class Order:
    """Templates (None: the shipped one), what they are rendered with (None: the example, to check
    them), and the limits: ``seconds`` of CPU time, ``memory`` in bytes."""

    title: str | None
    body: str | None
    seconds: float
    memory: int
    happened: Sequence[Happened] | None = None
    places: Places | None = None


def main() -> int:
    order: Order = pickle.load(sys.stdin.buffer)
    os.nice(10)
    _limit(order)
    try:
        answer = _answer(order)
    except messages.BadTemplate as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "it takes more memory than NOTIFY_TEMPLATE_MEMORY"}
    sys.stdout.write(json.dumps(answer))
    return 0


def _answer(order: Order) -> dict[str, object]:
    if order.happened is None or order.places is None:
        messages.check(order.title, order.body)
        return {"message": []}
    return {
        "message": astuple(messages.compose(order.happened, order.places, order.title, order.body))
    }


def _limit(order: Order) -> None:
    with open("/proc/self/statm", "rb") as sizes:
        pages = int(sizes.read().split()[0])
    most = pages * resource.getpagesize() + order.memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Whole seconds; at least one is left.
    until = int(used.ru_utime + used.ru_stime + order.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (until, until))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
