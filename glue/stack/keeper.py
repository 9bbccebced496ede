"""Keeps one part running: waits for what it depends on, starts it, restarts it with back-off.

A step is short and called again and again by the supervisor, which has one thread for all parts.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from glue.stack import listeners, process, users
from glue.stack.part import Part

State = Literal["waiting", "starting", "ready", "unresponsive", "backing off", "stopped"]

BACK_OFF_FIRST = 0.5
BACK_OFF_MOST = 30.0
STEADY_AFTER = 60.0
"""Seconds of service after which earlier failures are forgotten."""
LOOK_EVERY = 5.0
"""Seconds between two looks whether a ready part still serves."""
HUNG_STOP = 10.0
"""Seconds between the signal and SIGKILL for a part that hangs: who listens ends sooner."""


def back_off(failures: int) -> float:
    """Seconds to wait after the n-th failure in a row: 0.5, 1, 2 … 30."""
    return min(BACK_OFF_MOST, BACK_OFF_FIRST * 2.0 ** max(0, failures - 1))


@dataclass
class Keeper:
    """One part and how it fares. ``told(event, facts)`` hears of every change."""

    part: Part
    log: Path
    told: Callable[[str, dict[str, Any]], None]
    remember: Callable[[int], None]
    state: State = "waiting"
    restarts: int = 0
    failures: int = 0
    reason: str = ""
    child: subprocess.Popen[bytes] | None = None
    since: float = field(default_factory=time.time)
    _until: float = 0.0
    _look_at: float = 0.0
    _unanswered: int = 0

    @property
    def serves(self) -> bool:
        return self.state in ("ready", "unresponsive")

    def step(self, dependencies_serve: bool) -> None:
        """Do what is due now."""
        now = time.monotonic()
        if self.state == "waiting":
            if dependencies_serve:
                self._start()
        elif self.state == "backing off":
            if now >= self._until:
                self.restarts += 1
                self._start()
        elif self.child is not None and (code := self.child.poll()) is not None:
            self._failed(f"ended with {code}" if code >= 0 else f"killed by signal {-code}")
        elif self.state == "starting":
            self._await(now)
        elif self.serves and now >= self._look_at:
            self._look(now)

    def stop(self) -> None:
        """End it in an orderly way, and stay stopped."""
        if self.child is not None:
            process.stop(self.child, self.part.stop_signal, self.part.stop_within)
            self.child = None
        self._be("stopped")

    def report(self) -> dict[str, Any]:
        """State for ``tonypi status``; ``since`` in Unix seconds."""
        return {
            "state": self.state,
            "pid": self.child.pid if self.child else None,
            "user": self.part.user or users.ours(),
            "root_because": self.part.root_because,
            "restarts": self.restarts,
            "since": self.since,
            "reason": self.reason,
            "url": self.part.url,
            "log": str(self.log),
        }

    def _start(self) -> None:
        try:
            self.child = process.start(self.part, self.log)
        # Also what a part's own preparation raises: one part's trouble must not end the others.
        except Exception as error:
            self._failed(str(error) or type(error).__name__)
            return
        self.remember(self.child.pid)
        self._until = time.monotonic() + self.part.ready_within
        self._be("starting")

    def _await(self, now: float) -> None:
        assert self.child is not None
        if process.is_ready(self.part, self.child):
            self.reason = ""
            self._unanswered = 0
            self._look_at = now + LOOK_EVERY
            self._be("ready")
        elif now > self._until:
            process.stop(self.child, self.part.stop_signal, self.part.stop_within)
            self._failed(f"not ready within {self.part.ready_within:.0f} s")

    def _look(self, now: float) -> None:
        self._look_at = now + LOOK_EVERY
        process.turn_running(self.log)
        if time.time() - self.since > STEADY_AFTER:
            self.failures = 0
        assert self.child is not None
        if process.is_ready(self.part, self.child):
            self._unanswered = 0
            if self.state == "unresponsive":
                self._be("ready")
            return
        # Looks are counted and not seconds: a machine that pauses has hung no part.
        self._unanswered += 1
        if self.state == "ready":
            self._be("unresponsive")
        if self.part.hung_after and self._unanswered * LOOK_EVERY >= self.part.hung_after:
            process.stop(self.child, self.part.stop_signal, HUNG_STOP)
            self._failed(f"did not answer {self._unanswered} times, every {LOOK_EVERY:.0f} s")

    def _failed(self, reason: str) -> None:
        if self.serves and time.time() - self.since > STEADY_AFTER:
            self.failures = 0
        self.child = None
        self.failures += 1
        # Read only now: after a failed start, it says who was there first.
        if self.state == "starting" and (other := self._other()):
            reason = f"{reason}: {other} has port {self.part.port}"
        self.reason = reason
        wait = back_off(self.failures)
        self._until = time.monotonic() + wait
        self._be("backing off", again_in_s=wait)

    def _other(self) -> str:
        """Who listens on this part's port; empty: nobody."""
        return listeners.taken().get(self.part.port, "") if self.part.port else ""

    def _be(self, state: State, **facts: Any) -> None:
        self.state = state
        self.since = time.time()
        if self.reason:
            facts["reason"] = self.reason
        self.told(f"part.{state.replace(' ', '_')}", {"part": self.part.name, **facts})
