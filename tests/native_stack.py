"""A stack that a test starts with ``tonypi`` as a person does, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glue.stack.home import Home

LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
LISTEN = "0A"


@dataclass(frozen=True)
class Stack:
    """A home with ports of its own, and ``tonypi`` run on it."""

    home: Home
    environ: dict[str, str]

    def run(self, *arguments: str, timeout: float = 170) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "glue.cli", *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.run("status", "--json").stdout))

    def pids(self) -> dict[str, int]:
        return {name: part["pid"] for name, part in self.status()["parts"].items()}

    def processes(self) -> set[int]:
        """Every process of this home: it is in its environment, its command or its folder."""
        mark = str(self.home.path).encode()
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                known = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
                known += os.readlink(folder / "cwd").encode()
                zombie = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except (OSError, IndexError):
                continue
            if mark in known and not zombie:
                found.add(int(folder.name))
        return found


def until(question: Callable[[], bool], within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.2)
    return False
