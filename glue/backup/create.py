"""Making an archive, while everything runs."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from glue import __version__
from glue.backup import archive
from glue.backup.manifest import DatabaseFacts, Manifest, MeasurementFacts
from glue.series import admin
from glue.series.transfer import Count, Transfer
from glue.settings import Settings
from glue.store import dump as store

SECRETS = "stack.env"


class Step(Protocol):
    """Told now and then how far it is."""

    def tick(self, note: str = "") -> None: ...


class Progress(Protocol):
    """Shows steps to whoever waits."""

    def step(self, title: str) -> AbstractContextManager[Step]: ...


@dataclass(frozen=True)
class Contents:
    """What a backup would hold now. ``free`` is the space on the target's disk, in bytes."""

    databases: dict[str, dict[str, int]]
    measurements: list[str]
    secrets: list[str]
    free: int


def file_name(now: datetime) -> str:
    """Sorts by time; no colon, which some file systems refuse."""
    return f"tonypi-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.tar"


def target(to: Path, now: datetime) -> Path:
    """``to`` is a folder, there or to be made, unless it is named like an archive."""
    return to if to.suffix == ".tar" and not to.is_dir() else to / file_name(now)


def look(settings: Settings, secrets: Mapping[str, str], to: Path) -> Contents:
    """What :func:`create` would take; writes nothing."""
    rows = {}
    for role, database in zip(("glue", "grafana"), store.databases(settings), strict=True):
        with store.snapshot(database) as taken:
            rows[role] = taken.rows
    with Transfer(settings.influx) as series:
        names = [one.name for one in series.measurements()]
    there = next(folder for folder in (to, *to.absolute().parents) if folder.is_dir())
    return Contents(rows, names, sorted(secrets), shutil.disk_usage(there).free)


def create(
    settings: Settings,
    tools: store.Tools,
    secrets: Mapping[str, str],
    path: Path,
    progress: Progress,
) -> Manifest:
    """Write the archive ``path`` and read it back. ``secrets`` is the environment to keep.

    Raises :class:`ArchiveBroken`, :class:`glue.store.StoreError`,
    :class:`glue.series.SeriesError`; ``path`` is not there then.
    """
    now = datetime.now(UTC)
    with archive.writing(path) as out:
        databases, server = _databases(settings, tools, out, progress)
        measurements = _measurements(settings, out, progress)
        with out.member(SECRETS) as file:
            file.write(archive.environment_text(secrets).encode())
        made = Manifest(
            made_at=now.isoformat(timespec="seconds"),
            versions={
                "tonypi": __version__,
                "python": platform.python_version(),
                "postgresql": f"{server // 10000}.{server % 10000}",
                "influxdb": admin.version(settings.influx.url),
            },
            databases=databases,
            bucket=settings.influx.bucket,
            measurements=measurements,
            members=tuple(out.members),
        )
        out.finish(made, secrets.get(archive.KEY, ""))
    return made


def _databases(
    settings: Settings, tools: store.Tools, out: archive.Writer, progress: Progress
) -> tuple[dict[str, DatabaseFacts], int]:
    facts, server = {}, 0
    for role, database in zip(("glue", "grafana"), store.databases(settings), strict=True):
        with progress.step(f"database {database.name}") as step, store.snapshot(database) as taken:
            server = taken.server
            name = f"postgres/{role}.dump"
            with out.member(name) as file:
                store.dump(tools, taken, file, lambda n, s=step: s.tick(megabytes(n)))  # type: ignore[misc]
            facts[role] = DatabaseFacts(name, database.owner, taken.rows, taken.migrations)
    return facts, server


def _measurements(
    settings: Settings, out: archive.Writer, progress: Progress
) -> dict[str, MeasurementFacts]:
    facts = {}
    with Transfer(settings.influx) as series:
        for number, one in enumerate(series.measurements()):
            with progress.step(f"series {one.name}") as step:

                def told(count: Count, step: Step = step) -> None:
                    step.tick(f"{count.points:,} points")

                # Numbered, because a measurement's name may be no name of a file.
                name = f"series/{number:04d}.lp.gz"
                with out.member(name) as file:
                    count = series.export(one, file, told)
            facts[one.name] = MeasurementFacts(name, count.points, count.values, one.mixed)
    return facts


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
