"""Putting an archive back. Nothing is touched before all of it was read and compared.

The databases are filled beside the old ones and change names in one transaction at the end. Points
are written first, into the bucket as it is: a point written twice is one point, so that may break
off anywhere and be done again. The caller sees to it that nobody else writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from glue.backup import archive
from glue.backup.archive import Reader
from glue.backup.create import SECRETS, Progress, megabytes
from glue.backup.manifest import Manifest, check_fits, differences
from glue.series.transfer import Transfer, Written
from glue.settings import Settings
from glue.store import dump as store
from glue.store import migrations, sessions


class RestoreFailed(Exception):
    """The restore was given up; the text says why. The databases are as they were before."""


@dataclass(frozen=True)
class Restored:
    """``expired``: points beyond the bucket's retention, which InfluxDB does not take;
    ``refused``: those of another type than the bucket has, with InfluxDB's first words."""

    rows: int
    points: int
    expired: int
    refused: int
    reason: str


def check(path: Path, settings: Settings, server: int | None, progress: Progress) -> Manifest:
    """Read all of ``path``; raises what makes it unusable here. Touches nothing. ``server`` is the
    major version of PostgreSQL here, None where none is installed yet."""
    with progress.step("checking the archive") as step:
        manifest = archive.verify(path, lambda n: step.tick(megabytes(n)))
    ours, theirs = store.databases(settings)
    owners = {"glue": ours.owner, "grafana": theirs.owner}
    check_fits(manifest, owners, migrations.names(), server)
    return manifest


def kept_secrets(path: Path) -> dict[str, str]:
    """The environment that the archive holds."""
    with archive.reading(path) as opened:
        return archive.environment(opened, SECRETS)


def busy(settings: Settings) -> list[str]:
    """Who is connected to the databases that would be replaced."""
    names = [database.name for database in store.databases(settings)]
    return store.connected_clients(settings.postgres.admin_dsn, names)


def restore(
    path: Path,
    settings: Settings,
    tools: store.Tools,
    finish: Callable[[], None],
    progress: Progress,
) -> Restored:
    """Put ``path`` back into the systems of ``settings``, whose roles and bucket are there.

    ``finish`` brings what was restored to this release (accounts, migrations, secrets); when it
    raises, the old databases get their names back. Raises :class:`RestoreFailed`,
    :class:`glue.store.StoreError`, :class:`glue.series.SeriesError`.
    """
    admin_dsn = settings.postgres.admin_dsn
    databases = dict(zip(("glue", "grafana"), store.databases(settings), strict=True))
    if connected := busy(settings):
        raise RestoreFailed(
            f"connected to the databases: {', '.join(connected)}; stop the glue and Grafana first"
        )
    names = [databases[role].name for role in databases]
    with archive.reading(path) as opened:
        manifest = opened.manifest
        try:
            for role, facts in manifest.databases.items():
                _fill(opened, tools, admin_dsn, databases[role], facts.rows, progress, facts.member)
            written = _series(opened, settings, progress)
        except BaseException:
            store.clear(admin_dsn, names, store.COMING)
            raise
        _exchange(admin_dsn, names, databases["glue"].dsn, finish, progress)
    return Restored(
        rows=manifest.rows,
        points=manifest.points - written.expired - written.refused,
        expired=written.expired,
        refused=written.refused,
        reason=written.reason,
    )


def _fill(
    opened: Reader,
    tools: store.Tools,
    admin_dsn: str,
    database: store.Database,
    expected: dict[str, int],
    progress: Progress,
    member: str,
) -> None:
    with progress.step(f"database {database.name}") as step, opened.member(member) as file:
        found = store.fill(tools, admin_dsn, database, file, lambda n: step.tick(megabytes(n)))
    if wrong := differences(expected, found):
        raise RestoreFailed(f"rows of {database.name!r} are not those of the backup: {wrong}")


def _series(opened: Reader, settings: Settings, progress: Progress) -> Written:
    total = Written()
    with Transfer(settings.influx) as series:
        for name, facts in opened.manifest.measurements.items():
            with (
                progress.step(f"series {name}, {facts.points:,} points") as step,
                opened.member(facts.member) as file,
            ):
                one = series.load(file, lambda n, s=step: s.tick(f"{n:,} batches"))  # type: ignore[misc]
            total = Written(
                total.batches + one.batches,
                total.expired + one.expired,
                total.refused + one.refused,
                total.reason or one.reason,
            )
    return total


def _exchange(
    admin_dsn: str,
    names: list[str],
    owner_dsn: str,
    finish: Callable[[], None],
    progress: Progress,
) -> None:
    with progress.step("changing over"):
        try:
            store.swap(admin_dsn, names)
        except BaseException:
            store.clear(admin_dsn, names, store.COMING)
            raise
        try:
            finish()
            # Who logged out since the backup was made, or was shut out, must not be in again.
            sessions.end_everybodys(owner_dsn, "restored from a backup")
        except BaseException:
            store.swap_back(admin_dsn, names)
            store.clear(admin_dsn, names, store.COMING)
            raise
        store.clear(admin_dsn, names, store.BEFORE)
