"""Who changed which limits when, from what to what: written down by a trigger, so that a change by
plain SQL is there as well."""

from __future__ import annotations

from datetime import datetime

from glue.core.sorting import Column
from glue.store.listing import Listing
from glue.store.queries import load

HISTORY = Listing(
    load("limit_history"),
    {
        "id": Column(int),
        "at": Column(datetime),
        "robot_id": Column(str, nullable=True),
        "metric": Column(str, nullable=True),
        "actor": Column(str, nullable=True),
    },
    default="-at",
)
