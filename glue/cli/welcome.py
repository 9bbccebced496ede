"""Where everything is, and the generated passwords, shown once: the last words of ``tonypi up``."""

from __future__ import annotations

from glue.core import demo
from glue.settings import Glue
from glue.stack import lan, public
from glue.stack.home import Home
from glue.stack.part import Site
from glue.stack.progress import Progress

SHOWN = "password-shown"
ROBOTS_SHOWN = "robots-password-shown"
USERS_KEPT = "users-kept"
"""The API's users are older than GLUE_ADMIN_PASSWORD, which is then nobody's."""


def forget(place: Home) -> None:
    """Passwords have changed: they are shown once more."""
    for name in (SHOWN, ROBOTS_SHOWN):
        (place.path / "run" / name).unlink(missing_ok=True)
    (place.path / "run" / USERS_KEPT).touch()


def show(place: Home, site: Site, progress: Progress) -> None:
    """Addresses; secrets where they were not shown before."""
    config = site.settings
    opened = lan.is_open(config.stack.bind)
    host = lan.addresses(config.stack.bind)[0] if opened else config.broker.host
    if site.runs_grafana:
        progress.say(f"dashboards  {public.grafana(config)}")
    else:
        progress.say("dashboards  none: no Grafana here; the standby evaluator raises the alerts")
    progress.say(f"console     {public.glue(config)}/console")
    progress.say(f"API         {public.glue(config)}/docs")
    progress.say(f"robots      send MQTT to {host}:{config.broker.port}")
    if opened:
        progress.say("            open to the network, unencrypted; `tonypi up --no-lan` closes it")
    _secrets(place, site, progress)
    if config.glue.demo:
        progress.say("demo mode: these passwords open the API too, from this machine alone:")
        for name, documented in demo.DOCUMENTED.items():
            progress.say(f"  API       {name:8}  {documented}")
    if lan.asks(config) and _first(place, ROBOTS_SHOWN):
        secret = config.broker.robots_password.get_secret_value()
        progress.say("the robots' name and password, shown this once (MQTT_ROBOTS_PASSWORD there):")
        progress.say(f"  MQTT      {lan.ROBOTS}  {secret}")


def _secrets(place: Home, site: Site, progress: Progress) -> None:
    if not _first(place, SHOWN):
        return
    config = site.settings
    progress.say("passwords, generated now and shown this once (kept in stack.env there):")
    if site.runs_grafana:
        secret = config.grafana.admin_password.get_secret_value()
        progress.say(f"  Grafana   {config.grafana.admin_user}  {secret}")
    if (place.path / "run" / USERS_KEPT).exists():
        progress.say("  API       users keep theirs; `tonypi users password NAME` sets a new one")
    else:
        for name, secret in _first_users(config.glue):
            progress.say(f"  API       {name:8}  {secret}")


def _first_users(glue: Glue) -> list[tuple[str, str]]:
    """Name and password of those who are made while there is no user."""
    made = {
        "admin": glue.admin_password,
        "operator": glue.operator_password,
        "viewer": glue.viewer_password,
    }
    return [(name, secret.get_secret_value()) for name, secret in made.items()]


def _first(place: Home, name: str) -> bool:
    shown = place.path / "run" / name
    if shown.exists():
        return False
    shown.touch()
    return True
