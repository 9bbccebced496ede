"""What a report is asked to be about, checked, and kept with its job and its schedule."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from glue.core.report.content import Kind
from glue.core.robot_id import is_robot_id

SectionName = Literal[
    "availability", "load", "temperature", "servos", "battery", "jobs", "alerts", "logs"
]
Paper = Literal["a4", "letter"]

PRESETS: dict[str, tuple[SectionName, ...]] = {
    "performance": ("availability", "load", "temperature", "alerts"),
    "job": ("jobs",),
    "system": ("availability", "temperature", "servos", "alerts", "logs"),
    "battery": ("battery", "alerts"),
}
"""The sections of each kind; a custom report names its own."""

ALERTS_OF: dict[str, tuple[str, ...]] = {
    "performance": ("performance", "temperature"),
    "battery": ("battery",),
}
"""Types of the alerts that a kind is about; of others: all."""

LONGEST = timedelta(days=366)
SHORTEST = timedelta(minutes=5)
GROUP = 200
"""Robots that can be named."""


class Request(BaseModel):
    """``robots`` or a ``group``; neither: the fleet. Who is in the group is looked up when the
    report is made. Times with their zone; ``zone`` is the one people read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    robots: tuple[str, ...] = Field((), max_length=GROUP)
    group: str = Field("", max_length=100)
    since: datetime
    until: datetime
    zone: str = "UTC"
    title: str = Field("", max_length=200)
    sections: tuple[SectionName, ...] = ()
    paper: Paper = "a4"

    @field_validator("robots")
    @classmethod
    def _robots(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return named(given)

    @field_validator("zone")
    @classmethod
    def _zone(cls, given: str) -> str:
        return known_zone(given)

    @field_validator("group")
    @classmethod
    def _group(cls, given: str) -> str:
        if given and not is_robot_id(given):
            raise ValueError(f"{given!r} is no name of a group")
        return given

    @field_validator("title")
    @classmethod
    def _title(cls, given: str) -> str:
        return one_line(given)

    @model_validator(mode="after")
    def _whole(self) -> Request:
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise ValueError("times need their zone, like 2026-01-31T08:00:00Z")
        if not SHORTEST <= self.until - self.since <= LONGEST:
            raise ValueError("until must be 5 minutes to 366 days after since")
        if self.group and self.robots:
            raise ValueError("robots or a group, not both")
        check_sections(self.kind, self.sections)
        return self

    @property
    def scope(self) -> Literal["robot", "group", "fleet"]:
        """What it is about."""
        if self.group or len(self.robots) > 1:
            return "group"
        return "robot" if self.robots else "fleet"

    @property
    def chosen(self) -> tuple[SectionName, ...]:
        """Its sections in their order."""
        return self.sections or PRESETS[self.kind]

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return self.model_dump(mode="json")


def check_sections(kind: Kind, sections: tuple[SectionName, ...]) -> None:
    """Raises ``ValueError``."""
    if kind == "custom" and not sections:
        raise ValueError("a custom report names its sections")
    if kind != "custom" and sections:
        raise ValueError(f"a {kind} report has sections of its own; ask for custom to choose")
    if len(set(sections)) != len(sections):
        raise ValueError("a section is named twice")


def known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"{name!r} is no time zone; use a name like Europe/Berlin") from None
    return name


def named(robots: tuple[str, ...]) -> tuple[str, ...]:
    """Robot ids, each once, in the order given. Raises ``ValueError``."""
    for robot in robots:
        if not is_robot_id(robot):
            raise ValueError(f"{robot!r} is no robot id")
    return tuple(dict.fromkeys(robots))


def one_line(text: str) -> str:
    """Without what would break a line or cannot be kept. Raises ``ValueError``."""
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text):
        raise ValueError("a title is one line, without control characters")
    return text.strip()
