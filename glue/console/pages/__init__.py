"""The pages, one file a noun."""

from __future__ import annotations

from glue.console.pages import (
    account,
    alerts,
    commands,
    emergency,
    groups,
    limits,
    live,
    maintenance,
    mutes,
    notifications,
    notify_routes,
    notify_targets,
    overview,
    registrations,
    report_schedules,
    reports,
    robots,
    sign_in,
    status,
    users,
    windows,
)

PAGES = (
    *(sign_in, overview, live, emergency),
    # Before the robots, of which one could otherwise be called «new».
    *(registrations, robots, groups, maintenance, windows, commands, limits, alerts, mutes),
    # Their schedules before the reports, one of which could otherwise be called so.
    *(users, account, notifications, notify_targets, notify_routes),
    *(report_schedules, reports, status),
)
"""In the order in which an address is looked for."""
