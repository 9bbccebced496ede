"""What can go wrong with a call to Grafana."""

from __future__ import annotations


class GrafanaError(Exception):
    """Grafana refused a call; the text is Grafana's own. ``status`` is that of HTTP, 0 without."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class GrafanaUnavailable(GrafanaError):
    """Grafana cannot be reached, answers 5xx, or not in time; worth trying again."""


class GrafanaDenied(GrafanaError):
    """Grafana does not know us (401), or does not let us (403); trying again changes nothing."""


class GrafanaMissing(GrafanaError):
    """What the call is about is not there (any more)."""


class GrafanaConflict(GrafanaError):
    """Somebody was faster: it is there already, or was changed meanwhile. Look again."""


class GrafanaUnsupported(GrafanaError):
    """A version of Grafana that we do not write to."""
