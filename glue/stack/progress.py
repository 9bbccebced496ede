"""What is being done, since when: a moving line on a terminal, one line a step elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console

REMINDER = 30.0
"""Seconds between the dots of a step that still runs, so that a log shows life."""


class Step:
    """One step under way; whoever works on it calls :meth:`tick` now and then."""

    def __init__(self, title: str, show: Callable[[Step, str], None]) -> None:
        self.title = title
        self._show = show
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    def tick(self, note: str = "") -> None:
        """Show that it goes on; ``note`` says with what."""
        self._show(self, note)


class Progress:
    """Prints steps to ``stream``: a moving line on a terminal; elsewhere one line a step, with a
    dot each half minute. ✓ and the seconds when it is done, ✗ when it raised."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = Console(file=stream or sys.stdout, highlight=False, markup=False, width=200)
        self._line_open = False

    def say(self, line: str) -> None:
        """Print a line of its own."""
        if self._line_open:
            self._console.print()
            self._line_open = False
        self._console.print(line, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show ``title`` while the block runs."""
        showing = self._moving_line if self._console.is_terminal else self._dotted_line
        with showing(title) as step:
            try:
                yield step
            except BaseException:
                self._end(step, "✗")
                raise
            self._end(step, "✓")

    @contextmanager
    def _moving_line(self, title: str) -> Iterator[Step]:
        with self._console.status(title) as status:
            yield Step(
                title, lambda step, note: status.update(f"{title} ({step.seconds:.0f} s) {note}")
            )

    @contextmanager
    def _dotted_line(self, title: str) -> Iterator[Step]:
        dots = 0

        def show(step: Step, _: str) -> None:
            nonlocal dots
            if step.seconds // REMINDER > dots:
                dots += 1
                self._console.print(".", end="")
                self._flush()

        self._console.print(f"  … {title} ", end="", soft_wrap=True)
        self._line_open = True
        self._flush()
        yield Step(title, show)

    def _end(self, step: Step, mark: str) -> None:
        seconds = f"({step.seconds:.1f} s)"
        self._console.print(
            f"{mark} {seconds}" if self._line_open else f"  {mark} {step.title} {seconds}"
        )
        self._line_open = False

    def _flush(self) -> None:
        self._console.file.flush()
