"""What is being done, since when: a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console

REMINDER = 30.0
"""Seconds between plain lines about a step that still runs, so that a log shows life."""


class Step:
    """One step under way; whoever works on it calls :meth:`tick` now and then."""

    def __init__(self, console: Console, title: str) -> None:
        self.title = title
        self.note = ""
        self._console = console
        self._began = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tick(self, note: str = "") -> None:
        """Still at it; ``note`` says what of."""
        self.note = note or self.note
        if not self._console.is_terminal and time.monotonic() - self._told > REMINDER:
            self._told = time.monotonic()
            self._console.print(f"  … {self.title} ({self.seconds:.0f} s) {self.note}".rstrip())


class Progress:
    """Prints steps to ``stream``: ✓ and the seconds when done, ✗ when it raised."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = Console(file=stream or sys.stdout, highlight=False, markup=False, width=200)

    def say(self, line: str) -> None:
        self._console.print(line)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        step = Step(self._console, title)
        if not self._console.is_terminal:
            self._console.print(f"  … {title}")
            with self._outcome(step):
                yield step
            return
        with self._outcome(step), self._console.status(title) as status:
            step.tick = lambda note="": status.update(  # type: ignore[method-assign,misc]
                f"{title} ({step.seconds:.0f} s) {note}"
            )
            yield step

    @contextmanager
    def _outcome(self, step: Step) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._console.print(f"  ✗ {step.title} ({step.seconds:.1f} s)")
            raise
        self._console.print(f"  ✓ {step.title} ({step.seconds:.1f} s)")
