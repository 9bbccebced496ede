"""The pages, one file a noun."""

from __future__ import annotations

from glue.console.pages import (
    account,
    alerts,
    commands,
    emergency,
    limits,
    live,
    maintenance,
    notifications,
    overview,
    registrations,
    reports,
    robots,
    sign_in,
    status,
    users,
)

PAGES = (
    *(sign_in, overview, live, emergency),
    # Before the robots, of which one could otherwise be called «new».
    *(registrations, robots, maintenance, commands, limits, alerts),
    *(users, account, notifications, reports, status),
)
"""In the order in which an address is looked for."""
