"""Fonts for the names of robots in reports (docs/decisions/0030): Debian's packages."""

from __future__ import annotations

import time
from pathlib import Path

FOLDER = Path("/usr/share/fonts")
FILES = {
    "fonts-noto-core": "truetype/noto/NotoSans-Regular.ttf",
    "fonts-wqy-microhei": "truetype/wqy/wqy-microhei.ttc",
    "fonts-noto-color-emoji": "truetype/noto/NotoColorEmoji.ttf",
}
"""A file of each package."""
PACKAGES = " ".join(FILES)
AGAIN_S = 86_400
"""A machine without a network is not kept waiting at each start."""


def there(folder: Path = FOLDER) -> bool:
    return all((folder / file).exists() for file in FILES.values())


def tried(cache: Path) -> bool:
    """Whether they could not be had within the last day."""
    try:
        return time.time() - _stamp(cache).stat().st_mtime < AGAIN_S
    except OSError:
        return False


def remember(cache: Path) -> None:
    """That they could not be had now."""
    _stamp(cache).parent.mkdir(parents=True, exist_ok=True)
    _stamp(cache).touch()


def _stamp(cache: Path) -> Path:
    return cache / ".fonts-tried"
