"""What all dashboards share: their names, the links between them, time, refresh, tooltips."""

from __future__ import annotations

from typing import Literal

from grafana_foundation_sdk.builders import dashboard as db
from grafana_foundation_sdk.models import dashboard as d

from . import variables
from .names import REPORTS, SET, address

Scope = Literal["robot", "any", "fleet"]
"""Whether a dashboard is of one robot; of one or all; or of none, and only hands a choice on."""


def board(uid: str, description: str, scope: Scope, *, since: str = "now-15m") -> db.Dashboard:
    """A dashboard of the set, without panels. ``since`` counts for who comes without a time; the
    links to the others take time and robot along."""
    made = (
        db.Dashboard(SET[uid])
        .uid(uid)
        .description(description)
        .tags(["tonypi"])
        .readonly()
        .tooltip(d.DashboardCursorSync.CROSSHAIR)
        .time(since, "now")
        .refresh("10s" if since == "now-15m" else "1m")
        .timezone("browser")
    )
    for other in SET:
        if other != uid:
            made.link(_link(other, scope))
    made.link(_report(uid, scope))
    if scope == "robot":
        made.with_variable(variables.robot())
    else:
        chosen = variables.any_robot()
        if scope == "fleet":
            chosen.hide(d.VariableHide.HIDE_VARIABLE)
        made.with_variable(chosen).with_variable(variables.chosen())
    return made.with_variable(variables.report())


def _link(uid: str, scope: Scope) -> db.DashboardLink:
    # Grafana would hand "All" on, which is no robot where one must be.
    url = address(uid) if scope == "robot" else f"{address(uid)}?${{chosen}}"
    return (
        db.DashboardLink(SET[uid])
        .type(d.DashboardLinkType.LINK)
        .url(url)
        .icon("dashboard")
        .tooltip(f"{SET[uid]}, at this time and for this robot")
        .keep_time(True)
        .include_vars(scope == "robot")
    )


def _report(uid: str, scope: Scope) -> db.DashboardLink:
    """To a page that asks first: of this robot or the fleet, about what is looked at here."""
    about = f"type={REPORTS.get(uid, 'performance')}&from=${{__from}}&to=${{__to}}"
    robot = "robot=${robot}" if scope == "robot" else "${chosen}"
    return (
        db.DashboardLink("Report")
        .type(d.DashboardLinkType.LINK)
        .url(f"${{report}}?{about}&{robot}")
        .icon("doc")
        .tooltip("A report of this time range, as PDF, web page, CSV or JSON")
        .target_blank(True)
    )
