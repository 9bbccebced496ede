"""The list before ``tonypi up``, and its ``--dry-run``: shown, not decided here."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import typer

from glue.stack import facts, plan, preflight
from glue.stack.home import Home
from glue.stack.part import Site
from glue.stack.preflight import Facts, Finding
from glue.stack.progress import Progress

MARKS = {"error": "✗", "warning": "!", "note": "–"}


def look(place: Home, site: Site, environ: dict[str, str]) -> tuple[Facts, list[Finding]]:
    """Facts, and what is to be said of them."""
    known = facts.gather(place, site, environ)
    return known, preflight.findings(known)


def show(found: list[Finding], progress: Progress) -> None:
    """One list: what is so, and what to do or what is done about it."""
    for finding in found:
        progress.say(f"  {MARKS[finding.level]} {finding.what}")
        progress.say(f"      {finding.do}")


def show_plan(known: Facts, found: list[Finding], site: Site, progress: Progress) -> None:
    """What ``up`` would find, get and start."""
    progress.say(f"home: {site.home}")
    show(found, progress)
    for get in known.gets:
        progress.say(f"get: {get.title}{'' if get.needed else ' (the stack runs without it)'}")
    for port in known.ports:
        progress.say(f"port: {port.program} {port.given} ({port.name})")
    progress.say(f"start: {' → '.join(starts(known, site))}")


def show_json(known: Facts, found: list[Finding], site: Site) -> None:
    """The same for scripts: ``home``, ``findings``, ``gets``, ``ports`` and ``start``."""
    told: dict[str, Any] = {
        "home": str(site.home),
        "findings": [asdict(finding) for finding in found],
        "gets": [asdict(get) for get in known.gets],
        "ports": {port.name: port.given for port in known.ports},
        "start": starts(known, site),
    }
    typer.echo(json.dumps(told, indent=2))


def starts(known: Facts, site: Site) -> list[str]:
    """Names of the parts in their order; all of them where some must be got first."""
    missing = {get.what for get in known.gets} | {line.split()[0] for line in known.impossible}
    if missing - {"grafana"}:
        return [*plan.FOUNDATION, "telegraf", "grafana", "glue"]
    return plan.names(site)
