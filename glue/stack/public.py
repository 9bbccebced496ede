"""Where browsers reach Grafana and the glue. Single sign-on sends people from one to the other, so
both must be told the same addresses."""

from __future__ import annotations

from urllib.parse import urlsplit

from glue.settings import Settings
from glue.stack import lan, probe


def grafana(settings: Settings) -> str:
    """Root of Grafana's addresses, without a slash at its end."""
    if settings.grafana.public_url or grafana_listens(settings) != lan.ANY:
        return settings.grafana_for_browsers
    port = probe.port_of(settings.grafana.url, 3000)
    return f"http://{lan.addresses(settings.stack.bind)[0]}:{port}"


def glue(settings: Settings) -> str:
    """Root of the glue's addresses, without a slash at its end."""
    if settings.sign_on.public_url or settings.glue.host != lan.ANY:
        return settings.glue_for_browsers
    return f"http://{lan.addresses(settings.glue.host)[0]}:{settings.glue.port}"


def grafana_listens(settings: Settings) -> str:
    """The address that our Grafana listens on. Where GRAFANA_URL was set by hand it is that one,
    whatever others do."""
    bind = settings.stack.bind
    asked = lan.near(urlsplit(settings.grafana.url).hostname or lan.LOOPBACK)
    return bind if asked == lan.near(bind) else asked
