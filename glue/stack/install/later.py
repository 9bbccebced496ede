"""What the stack runs without and that could not be had: a machine without a network is not kept
waiting for it at each start."""

from __future__ import annotations

import time
from pathlib import Path

AGAIN_S = 86_400


def tried(cache: Path, what: str) -> bool:
    """Whether ``what`` could not be had within the last day."""
    try:
        return time.time() - _stamp(cache, what).stat().st_mtime < AGAIN_S
    except OSError:
        return False


def remember(cache: Path, what: str) -> None:
    """That ``what`` could not be had now."""
    _stamp(cache, what).parent.mkdir(parents=True, exist_ok=True)
    _stamp(cache, what).touch()


def _stamp(cache: Path, what: str) -> Path:
    return cache / f".{what}-tried"
