"""Getting what is missing: distribution packages, makers' releases, Go builds.

:func:`plan` says what would be done (``tonypi up --dry-run``), :func:`install` does it. What was
got once is found by :mod:`glue.stack.programs` afterwards, so a second time costs nothing.
"""

from glue.stack.install.plan import Get, Plan, plan
from glue.stack.install.run import InstallFailed, install

__all__ = ["Get", "InstallFailed", "Plan", "install", "plan"]
