"""Reports: their files, links and jobs."""

from __future__ import annotations

from glue.settings.group import Group, setting


class Reports(Group):
    """Reports that are made and sent. Their folder is `GLUE_REPORTS_FOLDER`."""

    at_once: int = setting(
        1,
        "REPORTS_AT_ONCE",
        "Made at a time, each in a process of its own with low priority; the others wait.",
        "reports",
        ge=0,
        le=8,
    )
    queue: int = setting(
        100,
        "REPORTS_QUEUE",
        "Reports that may wait; who asks for more is told to come back.",
        "reports",
        ge=1,
        le=10_000,
    )
    keep: int = setting(
        365,
        "REPORTS_KEEP_DAYS",
        "PDFs older than this are removed; the reports stay and are shown as HTML, CSV and JSON."
        " 0: they stay too.",
        "days",
        ge=0,
        le=36_500,
    )
    link: int = setting(
        7,
        "REPORTS_LINK_DAYS",
        "How long a link opens a report without an account, for targets that take no attachment.",
        "days",
        ge=1,
        le=365,
    )
    largest: int = setting(
        10 * 1024 * 1024,
        "REPORTS_LARGEST_ATTACHMENT",
        "A larger file is sent as a link: mail servers refuse much.",
        "bytes",
        ge=0,
    )
