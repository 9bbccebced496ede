"""Runs all parts of one home until told to stop: ``python -m glue.stack.supervisor``.

One loop in one thread: programs die with the thread that started them (see ``process``), so there
must be no other. The foundation first, then accounts, bucket and tables, then what uses them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from glue.broker import BrokerUnavailable
from glue.settings import PROJECT
from glue.stack import accounts, leftovers, pidfiles, plan, process, queues, recovery
from glue.stack.home import Home, hold_lock
from glue.stack.keeper import Keeper, back_off
from glue.stack.part import Part, Site
from glue.stack.parts import mosquitto
from glue.stack.programs import ProgramMissing

TICK = 0.1
"""Seconds between two rounds over all parts."""
REWRITE = 2.0
"""Seconds after which the state is written again though nothing changed."""


def tell(event: str, facts: dict[str, Any]) -> None:
    """One JSON line for ``logs/supervisor.log``."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    print(json.dumps({"at": at, "event": event, **facts}, default=str), flush=True)


class Supervisor:
    """All parts of one site."""

    def __init__(self, home: Home, site: Site) -> None:
        self._home = home
        self._site = site
        self._keepers: list[Keeper] = [self._keep(part) for part in plan.foundation(site)]
        self._grafana = site.runs_grafana
        self._prepared = False
        self._prepare_at = 0.0
        self._failures = 0
        self._trouble = ""
        self._stopping = False
        self._began = time.time()
        self._written = 0.0
        self._last: dict[str, Any] = {}

    def stop(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler: the loop ends after this round."""
        self._stopping = True

    def run(self) -> None:
        """Until stopped; then ends the parts, last started first."""
        while not self._stopping:
            for keeper in self._keepers:
                keeper.step(self._dependencies_serve(keeper.part))
                if self._stopping:
                    break
            if not self._prepared and not self._stopping:
                self._prepare()
            self._write()
            time.sleep(TICK)
        tell("supervisor.stopping", {})
        for keeper in reversed(self._keepers):
            keeper.stop()
            self._home.pidfile(keeper.part.name).unlink(missing_ok=True)
            self._write(force=True)
        tell("supervisor.stopped", {})

    def _keep(self, part: Part) -> Keeper:
        pidfile = self._home.pidfile(part.name)
        return Keeper(
            part, self._home.log(part.name), tell, lambda pid: pidfiles.remember(pidfile, pid)
        )

    def _dependencies_serve(self, part: Part) -> bool:
        serving = {keeper.part.name for keeper in self._keepers if keeper.serves}
        return set(part.depends) <= serving

    def _prepare(self) -> None:
        """Accounts, bucket and tables, once the foundation serves; then the other parts."""
        if time.monotonic() < self._prepare_at or not all(k.serves for k in self._keepers):
            return
        try:
            self._site = accounts.prepare(self._home, self._site)
            parts = plan.upper(self._site)
        # Whatever it is, it may pass (a database that is just restarting), and must be seen.
        except Exception as error:
            self._failures += 1
            self._trouble = f"{type(error).__name__}: {error}"
            wait = back_off(self._failures)
            self._prepare_at = time.monotonic() + wait
            tell("accounts.failed", {"reason": self._trouble, "again_in_s": wait})
            return
        self._move_queues()
        self._trouble = ""
        self._prepared = True
        tell("accounts.prepared", {})
        self._keepers += [self._keep(part) for part in parts]

    def _move_queues(self) -> None:
        """What waits in sessions of another name; tried again at the next start."""
        broker = self._site.settings.broker
        try:
            moved = queues.move(broker, mosquitto.model(self._site.checkout))
        except BrokerUnavailable as error:
            tell("queues.not_moved", {"reason": str(error)})
            return
        for name, count in moved.items():
            tell("queue.moved", {"of": name, "messages": count})

    def _write(self, force: bool = False) -> None:
        state = {
            "supervisor": {
                "pid": os.getpid(),
                "since": self._began,
                "stopping": self._stopping,
                "prepared": self._prepared,
                "trouble": self._trouble,
                "checkout": str(PROJECT),
            },
            "grafana": self._grafana,
            "parts": {keeper.part.name: keeper.report() for keeper in self._keepers},
        }
        now = time.monotonic()
        if force or state != self._last or now - self._written > REWRITE:
            self._home.write_state(state)
            self._last, self._written = state, now


def main() -> int:
    """Run until SIGTERM or SIGINT.

    Exit codes: 0 stopped, 1 a program or password that fits the data is missing, 3 another one
    runs here.
    """
    from glue import settings

    home = Home(settings.load().stack.home)
    # Who may read what we write, the folders' modes say.
    os.umask(0o022)
    with hold_lock(home) as taken:
        if not taken:
            tell("supervisor.refused", {"reason": f"another one runs for {home.path}"})
            return 3
        pidfiles.remember(home.pidfile("supervisor"), os.getpid())
        tell("supervisor.started", {"pid": os.getpid(), "home": home.path})
        if ended := leftovers.end(home, leftovers.others(home)):
            tell("leftovers.ended", {"parts": ended})
        watching = leftovers.watch(home)
        tell("file.limit", {"files": process.raise_file_limit()})
        try:
            site, mended = recovery.mend_foundation(home, home.site())
            supervisor = Supervisor(home, site)
        except (recovery.RecoveryFailed, process.StartFailed, ProgramMissing) as error:
            tell("supervisor.refused", {"reason": str(error)})
            return 1
        if mended:
            tell("passwords.reset", {"of": mended})
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, supervisor.stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        supervisor.run()
        home.pidfile("supervisor").unlink(missing_ok=True)
        leftovers.dismiss(watching)
    return 0


if __name__ == "__main__":
    sys.exit(main())
