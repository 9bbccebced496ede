"""A few tests that failed beside others, once more alone: ``python -m tests.again CODE``.

``make test`` calls it with the exit code of a run that failed. Six real programs and two workers
share two processors there, and a test that holds a time can fail for the load alone. What passes
alone is named in the last lines as unsteady, to be mended; what fails again has failed, and so has
a run of which more than ``FEW`` tests failed or which did not come to its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FEW = 3
FAILED = Path(".pytest_cache/v/cache/lastfailed")
TESTS_FAILED = 1
"""Pytest's exit code when it ran to its end."""


def main(code: int) -> int:
    """The exit code that counts."""
    if code != TESTS_FAILED or not FAILED.exists():
        return code
    failed = sorted(json.loads(FAILED.read_text()))
    if not 0 < len(failed) <= FEW:
        return code
    print(f"\n{len(failed)} failed beside others; once more, alone:\n", flush=True)
    lately = ("--last-failed", "--last-failed-no-failures", "none")
    again = subprocess.run([sys.executable, "-m", "pytest", "-v", *lately], check=False)
    if again.returncode == 0:
        print(f"UNSTEADY, to be mended: failed beside others, passed alone: {', '.join(failed)}")
    return again.returncode


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
