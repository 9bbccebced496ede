"""Commands of the CLI at a test's database, in a thread of their own: they have an event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import typer
from typer.testing import CliRunner

Run = Callable[..., tuple[int, str]]


def command(module: ModuleType, dsn: str, monkeypatch: Any, home: Any) -> Run:
    """``run("mutes", "list")`` of the group that ``module`` registers: exit code and output."""
    monkeypatch.setenv("TONYPI_HOME", str(home))
    monkeypatch.setenv("DATABASE_URL", dsn)
    root = typer.Typer()
    root.callback()(lambda: None)
    module.register(root)

    def run(*words: str) -> tuple[int, str]:
        results: list[Any] = []
        thread = threading.Thread(
            target=lambda: results.append(CliRunner().invoke(root, list(words)))
        )
        thread.start()
        thread.join()
        return results[0].exit_code, results[0].output

    return run
