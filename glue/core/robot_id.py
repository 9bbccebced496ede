"""Which robot ids are accepted: they stand in topics, tags, labels and URLs."""

from __future__ import annotations

import re
from typing import TypeGuard

PATTERN = r"[A-Za-z0-9_.:-]{1,50}"
_WHOLE = re.compile(rf"\A{PATTERN}\Z")


def is_robot_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _WHOLE.match(value) is not None
