"""Writing SVG: elements as text, escaped."""

from __future__ import annotations

from html import escape

FONT = "Noto Sans, system-ui, sans-serif"
SIZE = 11.0
"""Of the letters, in the picture's own units; a letter is about ``0.55 * SIZE`` wide."""


def element(name: str, content: str = "", **attributes: object) -> str:
    """``content`` is SVG already; the values are escaped. ``stroke_width`` is ``stroke-width``."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def number(value: object) -> str:
    """Short: tenths of a unit are finer than anybody sees."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def text(x: float, y: float, said: str, fill: str, anchor: str = "start", **more: object) -> str:
    return element("text", escape(said), x=x, y=y, fill=fill, text_anchor=anchor, **more)


def picture(width: float, height: float, title: str, description: str, parts: list[str]) -> str:
    """The whole, with its title and what it shows in words."""
    told = element("title", escape(title)) + element("desc", escape(description))
    return element(
        "svg",
        told + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width="100%",
        role="img",
        aria_label=f"{title}. {description}",
        font_family=FONT,
        font_size=SIZE,
    )


def shortened(said: str, letters: int) -> str:
    return said if len(said) <= letters else said[: letters - 1].rstrip() + "…"
