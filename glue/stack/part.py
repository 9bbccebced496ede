"""One supervised program as a value: what to write, how to start it, when it is ready.

The same values serve ``tonypi up`` and the tests, which start the real programs from them.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from glue.settings import PROJECT, Settings
from glue.stack.programs import Programs

SLOWEST_STOP = 60.0
"""Seconds that the slowest part (PostgreSQL) may take to end."""


def always() -> bool:
    """Readiness of a program that has nothing to wait for."""
    return True


def nothing() -> None:
    """Preparation of a program that needs none."""


@dataclass(frozen=True)
class Part:
    """A program and all that is needed to run it.

    ``files`` are written before each start (mode 0600, they may hold secrets); ``folders`` are
    made. Both are given to ``user``, whom the program runs as when we are root; ``None`` means
    whoever we are. ``prepare`` runs before each start and must be harmless the second time.
    ``ready`` answers at once whether the program serves, and never raises.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    user: str | None = None
    root_because: str = ""
    """Why it stays root, where root starts it."""
    shown: tuple[Path, ...] = ()
    """Folders that ``user`` sees though they are below a closed one; nothing else is seen there."""
    files: Mapping[Path, str] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()
    depends: tuple[str, ...] = ()
    prepare: Callable[[], None] = nothing
    ready: Callable[[], bool] = always
    port: int | None = None
    """Port that it listens on once it is ready. Another's answer there is not its own."""
    ready_within: float = 60.0
    """Seconds after which a start counts as failed."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 20.0
    """Seconds after ``stop_signal`` until SIGKILL; at most :data:`SLOWEST_STOP`."""
    hung_after: float | None = None
    """Seconds without an answer, once ready, after which it is restarted; None: never, because it
    may be busy for long (PostgreSQL's recovery) or has nothing to ask."""
    url: str = ""
    """Where people or programs reach it, for ``tonypi status``."""


@dataclass(frozen=True)
class Site:
    """Where a stack runs: its settings, its folder, the programs it found, the checkout."""

    settings: Settings
    home: Path
    programs: Programs
    checkout: Path = PROJECT

    def data(self, name: str) -> Path:
        """Folder of one part's data."""
        return self.home / "data" / name

    def log(self, name: str) -> Path:
        """Log file of one part."""
        return self.home / "logs" / f"{name}.log"

    @property
    def runs_grafana(self) -> bool:
        """Whether this stack starts a Grafana: one is here, and none elsewhere is asked for."""
        return self._grafana_is_here and self.programs.grafana() is not None

    @property
    def grafana_url(self) -> str:
        """Where the glue finds Grafana: ours, one elsewhere, or empty for none."""
        url = self.settings.grafana.url
        return "" if self._grafana_is_here and not self.runs_grafana else url

    @property
    def _grafana_is_here(self) -> bool:
        host = urlsplit(self.settings.grafana.url).hostname
        return host in ("127.0.0.1", "localhost", self.settings.stack.bind)
