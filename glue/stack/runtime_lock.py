"""What the image installs: the lock file without what only development needs.

There is one lock for both, so that what is tested is what runs. Who needs whom stands in its
comments (``# via``), written by pip-compile. Runs alone, before any package is there:
``python glue/stack/runtime_lock.py pyproject.toml requirements.lock``.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)
_VIA = re.compile(r"^    #(?: via)? {1,3}(?!via$)([A-Za-z0-9][A-Za-z0-9._-]*)$", re.MULTILINE)


def normal(requirement: str) -> str:
    """Name of the package that ``requirement`` asks for, as indexes compare names."""
    name = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    if not name:
        raise ValueError(f"{requirement!r} names no package")
    return re.sub(r"[-_.]+", "-", name[1]).lower()


def runtime_lock(lock: str, direct: Iterable[str]) -> str:
    """The entries of ``lock`` that the requirements ``direct`` need, themselves included.

    Raises :class:`ValueError` when one of ``direct`` is not locked.
    """
    entries = _entries(lock)
    wanted = {normal(requirement) for requirement in direct}
    if missing := sorted(wanted - set(entries)):
        raise ValueError(f"not in the lock, run `make lock`: {', '.join(missing)}")
    while True:
        needed = {
            name for name, text in entries.items() if wanted & set(map(normal, _VIA.findall(text)))
        }
        if needed <= wanted:
            return "".join(entries[name] for name in sorted(wanted))
        wanted |= needed


def _entries(lock: str) -> dict[str, str]:
    starts = [*_PINNED.finditer(lock)]
    ends = [*(match.start() for match in starts[1:]), len(lock)]
    return {
        normal(match[1]): lock[match.start() : end] for match, end in zip(starts, ends, strict=True)
    }


if __name__ == "__main__":
    project = tomllib.loads(Path(sys.argv[1]).read_text())["project"]
    sys.stdout.write(runtime_lock(Path(sys.argv[2]).read_text(), project["dependencies"]))
