"""Colours. ``LIGHT`` and ``DARK`` are fixed; ``CSS`` leaves them to the page's own variables.

The series' colours are told apart by people who see red and green alike (after Okabe and Ito), and
differ from those of the severities.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Theme:
    """Any CSS colour, or ``var(…)``."""

    ink: str
    quiet: str
    grid: str
    warning: str
    critical: str
    good: str
    series: tuple[str, ...]

    def colour(self, position: int) -> str:
        """Of the series at ``position``, from 0; they repeat."""
        return self.series[position % len(self.series)]


LIGHT = Theme(
    ink="#1f2937",
    quiet="#6b7280",
    grid="#e5e7eb",
    warning="#b45309",
    critical="#b91c1c",
    good="#0f766e",
    series=("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#6a3d9a", "#8c564b", "#4d4d4d"),
)
DARK = Theme(
    ink="#e5e7eb",
    quiet="#9ca3af",
    grid="#374151",
    warning="#fbbf24",
    critical="#f87171",
    good="#2dd4bf",
    series=("#56b4e9", "#e69f00", "#2fc79a", "#e39bc4", "#9cd3f3", "#b79be0", "#c8a18f", "#bdbdbd"),
)


def _variables(fallback: Theme) -> Theme:
    plain = {
        field.name: f"var(--chart-{field.name}, {getattr(fallback, field.name)})"
        for field in fields(fallback)
        if field.name != "series"
    }
    numbered = enumerate(fallback.series, 1)
    return Theme(**plain, series=tuple(f"var(--chart-{n}, {colour})" for n, colour in numbered))


CSS = _variables(LIGHT)
"""``--chart-ink``, ``-quiet``, ``-grid``, ``-warning``, ``-critical``, ``-good``, ``-1`` … ``-8``;
light where the page sets none."""


def variables(theme: Theme) -> str:
    """``theme`` as CSS declarations of what :data:`CSS` reads, for a page's style sheet."""
    plain = [
        f"--chart-{field.name}: {getattr(theme, field.name)};"
        for field in fields(theme)
        if field.name != "series"
    ]
    return " ".join(plain + [f"--chart-{n}: {c};" for n, c in enumerate(theme.series, 1)])
