"""``python -m glue.stack.install [--tests]``: get the programs without starting any; for tests and
images. With ``--tests`` also what only tests need.

Exit codes: 0 everything needed is there, 1 something cannot be had.
"""

from __future__ import annotations

import sys

from glue import settings
from glue.stack.install import InstallFailed, install
from glue.stack.programs import Programs
from glue.stack.progress import Progress


def main() -> int:
    try:
        install(
            Programs(grafana_home=settings.load().grafana.home), Progress(), "--tests" in sys.argv
        )
    except InstallFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
