"""Numbers as people read them."""

from __future__ import annotations

from glue.core.report.content import Figure

NONE = "–"
MINUTE, HOUR, DAY = 60, 3600, 86_400


def number(value: float | None, digits: int = 0) -> str:
    """``1,204.5``; an en dash where it is not known."""
    if value is None:
        return NONE
    said = f"{value:,.{digits}f}"
    return said.removeprefix("-") if not said.strip("-0.,") else said


def amount(value: float | None, unit: str, digits: int = 0) -> str:
    """With its unit; seconds as hours and minutes."""
    if value is None:
        return NONE
    if unit == "s":
        return duration(value)
    return f"{number(value, digits)} {unit}".rstrip()


def duration(seconds: float) -> str:
    """``3 d 4 h``, ``2 h 5 min``, ``12 s``: the two largest units."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    rest = round(seconds / MINUTE) * MINUTE
    for size, name, small, less in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min")):
        if rest >= size:
            more = int(rest % size // small)
            return f"{int(rest // size)} {name}" + (f" {more} {less}" if more else "")
    return f"{int(rest // MINUTE)} min"


def counted(count: float, one: str, many: str = "") -> str:
    """``1 robot``, ``2 robots``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def listed(names: list[str], most: int = 3) -> str:
    """``a, b and c``; ``a, b and 5 more``."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))


def change(figure: Figure) -> str:
    """Against the period before, ``3 % more``; empty where that is not known or the same."""
    if figure.value is None or figure.before is None:
        return ""
    by = figure.value - figure.before
    if number(abs(by), figure.digits).strip("0.,") == "":
        return "as before"
    more = "more" if by > 0 else "less"
    if figure.unit == "%":
        return f"{number(abs(by), max(figure.digits, 1))} points {more}"
    if figure.before and figure.unit not in ("°C", "V"):
        part = abs(by) / abs(figure.before) * 100
        if part < 1000:
            return f"{number(part)} % {more}"
    return f"{amount(abs(by), figure.unit, figure.digits)} {more}"


def verdict(figure: Figure) -> str:
    """``good``, ``bad`` or empty: which way it went."""
    said = change(figure)
    if not said or said == "as before" or not figure.better:
        return ""
    assert figure.value is not None and figure.before is not None
    return "good" if (figure.value > figure.before) == (figure.better == "up") else "bad"
