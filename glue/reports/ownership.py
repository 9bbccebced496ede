"""Files in the reports' folder belong to the folder's owner, whoever makes them.

The glue may run as a user of its own, and root call `tonypi reports` beside it. Root acts as that
user there: the glue can read and remove what is made, and a link left there leads root nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Inside, root is who owns ``folder``. Nothing changes for others, or where there is none."""
    owner = folder.stat() if os.geteuid() == 0 and folder.is_dir() else None
    if owner is None or owner.st_uid == 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
