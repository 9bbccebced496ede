"""What is in an archive: ``manifest.json``, its last member. Values in, values out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 1
"""Raised when an older program could not restore the archive rightly."""
KIND = "tonypi backup"


class Unusable(Exception):
    """The archive cannot be restored here; the text says why and what to do."""


@dataclass(frozen=True)
class Member:
    """A file in the archive."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class DatabaseFacts:
    """A database. ``rows`` by ``schema.table``; ``migrations`` empty for Grafana's."""

    member: str
    owner: str
    rows: dict[str, int]
    migrations: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeasurementFacts:
    """A measurement. ``mixed``: fields that had several types, unified to one."""

    member: str
    points: int
    values: int
    mixed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """``databases`` by role («glue», «grafana»), ``measurements`` by name. Times are ISO-8601 UTC;
    ``versions`` are those of the programs that were asked."""

    made_at: str
    versions: dict[str, str]
    databases: dict[str, DatabaseFacts]
    bucket: str
    measurements: dict[str, MeasurementFacts]
    members: tuple[Member, ...]
    format: int = FORMAT
    kind: str = KIND
    left_out: tuple[str, ...] = field(
        default=("MQTT sessions of the broker", "Telegraf's counters", "Grafana's plugins", "logs")
    )

    @property
    def points(self) -> int:
        return sum(one.points for one in self.measurements.values())

    @property
    def rows(self) -> int:
        return sum(sum(one.rows.values()) for one in self.databases.values())

    def text(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def parse(text: str) -> Manifest:
    """The manifest that ``text`` holds. Raises :class:`Unusable`."""
    try:
        found: dict[str, Any] = json.loads(text)
        kind, version = found["kind"], int(found["format"])
    except (ValueError, KeyError, TypeError):
        raise Unusable(
            "its manifest.json is none of ours; is it a file of `tonypi backup`?"
        ) from None
    if kind != KIND:
        raise Unusable(f"it is a {kind!r}, not a {KIND}")
    if version > FORMAT:
        raise Unusable(
            f"its format is {version}, this program knows up to {FORMAT}; "
            "install the release that made it, or a newer one"
        )
    try:
        return Manifest(
            made_at=str(found["made_at"]),
            versions=dict(found["versions"]),
            databases={name: _database(one) for name, one in found["databases"].items()},
            bucket=str(found["bucket"]),
            measurements={name: _measurement(one) for name, one in found["measurements"].items()},
            members=tuple(Member(**one) for one in found["members"]),
            format=version,
            left_out=tuple(found["left_out"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"its manifest.json is incomplete: {error}") from None


def _database(found: Mapping[str, Any]) -> DatabaseFacts:
    return DatabaseFacts(**{**found, "migrations": tuple(found["migrations"])})


def _measurement(found: Mapping[str, Any]) -> MeasurementFacts:
    return MeasurementFacts(**{**found, "mixed": tuple(found["mixed"])})


def check_fits(
    manifest: Manifest, owners: Mapping[str, str], known: Sequence[str], server: int | None
) -> None:
    """Whether it can be restored into databases of ``owners`` on a PostgreSQL ``server`` (its major
    version; None: not known yet) by a program with the migrations ``known``. Raises
    :class:`Unusable`."""
    made_on = manifest.versions.get("postgresql", "")
    if server and made_on and server < int(made_on.partition(".")[0]):
        raise Unusable(
            f"it was made on PostgreSQL {made_on}, and here is {server}, which does not read it; "
            "restore it on the same major version or a newer one"
        )
    for name, facts in manifest.databases.items():
        if name not in owners:
            raise Unusable(f"it holds a database {name!r} that this program does not know")
        if facts.owner != owners[name]:
            raise Unusable(
                f"its database {name!r} belongs to the role {facts.owner!r}, here it is "
                f"{owners[name]!r}; restore with PGUSER={facts.owner}"
            )
        if newer := sorted(set(facts.migrations) - set(known)) if known else []:
            raise Unusable(
                f"it was made by a newer release (migration {newer[-1]}); update this one first"
            )


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """Tables whose numbers of rows differ, as text; empty when all is there."""
    return [
        f"{table}: {expected.get(table, 'no table')} in the backup, "
        f"{found.get(table, 'no table')} restored"
        for table in sorted({*expected, *found})
        if expected.get(table) != found.get(table)
    ]
