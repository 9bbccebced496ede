"""Fonts for the names of robots in reports (docs/decisions/0030): Debian's packages."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path("/usr/share/fonts")
FILES = {
    "fonts-noto-core": "truetype/noto/NotoSans-Regular.ttf",
    "fonts-wqy-microhei": "truetype/wqy/wqy-microhei.ttc",
    "fonts-noto-color-emoji": "truetype/noto/NotoColorEmoji.ttf",
}
"""A file of each package."""
PACKAGES = " ".join(FILES)


def there(folder: Path = FOLDER) -> bool:
    return all((folder / file).exists() for file in FILES.values())
