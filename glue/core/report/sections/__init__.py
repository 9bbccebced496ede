"""One subject each: facts in, a section out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from glue.core.report.content import Section
from glue.core.report.facts import Facts
from glue.core.report.request import SectionName
from glue.core.report.sections import (
    alerts,
    availability,
    battery,
    jobs,
    load,
    logs,
    servos,
    temperature,
)

BUILD: Mapping[SectionName, Callable[[Facts], Section]] = {
    "availability": availability.section,
    "load": load.section,
    "temperature": temperature.section,
    "servos": servos.section,
    "battery": battery.section,
    "jobs": jobs.section,
    "alerts": alerts.section,
    "logs": logs.section,
}
