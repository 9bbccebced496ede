"""Long commands with progress: their output goes to a file, their last line to the step."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from glue.stack.install.errors import InstallFailed
from glue.stack.process import tail
from glue.stack.progress import Step


def run(command: Sequence[str], step: Step, env: Mapping[str, str] | None = None) -> None:
    """Run to the end. Raises :class:`InstallFailed` with the last lines it printed."""
    with tempfile.NamedTemporaryFile(prefix="tonypi-install-", suffix=".log") as output:
        log = Path(output.name)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
            )
        except OSError as error:
            raise InstallFailed(f"cannot run {command[0]}: {error}") from None
        try:
            while process.poll() is None:
                step.tick(tail(log, 1)[:80])
                time.sleep(0.2)
        except BaseException:
            process.terminate()
            process.wait(10)
            raise
        if process.returncode:
            raise InstallFailed(
                f"{' '.join(command[:4])} … ended with {process.returncode}:\n{tail(log)}"
            )
